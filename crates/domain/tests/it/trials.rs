//! Trials in groups: who starts together, and how a node that kills is found among many that do not.

use std::fmt::Write as _;

use gathering_domain::trial::{MAX_TOGETHER, Suspect, Suspicion, UnderWay, convicts, next_turn};
use proptest::prelude::*;

const LIMIT: u32 = 3;

fn strong(at_most: u32) -> Suspicion {
    Suspicion::Strong { at_most }
}

#[test]
fn suspicion_grows_with_the_deaths_and_is_strong_when_one_more_tips_the_scale() {
    let all = |limit| {
        let mut suspect = Suspect::default();
        [(); 4].map(|()| {
            let suspicion = suspect.suspicion(limit);
            suspect = suspect.lost(None);
            suspicion
        })
    };
    let (none, slight, strong) = (Suspicion::None, Suspicion::Slight, strong(MAX_TOGETHER));
    assert_eq!(all(3), [none, slight, strong, strong]);
    assert_eq!(all(5), [none, slight, slight, slight]);
    assert_eq!(
        all(1),
        [none, strong, strong, strong],
        "who was merely beside it is tried once more"
    );
}

#[test]
fn a_death_makes_the_group_an_eighth_and_one_alone_convicts() {
    let mut suspect = Suspect::default().lost(None).lost(None);
    let mut groups = Vec::new();
    while let Suspicion::Strong { at_most } = suspect.suspicion(LIMIT) {
        groups.push(at_most);
        suspect = suspect.lost(Some(at_most));
        if convicts(suspect.deaths(), LIMIT, Some(at_most)) {
            break;
        }
    }
    assert_eq!(groups, [64, 8, 1]);
    assert!(!convicts(9, LIMIT, None), "it was not on trial");
    assert!(!convicts(LIMIT - 1, LIMIT, Some(1)));
    let few = Suspect::default().lost(Some(3));
    assert_eq!(few.suspicion(1), strong(1));
    assert_eq!(few.lost(Some(64)).suspicion(1), strong(1), "it never grows again");
}

#[test]
fn who_starts_now() {
    let (s, t) = (Suspicion::Slight, strong);
    let lines: [&[Suspicion]; 8] = [
        &[],
        &[s, s],
        &[s, t(64), s],
        &[t(64), s, t(64)],
        &[t(1), t(64), t(64)],
        &[t(64), t(1), t(2), t(64)],
        &[t(4), t(2), t(2), t(2)],
        &[t(2), t(64), t(64), t(2)],
    ];
    let mut table = String::new();
    for line in lines {
        let waiting: Vec<_> = line
            .iter()
            .map(|one| match one {
                Suspicion::Strong { at_most } => at_most.to_string(),
                Suspicion::None | Suspicion::Slight => "slight".to_owned(),
            })
            .collect();
        let [nobody, beside, group] = [UnderWay::Nobody, UnderWay::Beside, UnderWay::Group]
            .map(|under_way| format!("{:?}", next_turn(under_way, line.iter().copied())));
        let waiting = waiting.join(" ");
        writeln!(table, "{waiting:18} nobody {nobody:10} beside {beside:8} group {group}").expect("it is a string");
    }
    insta::assert_snapshot!(table);
}

/// What the nodes of one process come to, life after life, while one of them kills it and each of the others ends by itself.
struct World {
    seed: u64,
    killer: usize,
    suspects: Vec<Suspect>,
    open: Vec<usize>,
    convicted: Vec<usize>,
    deaths: u32,
}

impl World {
    /// So many nodes, all of which were due when the first process died.
    fn new(nodes: usize, seed: u64) -> Self {
        let mut seed = seed;
        Self {
            killer: below(&mut seed, nodes),
            seed,
            suspects: vec![Suspect::default().lost(None); nodes],
            open: (0..nodes).collect(),
            convicted: Vec::new(),
            deaths: 1,
        }
    }

    /// One life: until the process dies, or nothing is left to do. At most `room` wait at once, as those of one run do.
    fn live(&mut self, room: usize) {
        let mut line = self.open.clone();
        for place in (1..line.len()).rev() {
            line.swap(place, below(&mut self.seed, place + 1));
        }
        let mut under_way: Vec<(usize, Option<u32>)> = Vec::new();
        while !(line.is_empty() && under_way.is_empty()) {
            let kind = match under_way.first() {
                None => UnderWay::Nobody,
                Some((_, None)) => UnderWay::Beside,
                Some((_, Some(_))) => UnderWay::Group,
            };
            let waiting = line.iter().take(room).map(|node| self.suspects[*node].suspicion(LIMIT));
            let turn = next_turn(kind, waiting);
            let size = u32::try_from(turn.len()).expect("it is small");
            for place in turn.into_iter().rev() {
                let node = line.remove(place);
                let tried = matches!(self.suspects[node].suspicion(LIMIT), Suspicion::Strong { at_most } if {
                    assert!(size <= at_most, "{size} together, but at most {at_most}");
                    true
                });
                under_way.push((node, tried.then_some(size)));
            }
            let next = below(&mut self.seed, under_way.len());
            if under_way[next].0 == self.killer {
                return self.die(&under_way);
            }
            let (ended, _) = under_way.swap_remove(next);
            self.open.retain(|node| *node != ended);
        }
    }

    fn die(&mut self, under_way: &[(usize, Option<u32>)]) {
        self.deaths += 1;
        for (node, together) in under_way {
            self.suspects[*node] = self.suspects[*node].lost(*together);
            if convicts(self.suspects[*node].deaths(), LIMIT, *together) {
                self.convicted.push(*node);
                self.open.retain(|open| open != node);
            }
        }
    }
}

/// A number below the bound; splitmix64.
fn below(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("it is below a usize")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn of_a_thousand_suspects_exactly_the_one_that_kills_is_convicted(seed: u64, nodes in 1..=1_000_usize, room in 1..=200_usize) {
        let mut world = World::new(nodes, seed);
        while !world.open.is_empty() {
            world.live(room);
            prop_assert!(world.deaths <= LIMIT + 2, "{} processes died", world.deaths);
        }
        prop_assert_eq!(&world.convicted, &[world.killer]);
        prop_assert!(world.deaths >= LIMIT);
    }
}
