//! The id of a request: the client's own, where it is fit to be logged, or a new one.

use actix_web::http::header::{HeaderMap, HeaderName};
use gathering::Entropy;

/// Carries the id, in and out.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over, in bytes.
const LONGEST: usize = 128;

/// The id of a request, among its extensions.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// The id that the client sent, or a new one of 128 random bits.
pub(crate) fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> String {
    headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_fit(id))
        .map_or_else(|| random(entropy), str::to_owned)
}

fn is_fit(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn random(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use gathering::SystemEntropy;

    fn id_for(sent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(sent).unwrap());
        of(&headers, &SystemEntropy::default())
    }

    #[test]
    fn a_fit_id_of_the_client_is_kept() {
        assert_eq!(id_for("order-17/try=2"), "order-17/try=2");
        assert_eq!(id_for(&"x".repeat(128)), "x".repeat(128));
    }

    #[test]
    fn an_id_that_could_confuse_a_log_is_replaced() {
        for sent in ["", "two words", "tab\there", "caf\u{e9}", &"x".repeat(129)] {
            assert_eq!(id_for(sent).len(), 32, "{sent}");
        }
    }
}
