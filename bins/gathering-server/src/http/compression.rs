//! Answers as gzip, for those who take it.
//!
//! Never what holds a secret: beside text that somebody else chooses, its compressed length would tell about it (BREACH). Never a stream.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY};
use actix_web::web::{self, Bytes};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

/// Smaller ones fit into one packet anyway.
const SMALLEST: u64 = 1 << 10;
/// Larger ones go as they are.
const LARGEST: u64 = 16 << 20;
/// Up to so many bytes are compressed where the request is answered: it takes less time than handing them over.
const AT_ONCE: usize = 8 << 10;
/// As many larger ones are compressed at once, away from the threads that answer; others go as they are.
const MOST_AT_ONCE: usize = 4;
/// The most answers that are kept compressed.
const MOST_KEPT: usize = 16;
/// What marks the compressed form in an entity tag, which must differ from that of the other form (RFC 9110, section 8.8.3.3).
pub(super) const SUFFIX: &str = "-gzip";

/// An answer that is the same for as long as the process lives, and is kept once it is compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed(pub(super) &'static str);

/// An answer that is kept compressed.
#[derive(Debug)]
struct Kept {
    name: &'static str,
    bytes: Bytes,
}

/// What compressing needs; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Compression {
    places: Arc<Semaphore>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            kept: Arc::default(),
        }
    }
}

impl Compression {
    /// The same answer, compressed if that helps and the client takes it.
    pub(super) async fn applied(&self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        if !is_worth_it(answer.response()) {
            return answer;
        }
        let (request, mut response) = answer.into_parts();
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("Accept-Encoding"));
        if !takes_gzip(request.headers()) {
            return ServiceResponse::new(request, response);
        }
        let fixed = response.extensions().get::<Fixed>().copied();
        let (mut response, body) = response.into_parts();
        let bytes = match body.try_into_bytes() {
            Ok(bytes) => bytes,
            Err(body) => return ServiceResponse::new(request, response.set_body(body)),
        };
        match self.compressed(bytes.clone(), fixed).await {
            Some(compressed) => {
                describe(response.headers_mut());
                ServiceResponse::new(request, response.set_body(BoxBody::new(compressed)))
            }
            None => ServiceResponse::new(request, response.set_body(BoxBody::new(bytes))),
        }
    }

    async fn compressed(&self, bytes: Bytes, fixed: Option<Fixed>) -> Option<Bytes> {
        if let Some(kept) = fixed.and_then(|fixed| self.kept(fixed)) {
            return Some(kept);
        }
        if fixed.is_none() && bytes.len() <= AT_ONCE {
            return gzip(&bytes, Level::fast()).ok();
        }
        let _place = self.places.try_acquire().ok()?;
        let level = if fixed.is_some() { Level::best() } else { Level::fast() };
        let compressed = web::block(move || gzip(&bytes, level)).await.ok()?.ok()?;
        if let Some(fixed) = fixed {
            self.keep(fixed, &compressed);
        }
        Some(compressed)
    }

    fn kept(&self, fixed: Fixed) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|kept| kept.name == fixed.0)
            .map(|kept| kept.bytes.clone())
    }

    fn keep(&self, Fixed(name): Fixed, bytes: &Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_KEPT && !kept.iter().any(|kept| kept.name == name) {
            let bytes = bytes.clone();
            kept.push(Kept { name, bytes });
        }
    }
}

fn is_worth_it(response: &HttpResponse<BoxBody>) -> bool {
    let fits = match response.body().size() {
        BodySize::Sized(length) => (SMALLEST..=LARGEST).contains(&length),
        BodySize::None | BodySize::Stream => false,
    };
    let headers = response.headers();
    fits && !headers.contains_key(CONTENT_ENCODING) && headers.get(CONTENT_TYPE).is_some_and(is_text)
}

fn is_text(declared: &HeaderValue) -> bool {
    let declared = declared.to_str().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let texts = [
        "application/json",
        "application/problem+json",
        "text/html",
        "text/css",
        "text/javascript",
        "text/plain",
        "image/svg+xml",
    ];
    texts.contains(&essence)
}

/// Whether gzip is taken, and liked no less than the answer as it is (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    let values = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    for element in values.flat_map(|value| value.split(',')) {
        let (name, weight) = element.split_once(';').unwrap_or((element, "q=1"));
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "*" => &mut any,
            "identity" => &mut identity,
            _ => continue,
        };
        *place = Some(weight_of(weight));
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

/// `q=0.5`; what cannot be read is taken for a refusal.
fn weight_of(text: &str) -> f32 {
    let text = text.trim();
    let weight = text.strip_prefix("q=").or_else(|| text.strip_prefix("Q="));
    let weight = weight.and_then(|weight| weight.trim().parse::<f32>().ok());
    weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
}

fn describe(headers: &mut HeaderMap) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()?.strip_suffix('"'));
    let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("{tag}{SUFFIX}\"")).ok());
    if let Some(tag) = tag {
        headers.insert(ETAG, tag);
    }
}

fn gzip(bytes: &[u8], level: Level) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(accepted: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accepted {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        takes_gzip(&headers)
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it_and_do_not_like_the_plain_answer_better() {
        for accepted in [
            &["gzip"][..],
            &["deflate, GZIP;q=0.5"],
            &["br", "gzip ; q=0.1"],
            &["*"],
            &["identity;q=0.5, gzip;q=0.5"],
            &["identity;q=0, x-gzip"],
        ] {
            assert!(takes(accepted), "{accepted:?}");
        }
        for accepted in [
            &[][..],
            &[""],
            &["br, deflate"],
            &["gzip;q=0"],
            &["gzip;q=0, *"],
            &["*;q=0"],
            &["identity, gzip;q=0.5"],
            &["gzip;q=much"],
            &["gzip;q=2"],
        ] {
            assert!(!takes(accepted), "{accepted:?}");
        }
    }
}
