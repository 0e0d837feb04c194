//! W3C Trace Context: what is read, what is refused, and that what is written is read again as the same.

use gathering_domain::{Entropy, TraceContext};
use proptest::prelude::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn read(parent: &str) -> Option<TraceContext> {
    TraceContext::from_headers(parent, [])
}

fn state(headers: &[&str]) -> Option<String> {
    let context = TraceContext::from_headers(PARENT, headers.iter().copied());
    assert!(context.is_some(), "a wrong state does not make the parent wrong");
    context?.tracestate().map(str::to_owned)
}

#[derive(Debug)]
struct Always(u8);

impl Entropy for Always {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

#[test]
fn a_valid_parent_is_read_and_written_as_it_was() {
    let context = read(PARENT).unwrap();
    assert_eq!(context.traceparent(), PARENT);
    assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
    assert!(context.is_sampled());
}

#[test]
fn what_breaks_a_rule_is_no_parent() {
    for wrong in [
        "",
        "00",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
        "0é-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known_and_passed_on_as_ours() {
    for later in [
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fd-what-else",
    ] {
        assert_eq!(read(later).unwrap().traceparent(), PARENT);
    }
}

#[test]
fn headers_of_state_are_one_list_without_empty_members() {
    assert_eq!(state(&["a=1 , b=2", "", "c@d=x y"]).as_deref(), Some("a=1,b=2,c@d=x y"));
    assert_eq!(state(&["", " , "]), None);
}

#[test]
fn one_wrong_member_makes_all_of_the_state_worth_nothing() {
    let many = (0..33)
        .map(|number| format!("k{number}=1"))
        .collect::<Vec<_>>()
        .join(",");
    let long = format!("a={}", "x".repeat(257));
    for wrong in [
        "a", "a=", "=1", "A=1", "a=1=2", "a=1,a=2", "a b=1", "a=\u{e9}", "a@b@c=1", &many, &long,
    ] {
        assert_eq!(state(&["ok=1", wrong]), None, "{wrong}");
    }
}

#[test]
fn too_long_a_state_loses_long_members_first_and_then_the_last() {
    let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
    let all = [
        member("a", 100),
        member("b", 200),
        member("c", 128),
        member("d", 128),
        member("e", 128),
    ];
    let kept = state(&[&all.join(",")]).unwrap();
    assert_eq!(kept, [&*all[0], &all[2], &all[3], &all[4]].join(","));
    let short: Vec<_> = (0..30).map(|number| member(&format!("k{number}"), 20)).collect();
    let kept = state(&[&short.join(",")]).unwrap();
    assert_eq!(kept, short[..24].join(","));
}

#[test]
fn a_new_trace_has_ids_even_where_chance_gives_none() {
    let context = TraceContext::new(&Always(0));
    assert!(read(&context.traceparent()).is_some());
    assert!(context.is_sampled());
}

#[test]
fn a_child_is_another_span_of_the_same_trace_with_its_flags_and_state() {
    let parent =
        TraceContext::from_headers("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", ["a=1"]).unwrap();
    let child = parent.child(&Always(7));
    assert_eq!(
        child.traceparent(),
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-00"
    );
    assert_eq!(child.tracestate(), Some("a=1"));
}

proptest! {
    #[test]
    fn whatever_is_sent_is_refused_or_passed_on_within_the_rules(parent in "\\PC{0,70}", state in "\\PC{0,700}") {
        prop_assert!(read(&parent).is_none_or(|context| context.traceparent().len() == 55));
        let context = TraceContext::from_headers(PARENT, [state.as_str()]).unwrap();
        prop_assert!(context.tracestate().is_none_or(|state| state.len() <= 512 && state.split(',').count() <= 32));
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same(
        trace in 1_u128.., span in 1_u64.., flags in 0_u8..4,
        members in proptest::collection::btree_map("[a-z0-9][a-z0-9_/*-]{0,20}", "[!-+\\--<>-~]([ -+\\--<>-~]{0,20}[!-+\\--<>-~])?", 0..40),
    ) {
        let parent = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
        let headers: Vec<_> = members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let context = TraceContext::from_headers(&parent, headers.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(&context.traceparent(), &parent);
        prop_assert_eq!(context.tracestate().is_some(), (1..=32).contains(&members.len()));
        let written = context.to_string();
        prop_assert!(written.len() <= 568);
        prop_assert_eq!(written.parse::<TraceContext>(), Ok(context));
    }
}
