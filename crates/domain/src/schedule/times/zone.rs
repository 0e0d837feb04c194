//! Time zones by their IANA names.
//!
//! Which names there are is decided by the database in the binary, so that all instances of a version agree on it and no name reaches the file system that is not
//! in this list. The rules of a zone come from the system's database where it has the zone, because that one is kept up to date.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The longest name that is looked at, in bytes; the longest that exists has 32.
const MAX_NAME: usize = 64;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// What there is, in order of the small letters.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = BUNDLED.available().map(|name| name.as_str().to_owned());
    // `Factory` stands for a machine that was not set up.
    let mut names: Vec<String> = names.filter(|name| name != "Factory").collect();
    names.sort_by_key(|name| name.to_ascii_lowercase());
    names
});

/// There is no time zone of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownZone {
    name: String,
    nearest: Option<&'static str>,
}

impl std::error::Error for UnknownZone {}

impl std::fmt::Display for UnknownZone {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match self.nearest {
            Some(nearest) => write!(out, "there is no time zone `{name}`; did you mean `{nearest}`?"),
            None => write!(
                out,
                "there is no time zone `{name}`; use an IANA name such as `Europe/Berlin`, or `UTC`"
            ),
        }
    }
}

/// The time zone of an IANA name, in large or small letters; [`TimeZone::iana_name`] gives it as it is written.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    let unknown = || UnknownZone {
        name: name.chars().take(MAX_NAME).collect(),
        nearest: nearest(name),
    };
    let known = canonical(name).ok_or_else(unknown)?;
    let zone = jiff::tz::db().get(known).or_else(|_not_there| BUNDLED.get(known));
    zone.map_err(|_not_there| unknown())
}

/// The name of a time zone as it is written, of one in large or small letters; `None` where there is none such. Another name of the same zone stays what it is: `US/Eastern`.
pub fn canonical(name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let wanted = name.to_ascii_lowercase();
    let place = NAMES.binary_search_by(|known| known.to_ascii_lowercase().cmp(&wanted));
    place.ok().map(|place| NAMES[place].as_str())
}

/// A zone whose city has this name, or one that is written almost like it.
fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME || name.len() < 2 {
        return None;
    }
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    let named = NAMES.iter().map(String::as_str);
    let distance = |known: &str| {
        let known = known.to_ascii_lowercase();
        let city = known
            .rsplit('/')
            .next()
            .map_or(usize::MAX, |city| strsim::osa_distance(&wanted, city));
        strsim::osa_distance(&wanted, &known).min(city)
    };
    let (far, nearest) = named.map(|known| (distance(known), known)).min()?;
    (far <= wanted.len() / 4 + 1 && far < wanted.len()).then_some(nearest)
}
