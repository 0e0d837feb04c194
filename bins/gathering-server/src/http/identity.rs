//! Who asks: the extractor that every route behind a login takes first.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use futures::future::LocalBoxFuture;
use gathering::Identity;
use tracing::field::display;

use super::State;
use super::client::client;
use super::code::Code;
use super::limits::count_caller;
use super::problem::Problem;

/// The challenge for a token that is not valid (RFC 6750, section 3).
pub(crate) const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// The challenge for a credential that does not reach as far (RFC 6750, section 3.1).
pub(crate) const INSUFFICIENT_SCOPE: &str = r#"Bearer error="insufficient_scope""#;

/// The caller, as the access token says.
pub(crate) struct Caller(pub(crate) Identity);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let state = request.app_data::<web::Data<State>>().cloned();
        let (token, request) = (bearer(request).map(str::to_owned), request.clone());
        Box::pin(async move {
            let (Some(state), Some(token)) = (state, token) else {
                return Err(unauthenticated());
            };
            let caller = state.gathering.authenticate(&token, client(&request)).await;
            let user = caller.as_ref().ok().map(|identity| identity.user_id);
            if let Some(user) = user {
                tracing::Span::current().record("user_id", display(user));
                request.extensions_mut().insert(user);
            }
            count_caller(&request, user).await?;
            Ok(Self(caller?))
        })
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthenticated() -> Problem {
    let detail = "log in at /api/v1/auth/login and send the token as `Authorization: Bearer TOKEN`";
    Problem::new(Code::Unauthenticated, detail).with_challenge("Bearer")
}
