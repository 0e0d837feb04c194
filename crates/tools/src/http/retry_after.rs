//! How long a server asks to wait: the header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// A longer wait is taken as this.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait, from seconds or from a date; nothing where there is none or it cannot be read.
///
/// A date is compared with the answer's own `Date`, so that it does not matter whose clock is right.
pub(super) fn read(headers: &HeaderMap) -> Option<Duration> {
    let written = text(headers, &RETRY_AFTER)?;
    let wait = match seconds(written) {
        Some(wait) => wait,
        None => until(http_date(written)?, http_date(text(headers, &DATE)?)?),
    };
    Some(wait.min(LONGEST))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn seconds(written: &str) -> Option<Duration> {
    let digits = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a number holds are a very long wait.
    digits.then(|| Duration::from_secs(written.parse().unwrap_or(u64::MAX)))
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    // A date in the past is no wait.
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// The one form that is sent today, and the two obsolete ones that must still be understood.
fn http_date(written: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = rfc2822::DateTimeParser::new().parse_timestamp(written) {
        return Some(timestamp);
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let civil = obsolete
        .iter()
        .find_map(|form| DateTime::strptime(form, written).ok())?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        read(&headers)
    }

    #[test]
    fn seconds_are_a_wait_of_at_most_a_day() {
        assert_eq!(wait("0", None), Some(Duration::ZERO));
        assert_eq!(wait(" 120 ", None), Some(Duration::from_mins(2)));
        assert_eq!(wait("99999999999999999999999", None), Some(LONGEST));
    }

    #[test]
    fn a_date_in_each_of_its_forms_is_a_wait_from_the_answers_own_date() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for later in [
            "Sun, 06 Nov 1994 08:50:37 GMT",
            "Sunday, 06-Nov-94 08:50:37 GMT",
            "Sun Nov  6 08:50:37 1994",
        ] {
            assert_eq!(wait(later, now), Some(Duration::from_mins(1)), "{later}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_is_no_wait() {
        assert_eq!(wait("soon", None), None);
        assert_eq!(wait("-5", None), None);
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
        assert_eq!(read(&HeaderMap::new()), None);
    }
}
