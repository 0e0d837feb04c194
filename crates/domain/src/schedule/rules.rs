//! What a schedule says: when it is due, and what becomes of due times that come late or too early. Read from JSON, and written as JSON.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::policy::{Misfire, MisfirePolicy, Overlap};
use super::reading::{Fields, Problems, ScheduleProblem};
use super::times::{CronProblem, CronTimes, Dst, Exclusions, Fold, Gap, Series, Times, canonical_zone, zone};
use super::timetable::{Recurrence, Timetable};
use crate::duration::{MAX_DURATION, format_duration};

/// The shortest interval, and the shortest window of misfires.
const SECOND: Duration = Duration::from_secs(1);
/// The longest jitter and grace.
const DAY: Duration = Duration::from_hours(24);

/// When a schedule is due, and by which policies it fires; every policy is there, also where JSON left it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When it is due.
    pub kind: Kind,
    /// The IANA name of the zone of its pattern and of its excluded days, as it is written; default `UTC`.
    pub timezone: String,
    /// What becomes of missed due times.
    pub misfire: Misfire,
    /// What a due time does while an earlier firing has not ended.
    pub overlap: Overlap,
    /// Each firing comes later by a time of its own, up to this long and never after the next due time. Default 0, at most a day.
    pub jitter: Duration,
    /// Nothing is due before.
    pub start_at: Option<Timestamp>,
    /// Nothing is due from then on.
    pub end_at: Option<Timestamp>,
    /// How often it fires in all: due times that fired or wait to.
    pub max_firings: Option<u64>,
    /// Days on which nothing is due.
    pub exclude: Vec<String>,
    /// It pauses itself after so many failures in a row.
    pub pause_after_failures: Option<u32>,
}

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// As a cron pattern says.
    Cron {
        /// The pattern.
        cron: String,
        /// What it does where clocks are put forward and back.
        dst: Dst,
    },
    /// Again and again.
    Interval {
        /// From a second to ten years.
        every: Duration,
        /// Counted from what.
        mode: IntervalMode,
    },
    /// Once.
    Once {
        /// When.
        at: Timestamp,
    },
}

/// What an interval is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntervalMode {
    /// From one due time to the next.
    #[default]
    FixedRate,
    /// From the end of one firing to the next.
    FixedDelay,
}

impl IntervalMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("fixed_rate", Self::FixedRate), ("fixed_delay", Self::FixedDelay)];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedRate => "fixed_rate",
            Self::FixedDelay => "fixed_delay",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KindWord {
    Cron,
    Interval,
    Once,
    Event,
}

impl Kind {
    /// Its name in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Cron { .. } => "cron",
            Self::Interval { .. } => "interval",
            Self::Once { .. } => "once",
        }
    }
}

const KINDS: &[(&str, KindWord)] = &[
    ("cron", KindWord::Cron),
    ("interval", KindWord::Interval),
    ("once", KindWord::Once),
    ("event", KindWord::Event),
];
const GAPS: &[(&str, Gap)] = &[("skip", Gap::Skip), ("shift", Gap::Shift)];
const FOLDS: &[(&str, Fold)] = &[("first", Fold::First), ("second", Fold::Second), ("both", Fold::Both)];

impl Rules {
    /// Every field that rules have.
    pub const FIELDS: [&'static str; 15] = [
        "kind",
        "cron",
        "timezone",
        "dst",
        "every",
        "mode",
        "at",
        "misfire",
        "overlap",
        "jitter",
        "start_at",
        "end_at",
        "max_firings",
        "exclude",
        "pause_after_failures",
    ];

    /// Reads rules, and compiles them to see that they can be. All problems are told at once.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, Vec<ScheduleProblem>> {
        let mut problems = Problems::default();
        let rules = Self::read(object, &mut problems);
        if let Some(Err(more)) = rules.as_ref().map(|rules| rules.timetable(Timestamp::UNIX_EPOCH)) {
            problems.extend(more);
        }
        rules.filter(|_| problems.is_empty()).ok_or(problems.into_vec())
    }

    fn read(object: &Map<String, Value>, problems: &mut Problems) -> Option<Self> {
        let misfire = read_misfire(object, problems);
        let mut fields = Fields::new(object, "", problems);
        fields.only(&Self::FIELDS);
        let timezone = fields.text("timezone").unwrap_or("UTC");
        // As it is written; one that is not known is told of below, as it was sent.
        let timezone = canonical_zone(timezone).unwrap_or(timezone).to_owned();
        let overlap = fields.word("overlap", Overlap::WORDS).unwrap_or_default();
        let jitter = fields.duration("jitter", Duration::ZERO, DAY).unwrap_or_default();
        let start_at = fields.moment("start_at");
        let end_at = fields.moment("end_at");
        if start_at.zip(end_at).is_some_and(|(start, end)| end <= start) {
            let message = "this must be later than `start_at`; from `end_at` on nothing is due";
            fields.problems().invalid("end_at", message);
        }
        let max_firings = fields.number("max_firings", 1, 1_000_000_000);
        let exclude = fields.texts("exclude");
        let failures = fields.number("pause_after_failures", 1, 1_000);
        let Some(kind) = read_kind(object, problems) else {
            // Without it the rules come to nothing, and what does not depend on it is told as well.
            exclusions(&timezone, &exclude, problems);
            return None;
        };
        Some(Self {
            kind,
            timezone,
            misfire,
            overlap,
            jitter,
            start_at,
            end_at,
            max_firings,
            exclude,
            pause_after_failures: failures.and_then(|count| u32::try_from(count).ok()),
        })
    }

    /// The same as JSON, with every policy; [`Rules::parse`] reads the same rules from it.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("kind", self.kind.as_str().into());
        match &self.kind {
            Kind::Cron { cron, dst } => {
                put("cron", cron.as_str().into());
                put(
                    "dst",
                    json!({"gap": name(GAPS, &dst.gap), "fold": name(FOLDS, &dst.fold)}),
                );
            }
            Kind::Interval { every, mode } => {
                put("every", format_duration(*every).into());
                put("mode", mode.as_str().into());
            }
            Kind::Once { at } => {
                put("at", at.to_string().into());
            }
        }
        put("timezone", self.timezone.as_str().into());
        put("misfire", misfire_json(&self.misfire));
        put("overlap", self.overlap.as_str().into());
        put("jitter", format_duration(self.jitter).into());
        put("start_at", self.start_at.map(|at| at.to_string()).into());
        put("end_at", self.end_at.map(|at| at.to_string()).into());
        put("max_firings", self.max_firings.into());
        put("exclude", self.exclude.clone().into());
        put("pause_after_failures", self.pause_after_failures.into());
        object
    }

    /// What the rules come to for a schedule that was made at `anchor`: an interval without `start_at` counts from then.
    pub fn timetable(&self, anchor: Timestamp) -> Result<Timetable, Vec<ScheduleProblem>> {
        let mut problems = Problems::default();
        let exclusions = exclusions(&self.timezone, &self.exclude, &mut problems);
        let recurrence = self.recurrence(anchor, exclusions, &mut problems);
        match recurrence {
            Some(recurrence) if problems.is_empty() => Ok(Timetable::new(self, recurrence)),
            _ => Err(problems.into_vec()),
        }
    }

    fn recurrence(
        &self,
        anchor: Timestamp,
        exclusions: Option<Exclusions>,
        problems: &mut Problems,
    ) -> Option<Recurrence> {
        let times = match &self.kind {
            Kind::Cron { cron, dst } => match CronTimes::parse(cron, &self.timezone, *dst) {
                Ok(times) => Times::Cron(times),
                // Told of the field `timezone` already.
                Err(CronProblem::UnknownZone(_)) => return None,
                Err(problem) => {
                    problems.add("cron", "invalid_cron", problem.to_string());
                    return None;
                }
            },
            Kind::Interval { every, mode } => match mode {
                IntervalMode::FixedRate => Times::FixedRate {
                    // Like the first one of a fixed delay: after a whole interval, unless it is said when.
                    anchor: self.start_at.or_else(|| anchor.checked_add(*every).ok())?,
                    every: *every,
                },
                IntervalMode::FixedDelay => {
                    return Some(Recurrence::FixedDelay {
                        // The first one comes after the same wait as all others, unless it is said when.
                        first: self.start_at.or_else(|| anchor.checked_add(*every).ok())?,
                        every: *every,
                        end_at: self.end_at,
                        exclusions: exclusions?,
                    });
                }
            },
            Kind::Once { at } => Times::Once(*at),
        };
        Some(Recurrence::Series(Series::new(
            times,
            self.start_at,
            self.end_at,
            exclusions?,
        )))
    }
}

/// The excluded days of a zone. Of a zone that is not known the days are read all the same, so that everything is told at once.
fn exclusions(timezone: &str, days: &[String], problems: &mut Problems) -> Option<Exclusions> {
    let known = zone(timezone);
    if let Err(error) = &known {
        problems.add("timezone", "unknown_timezone", error.to_string());
    }
    match Exclusions::parse(days, known.as_ref().unwrap_or(&TimeZone::UTC)) {
        Ok(exclusions) => known.is_ok().then_some(exclusions),
        Err(faults) => {
            for (index, fault) in faults {
                problems.invalid(format!("exclude[{index}]"), fault.to_string());
            }
            None
        }
    }
}

fn read_kind(object: &Map<String, Value>, problems: &mut Problems) -> Option<Kind> {
    let mut fields = Fields::new(object, "", problems);
    if fields.get("kind").is_none() {
        fields.missing("kind", "cron, interval or once");
        return None;
    }
    let word = fields.word("kind", KINDS)?;
    if word != KindWord::Cron {
        fields.absent("cron", "only schedules of the kind `cron` have a pattern");
        fields.absent(
            "dst",
            "only schedules of the kind `cron` go by clocks that are put forward and back",
        );
    }
    if word != KindWord::Interval {
        fields.absent("every", "only schedules of the kind `interval` have it");
        fields.absent("mode", "only schedules of the kind `interval` have it");
    }
    if word != KindWord::Once {
        fields.absent(
            "at",
            "only schedules of the kind `once` have it; others take `start_at`",
        );
    }
    match word {
        KindWord::Cron => read_cron(&mut fields),
        KindWord::Interval => read_interval(&mut fields),
        KindWord::Once => {
            if fields.get("at").is_none() {
                fields.missing("at", "when it fires, as in 2027-01-31T08:00:00Z");
            }
            Some(Kind::Once {
                at: fields.moment("at")?,
            })
        }
        KindWord::Event => {
            let message = "schedules that fire on events are not available yet; there are cron, interval and once";
            fields.problems().invalid("kind", message);
            None
        }
    }
}

fn read_cron(fields: &mut Fields<'_, '_>) -> Option<Kind> {
    if fields.get("cron").is_none() {
        fields.missing("cron", "a pattern such as `0 3 * * *`");
    }
    let cron = fields.text("cron").map(str::to_owned);
    let dst = match fields.object("dst") {
        Some(object) => {
            let mut fields = Fields::new(object, "dst", fields.problems());
            fields.only(&["gap", "fold"]);
            Dst {
                gap: fields.word("gap", GAPS).unwrap_or_default(),
                fold: fields.word("fold", FOLDS).unwrap_or_default(),
            }
        }
        None => Dst::default(),
    };
    Some(Kind::Cron { cron: cron?, dst })
}

fn read_interval(fields: &mut Fields<'_, '_>) -> Option<Kind> {
    if fields.get("every").is_none() {
        fields.missing("every", "how long from one to the next, as in 15m");
    }
    let mode = fields.word("mode", IntervalMode::WORDS).unwrap_or_default();
    let every = fields.duration("every", SECOND, MAX_DURATION)?;
    Some(Kind::Interval { every, mode })
}

fn read_misfire(object: &Map<String, Value>, problems: &mut Problems) -> Misfire {
    let usual = Misfire::default();
    let Some(object) = Fields::new(object, "", problems).object("misfire") else {
        return usual;
    };
    let mut fields = Fields::new(object, "misfire", problems);
    fields.only(&["policy", "window", "max", "grace"]);
    let max = fields.number("max", 1, u64::from(Misfire::MOST));
    Misfire {
        policy: fields.word("policy", MisfirePolicy::WORDS).unwrap_or_default(),
        window: fields.duration("window", SECOND, MAX_DURATION).unwrap_or(usual.window),
        max: max.and_then(|max| u32::try_from(max).ok()).unwrap_or(usual.max),
        grace: fields.duration("grace", SECOND, DAY).unwrap_or(usual.grace),
    }
}

fn misfire_json(misfire: &Misfire) -> Value {
    json!({
        "policy": misfire.policy.as_str(),
        "window": format_duration(misfire.window),
        "max": misfire.max,
        "grace": format_duration(misfire.grace),
    })
}

fn name<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> &'static str {
    let word = words.iter().find(|(_, known)| known == meaning);
    word.map_or("", |(word, _)| word)
}
