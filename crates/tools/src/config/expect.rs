//! Which statuses of an answer count as success.

use serde_json::Value;

use super::reader::Fault;

/// The most entries of a list.
const MAX_RANGES: usize = 64;

/// Statuses, as ranges with both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expect(Vec<(u16, u16)>);

impl Default for Expect {
    /// 200-299.
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl Expect {
    pub(crate) fn admits(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }

    /// Reads `204`, `"200-299"`, or a list of both.
    pub(crate) fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Array(entries) if entries.is_empty() || entries.len() > MAX_RANGES => Err(Fault::Value(format!(
                "a list of statuses has 1 to {MAX_RANGES} entries"
            ))),
            Value::Array(entries) => Ok(Self(entries.iter().map(range).collect::<Result<_, _>>()?)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Ok(Self(vec![range(value)?]))
            }
        }
    }
}

fn range(value: &Value) -> Result<(u16, u16), Fault> {
    const WANTED: &str = "a status as in 204, a range as in \"200-299\", or a list of these";
    let range = match value {
        Value::Number(number) => number
            .as_u64()
            .and_then(|number| u16::try_from(number).ok())
            .map(|n| (n, n)),
        Value::String(text) => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            low.trim().parse().ok().zip(high.trim().parse().ok())
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(Fault::Type(WANTED));
        }
    };
    range
        .filter(|&(low, high)| 100 <= low && low <= high && high <= 599)
        .ok_or_else(|| Fault::Value(format!("this must be {WANTED}, within 100 to 599")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_admits_what_it_names_and_nothing_else() {
        for (form, admitted, refused) in [
            (json!(204), vec![204], vec![200, 205]),
            (json!("204"), vec![204], vec![200]),
            (json!([200, 404]), vec![200, 404], vec![201, 403]),
            (json!("200-299"), vec![200, 299], vec![199, 300]),
            (json!(["200-299", 404]), vec![200, 250, 404], vec![400, 405]),
        ] {
            let expect = Expect::read(&form).unwrap();
            assert!(admitted.iter().all(|&status| expect.admits(status)), "{form}");
            assert!(!refused.iter().any(|&status| expect.admits(status)), "{form}");
        }
    }

    #[test]
    fn a_form_that_admits_nothing_or_is_none_is_refused() {
        for form in [
            json!([]),
            json!(99),
            json!(600),
            json!(-1),
            json!(200.5),
            json!("299-200"),
            json!("2xx"),
            json!({}),
            json!([[200]]),
            json!(true),
        ] {
            assert!(Expect::read(&form).is_err(), "{form}");
        }
    }
}
