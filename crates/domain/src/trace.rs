//! W3C Trace Context: which trace something belongs to, and what in it comes just before.
//!
//! Read and written as <https://www.w3.org/TR/trace-context-2/> says: `traceparent` of version 00 and of later ones as far as they are known,
//! `tracestate` of up to 32 members.

use std::fmt;
use std::str::FromStr;

use crate::Entropy;

/// What of the flags is known: sampled, and that the trace id is random.
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;
/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;
/// The most characters of a `tracestate` that are passed on.
const MAX_STATE: usize = 512;
const MAX_MEMBERS: usize = 32;
/// Members longer than this go first where the whole is too long.
const LONG_MEMBER: usize = 128;
/// The most characters of a key, and of a value.
const MAX_TEXT: usize = 256;

/// A trace, and the span in it that whatever happens next belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<Box<str>>,
}

/// A text that is no trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trace context is written VERSION-TRACE-PARENT-FLAGS, in lower-case hexadecimal digits")]
pub struct NoTraceContext;

impl TraceContext {
    /// A new trace, of which nothing is known yet. It is marked as recorded: whoever is called later would else keep nothing of it either.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self {
            trace_id: u128::from_be_bytes(random(entropy)).max(1),
            span_id: span(entropy),
            flags: KNOWN_FLAGS,
            state: None,
        }
    }

    /// What the headers of a request say. A `traceparent` that breaks a rule is none; a `tracestate` that does is left out.
    /// Several `tracestate` headers are one, in their order.
    pub fn from_headers<'a>(traceparent: &str, tracestate: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let (trace_id, span_id, flags) = parent(traceparent)?;
        Some(Self {
            trace_id,
            span_id,
            flags,
            state: state(tracestate),
        })
    }

    /// The next span of the same trace.
    #[must_use]
    pub fn child(&self, entropy: &dyn Entropy) -> Self {
        Self {
            span_id: span(entropy),
            ..self.clone()
        }
    }

    /// The trace's id, which all of it has in common.
    pub fn trace_id(&self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// The id of this span.
    pub fn span_id(&self) -> SpanId {
        SpanId(self.span_id)
    }

    /// Whether somebody before may have recorded it.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The header `traceparent` for what this span calls.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }

    /// The header `tracestate`, where there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// The id of a trace; written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// The id of a span; written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// As it is kept: `traceparent`, and behind a space `tracestate` where there is one.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())?;
        self.tracestate().map_or(Ok(()), |state| write!(f, " {state}"))
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (parent, state) = text.split_once(' ').unwrap_or((text, ""));
        Self::from_headers(parent, [state]).ok_or(NoTraceContext)
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// All zeros mean that there is none.
fn span(entropy: &dyn Entropy) -> u64 {
    u64::from_be_bytes(random(entropy)).max(1)
}

/// The ids and flags of a `traceparent`.
fn parent(text: &str) -> Option<(u128, u64, u8)> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut parts = known.split('-');
    let version = u8::try_from(hex(parts.next()?, 2)?)
        .ok()
        .filter(|version| *version != 0xff)?;
    // A later version may say more behind the flags; this one says nothing more.
    if !(rest.is_empty() || (version > 0 && rest.starts_with('-'))) {
        return None;
    }
    let trace_id = hex(parts.next()?, 32).filter(|id| *id != 0)?;
    let span_id = u64::try_from(hex(parts.next()?, 16)?).ok().filter(|id| *id != 0)?;
    let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
    parts
        .next()
        .is_none()
        .then_some((trace_id, span_id, flags & KNOWN_FLAGS))
}

/// So many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let right = text.len() == digits && text.bytes().all(digit);
    right.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// The members that can be passed on, as one text. One wrong member makes all of them worth nothing.
fn state<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Box<str>> {
    let mut members: Vec<&str> = Vec::new();
    for member in headers.into_iter().flat_map(|header| header.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let twice = members
            .iter()
            .any(|other| other.split_once('=').is_some_and(|(other, _)| other == key));
        if twice || !is_key(key) || !is_value(value) || members.len() == MAX_MEMBERS {
            return None;
        }
        members.push(member);
    }
    shorten(&mut members);
    (!members.is_empty()).then(|| members.join(",").into())
}

/// Only whole members go: the long ones first, and then the oldest, which are the last.
fn shorten(members: &mut Vec<&str>) {
    let length = |members: &[&str]| {
        members
            .iter()
            .map(|member| member.len() + 1)
            .sum::<usize>()
            .saturating_sub(1)
    };
    while length(members) > MAX_STATE {
        let long = members.iter().rposition(|member| member.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
}

fn is_key(key: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let other = |byte: u8| first(byte) || b"_-*/@".contains(&byte);
    let tenants = key.bytes().filter(|byte| *byte == b'@').count();
    key.len() <= MAX_TEXT && key.bytes().next().is_some_and(first) && key.bytes().all(other) && tenants <= 1
}

/// Visible characters and spaces, the last one no space.
fn is_value(value: &str) -> bool {
    let right = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=' && byte != b',';
    (1..=MAX_TEXT).contains(&value.len()) && value.bytes().all(right) && !value.ends_with(' ')
}
