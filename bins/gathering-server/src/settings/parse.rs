//! Reads the text of a setting; what is refused says what would be right.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use gathering::{OutboundPolicy, Registration};
use ipnet::IpNet;
use reqwest::Url;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use crate::http::client_address::ForwardedHeader;
use crate::http::cors::Origins;
use crate::http::limits::{MOST_ROUTES, Rate, RedisAddress, RouteRate};
use crate::nearest::suggestion;
use crate::telemetry::LogFormat;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| format!("`{text}` is no address with a port, such as 127.0.0.1:8080 or [::1]:0"))
}

/// `off`, or where to listen.
pub(super) fn optional_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    address(text)
        .map(Some)
        .map_err(|problem| format!("{problem}, nor is it off"))
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("is empty, but must name a directory".to_owned());
    }
    Ok(PathBuf::from(text))
}

pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("is empty, but must name a file".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// The text may hold a password, so a refusal does not repeat it.
pub(super) fn database_url(text: &str) -> Result<SecretString, String> {
    let known = ["postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.starts_with(scheme)) || text.contains("host=") {
        return Ok(SecretString::from(text));
    }
    Err("must look like postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())
}

/// As little is repeated of this one.
pub(super) fn redis_url(text: &str) -> Result<RedisAddress, String> {
    let shape = || "must look like redis://USER:PASSWORD@HOST:PORT, or rediss://… for TLS".to_owned();
    RedisAddress::parse(text).ok_or_else(shape)
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    one_of(text, &[("json", LogFormat::Json), ("text", LogFormat::Text)])
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "`{text}` is no filter such as info or gathering=debug,warn: {error}"
        )),
    }
}

/// `off`, or where a collector is. A name or password in it would be shown with the other settings, so there is none.
pub(super) fn collector(text: &str) -> Result<Option<Url>, String> {
    if text == "off" {
        return Ok(None);
    }
    let fits = |url: &Url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        ["http", "https"].contains(&url.scheme()) && url.has_host() && plain
    };
    let url = text.parse::<Url>().ok().filter(fits);
    let wrong = || "is neither off nor an address such as http://127.0.0.1:4318, without a name, password or query";
    url.map(Some).ok_or_else(|| wrong().to_owned())
}

pub(super) fn registration(text: &str) -> Result<Registration, String> {
    one_of(
        text,
        &[
            ("open", Registration::Open),
            ("invite", Registration::Invite),
            ("closed", Registration::Closed),
        ],
    )
}

pub(super) fn outbound(text: &str) -> Result<OutboundPolicy, String> {
    text.parse::<OutboundPolicy>().map_err(|error| error.to_string())
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    one_of(text, &[("on", true), ("off", false)])
}

/// `500/1s`: so many at once, and as many again in the time.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let shape = || format!("`{text}` is no rate such as 500/1s: 1 to 1000000 requests, and a duration of 1s to 1h");
    let (requests, per) = text.split_once('/').ok_or_else(shape)?;
    let requests = number(requests.trim(), 1..=1_000_000).ok();
    let requests = requests.and_then(|requests| NonZeroU32::new(u32::try_from(requests).ok()?));
    let per = duration(per.trim(), Duration::from_secs(1)..=Duration::from_hours(1)).ok();
    let (requests, per) = requests.zip(per).ok_or_else(shape)?;
    Ok(Rate { requests, per })
}

/// Comma-separated routes with a rate each, as in `POST /api/v1/runs/cancel=10/1m`; none where the text is empty.
pub(super) fn route_rates(text: &str) -> Result<Vec<RouteRate>, String> {
    let mut rates: Vec<RouteRate> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let shape = || format!("`{part}` is not of the form `POST /api/v1/runs/cancel=10/1m`");
        let (route, given) = part.split_once('=').ok_or_else(shape)?;
        let (method, path) = route.trim().split_once(' ').ok_or_else(shape)?;
        let new = RouteRate::new(method, path.trim(), rate(given.trim())?)?;
        if rates.iter().any(|known| known.is_of(&new)) {
            return Err(format!("`{}` is there more than once", route.trim()));
        }
        rates.push(new);
    }
    if rates.len() > MOST_ROUTES {
        return Err(format!(
            "{} routes are more than the {MOST_ROUTES} that may have a limit of their own",
            rates.len()
        ));
    }
    Ok(rates)
}

pub(super) fn forwarded_header(text: &str) -> Result<ForwardedHeader, String> {
    one_of(
        text,
        &[
            ("x-forwarded-for", ForwardedHeader::XForwardedFor),
            ("forwarded", ForwardedHeader::Forwarded),
        ],
    )
}

/// Comma-separated networks or addresses; none where the text is empty.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let network = |part: &str| {
        let single = || part.parse::<IpAddr>().ok().map(IpNet::from);
        let network = part.parse::<IpNet>().ok().or_else(single);
        network.ok_or_else(|| format!("`{part}` is no network such as 10.0.0.0/8 or fd00::/8, nor an address"))
    };
    parts.map(network).collect()
}

/// Nothing, `*`, or comma-separated origins, each exactly as browsers send it: another way to write one would never match.
pub(super) fn origins(text: &str) -> Result<Origins, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] => Ok(Origins::Nobody),
        ["*"] => Ok(Origins::Everybody),
        _ => parts
            .into_iter()
            .map(origin)
            .collect::<Result<_, _>>()
            .map(Origins::These),
    }
}

fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Err("`*` is everybody: write nothing beside it".to_owned());
    }
    let sent = text.parse::<Url>().ok();
    let sent = sent.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    match sent.map(|url| url.origin().ascii_serialization()) {
        Some(sent) if sent == text => Ok(sent),
        Some(sent) => Err(format!("`{text}` is not as browsers send it; did you mean `{sent}`?")),
        None => Err(format!(
            "`{text}` is no origin such as https://app.example.org or http://localhost:3000"
        )),
    }
}

pub(super) fn number(text: &str, range: RangeInclusive<u32>) -> Result<usize, String> {
    text.parse::<u32>()
        .ok()
        .filter(|number| range.contains(number))
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| format!("`{text}` is no whole number from {} to {}", range.start(), range.end()))
}

pub(super) fn bytes(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix("KiB") {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix("MiB").map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits
        .trim_end()
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| {
            format!(
                "`{text}` is no size from {} to {} bytes, such as 2097152, 512KiB or 2MiB",
                range.start(),
                range.end()
            )
        })
}

pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let duration = gathering::parse_duration(text).map_err(|error| error.to_string())?;
    if range.contains(&duration) {
        return Ok(duration);
    }
    Err(format!(
        "`{text}` is not from {} to {}",
        gathering::format_duration(*range.start()),
        gathering::format_duration(*range.end())
    ))
}

/// `off`, or how long: whole weeks of runs are dropped, and keys are looked after once an hour, so less than a day would promise what is not
/// kept.
pub(super) fn off_or_days(text: &str) -> Result<Option<Duration>, String> {
    const DAY: Duration = Duration::from_hours(24);
    if text == "off" {
        return Ok(None);
    }
    let days = duration(text, DAY..=3650 * DAY).map(Some);
    days.map_err(|problem| format!("{problem}, nor is it off"))
}

fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let hint = suggestion(text, names.iter().copied());
    Err(format!("`{text}` is none of {}{hint}", names.join(", ")))
}
