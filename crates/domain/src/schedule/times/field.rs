//! What may stand in the fields of a pattern.
//!
//! croner would find most of it as well, but tells neither the field nor what would do, and takes some of what can only be a slip: empty pieces of lists, names of months
//! in other fields, lists with `W` or a lone `L` as a weekday. Of lists with a `*` among them it knows nothing; they are written for it in another way.

use super::problem::{CronProblem, MAX_PATTERN};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const LAST_YEAR: u16 = super::LAST_YEAR.unsigned_abs();
/// Where `*/2` in years begins, as elsewhere.
const FIRST_STEPPED_YEAR: u16 = 1970;
/// The patterns that have names; in small letters, as section 7.1 of OCPS 1.1 demands.
const NAMED: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// One of the seven fields.
#[derive(Debug)]
struct Field {
    name: &'static str,
    least: u16,
    most: u16,
    /// Names of values, the first for `first_name`.
    names: &'static [&'static str],
    first_name: u16,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    DayOfMonth,
    DayOfWeek,
}

const FIELDS: [Field; 7] = [
    Field::plain("second", 0, 59),
    Field::plain("minute", 0, 59),
    Field::plain("hour", 0, 23),
    Field {
        kind: Kind::DayOfMonth,
        ..Field::plain("day of month", 1, 31)
    },
    Field {
        names: &MONTHS,
        first_name: 1,
        ..Field::plain("month", 1, 12)
    },
    Field {
        names: &WEEKDAYS,
        kind: Kind::DayOfWeek,
        ..Field::plain("day of week", 0, 7)
    },
    Field::plain("year", 1, LAST_YEAR),
];

/// The seven fields, parted by single spaces: with second 0 and every year where the pattern has none.
pub(super) fn check(pattern: &str) -> Result<String, CronProblem> {
    if pattern.len() > MAX_PATTERN {
        return Err(CronProblem::TooLong);
    }
    let pattern = pattern.trim();
    if pattern.starts_with('@') {
        return named(pattern).map(|fields| format!("0 {fields} *"));
    }
    let fields: Vec<&str> = pattern.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
    let count = fields.len();
    let first = match count {
        0 => return Err(CronProblem::Empty),
        5 => 1,
        6 | 7 => 0,
        _ => return Err(CronProblem::FieldCount(count)),
    };
    let checked: Result<Vec<String>, CronProblem> = FIELDS[first..].iter().zip(&fields).map(read).collect();
    let fields = checked?.join(" ");
    Ok(match count {
        5 => format!("0 {fields} *"),
        6 => format!("{fields} *"),
        _ => fields,
    })
}

fn read((field, text): (&Field, &&str)) -> Result<String, CronProblem> {
    field.read(text).map_err(|reason| CronProblem::Field {
        field: field.name,
        reason,
    })
}

fn named(pattern: &str) -> Result<&'static str, CronProblem> {
    if pattern == "@reboot" {
        return Err(CronProblem::Reboot);
    }
    let named = NAMED
        .iter()
        .find(|(name, _)| *name == pattern)
        .map(|(_, pattern)| *pattern);
    named.ok_or_else(|| CronProblem::UnknownName(pattern.to_owned()))
}

impl Field {
    const fn plain(name: &'static str, least: u16, most: u16) -> Self {
        Self {
            name,
            least,
            most,
            names: &[],
            first_name: 0,
            kind: Kind::Plain,
        }
    }

    /// Checks it, and writes it as croner takes it.
    fn read(&self, text: &str) -> Result<String, String> {
        if text == "?" && self.kind != Kind::Plain {
            return Ok("*".to_owned());
        }
        let (plus, list) = match (self.kind, text.strip_prefix('+')) {
            (Kind::DayOfWeek, Some(list)) => ("+", list),
            (Kind::Plain | Kind::DayOfMonth, Some(_)) => {
                return Err("`+` stands only before the day of week, where both days shall fit".to_owned());
            }
            (_, None) => ("", text),
        };
        let parts: Vec<&str> = list.split(',').collect();
        parts
            .iter()
            .try_for_each(|part| self.check_part(part, parts.len() > 1))?;
        // Days count as restricted, though all of them are named, unless the star comes first.
        let unrestricted = parts.first() == Some(&"*") || self.kind == Kind::Plain && parts.contains(&"*");
        if unrestricted {
            return Ok(format!("{plus}*"));
        }
        let parts: Vec<String> = parts.iter().map(|part| self.written(part)).collect();
        Ok(format!("{plus}{}", parts.join(",")))
    }

    /// A star as the range that it is; years are counted from 1970 by a step.
    fn written(&self, part: &str) -> String {
        let (least, most) = (self.least, self.most);
        match part.strip_prefix("*/") {
            _ if part == "*" => format!("{least}-{most}"),
            Some(step) if most == LAST_YEAR => format!("{FIRST_STEPPED_YEAR}-{most}/{step}"),
            _ => part.to_owned(),
        }
    }

    fn check_part(&self, part: &str, in_list: bool) -> Result<(), String> {
        if part.is_empty() {
            return Err("there is nothing before or after a comma, or the field has no value".to_owned());
        }
        match self.kind {
            Kind::DayOfMonth => self.check_day(part, in_list),
            Kind::DayOfWeek => self.check_weekday(part),
            Kind::Plain => self.check_stepped(part),
        }
    }

    /// `L`, `LW`, `15W`, or what every field takes.
    fn check_day(&self, part: &str, in_list: bool) -> Result<(), String> {
        if part.eq_ignore_ascii_case("L") {
            return Ok(());
        }
        let Some(day) = part.strip_suffix(['W', 'w']) else {
            return self.check_stepped(part);
        };
        if in_list || day.contains(['-', '/', '*']) {
            return Err(format!(
                "`{part}`: W goes with one day alone, as in `15W`; it cannot be in a list, a range or a step"
            ));
        }
        if day.eq_ignore_ascii_case("L") {
            return Ok(());
        }
        self.value(day).map(drop)
    }

    /// `5#2`, `5#L`, `5L`, or what every field takes.
    fn check_weekday(&self, part: &str) -> Result<(), String> {
        if part.eq_ignore_ascii_case("L") {
            return Err("`L` alone names no day; write the last of which, as in `5L` or `FRI#L`".to_owned());
        }
        if let Some((day, which)) = part.split_once('#') {
            let known = which.eq_ignore_ascii_case("L") || matches!(which, "1" | "2" | "3" | "4" | "5");
            if !known {
                return Err(format!(
                    "`{part}`: after # stands which of the month, 1 to 5, or L for the last"
                ));
            }
            return self.value(day).map(drop);
        }
        match part.strip_suffix(['L', 'l']) {
            Some(day) => self.value(day).map(drop),
            None => self.check_stepped(part),
        }
    }

    /// `*`, `5`, `1-5`, and steps through the first and the last of these.
    fn check_stepped(&self, part: &str) -> Result<(), String> {
        let Some((range, step)) = part.split_once('/') else {
            return self.check_range(part);
        };
        let most = self.most;
        let known = number(step).is_some_and(|step| 1 <= step && step <= most);
        if !known {
            return Err(format!("`{part}`: a step is a number from 1 to {most}"));
        }
        if range != "*" && !range.contains('-') {
            return Err(format!(
                "`{part}`: a step needs a range or `*` before it, as `*/{step}` or `{range}-{most}/{step}`",
                range = self
                    .value(range)
                    .map_or_else(|_no_value| self.least.to_string(), |_value| range.to_owned()),
            ));
        }
        self.check_range(range)
    }

    fn check_range(&self, range: &str) -> Result<(), String> {
        if range == "*" {
            return Ok(());
        }
        let (least, most) = (self.least, self.most);
        let Some((from, to)) = range.split_once('-') else {
            return self.value(range).map(drop);
        };
        if from.is_empty() || to.is_empty() || to.contains('-') {
            return Err(format!(
                "`{range}`: a range has one start and one end, as in `{least}-{most}`"
            ));
        }
        let (start, end) = (self.value(from)?, self.end_value(to)?);
        // By its name Sunday is both ends of a week; `0-7` says which is meant.
        if (start, end) == (0, 7) && from.len().max(to.len()) > 1 {
            return Err(format!("the range `{range}` is one day or seven; write `0` or `*`"));
        }
        if start > end {
            return Err(format!(
                "the range `{range}` goes backwards; write it as two, `{start}-{most},{least}-{end}`"
            ));
        }
        Ok(())
    }

    /// The same as any value, but that a week may end with its Sunday.
    fn end_value(&self, text: &str) -> Result<u16, String> {
        let value = self.value(text)?;
        let is_sunday = self.kind == Kind::DayOfWeek && text.eq_ignore_ascii_case("SUN");
        Ok(if is_sunday { 7 } else { value })
    }

    fn value(&self, text: &str) -> Result<u16, String> {
        let (least, most) = (self.least, self.most);
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = name.and_then(|place| u16::try_from(place).ok()) {
            return Ok(self.first_name + place);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            let fits = number(text).filter(|value| (least..=most).contains(value));
            return fits.ok_or_else(|| format!("`{text}` is out of range; it goes from {least} to {most}"));
        }
        let names = match self.names {
            [from, .., to] => format!(", or from {from} to {to}"),
            _ => String::new(),
        };
        Err(format!(
            "`{text}` is no value; it takes numbers from {least} to {most}{names}, `*`, lists as `1,2`, ranges as `1-5` and steps as `*/2`"
        ))
    }
}

/// Digits alone: signs and other scripts are no numbers here.
fn number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
