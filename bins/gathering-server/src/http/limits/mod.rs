//! Limits on how often somebody may ask: per address where nobody knows who asks, else per user.
//!
//! Each instance counts for itself or, while it reaches a Redis, with all others.

mod routes;
mod shared;
mod tier;

use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};

use self::routes::RouteTier;
pub(crate) use self::routes::{MOST as MOST_ROUTES, RouteRate};
pub(crate) use self::shared::{Address as RedisAddress, Shared};
pub(crate) use self::tier::{Allowance, Key, Rate, Tier};
use super::State;
use super::client_address;
use super::code::Code;
use super::problem::Problem;
use super::route::decoded;

/// The headers that tell clients how much is left (draft-ietf-httpapi-ratelimit-headers-07).
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How often for each kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Logging in, registering, refreshing, changing passwords and second factors, per address.
    pub(crate) auth: Rate,
    /// Logging in to one account from one address.
    pub(crate) login: Rate,
    /// Reading, per user, or per address where nobody is logged in.
    pub(crate) read: Rate,
    /// Everything else, likewise.
    pub(crate) write: Rate,
    /// Asking for the server's health, per address.
    pub(crate) health: Rate,
    /// Single routes, per user, instead of reading or everything else.
    pub(crate) routes: Vec<RouteRate>,
}

/// What everybody has used of them.
#[derive(Debug)]
pub(crate) struct Limits {
    auth: Tier,
    login: Tier,
    read: Tier,
    write: Tier,
    health: Tier,
    routes: Vec<RouteTier>,
    shared: Option<Shared>,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Auth,
    Login,
    Read,
    Write,
    /// Never counted elsewhere: whoever asks whether this instance lives must not wait for another server.
    Health,
    /// One with a limit of its own, by its place.
    Route(usize),
}

impl Which {
    fn of_method(method: &Method) -> Self {
        if method.is_safe() { Self::Read } else { Self::Write }
    }
}

impl Limits {
    /// Nobody has used anything yet.
    pub(crate) fn new(rates: &Rates, shared: Option<Shared>) -> Self {
        Self {
            shared,
            auth: Tier::new(rates.auth),
            login: Tier::new(rates.login),
            read: Tier::new(rates.read),
            write: Tier::new(rates.write),
            health: Tier::new(rates.health),
            routes: rates.routes.iter().cloned().map(RouteTier::new).collect(),
        }
    }

    /// How many requests each limit refused.
    pub(crate) fn refused(&self) -> [(&'static str, u64); 6] {
        [
            ("auth", self.auth.refused()),
            ("login", self.login.refused()),
            ("read", self.read.refused()),
            ("write", self.write.refused()),
            ("health", self.health.refused()),
            ("route", self.routes.iter().map(|route| route.tier.refused()).sum()),
        ]
    }

    /// How it stands with counting together, where that is wanted.
    pub(crate) fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// Its tier, and what it is called where all instances count together.
    fn tier(&self, which: Which) -> (&Tier, Option<&str>) {
        match which {
            Which::Auth => (&self.auth, Some("auth")),
            Which::Login => (&self.login, Some("login")),
            Which::Read => (&self.read, Some("read")),
            Which::Write => (&self.write, Some("write")),
            Which::Health => (&self.health, None),
            Which::Route(place) => match self.routes.get(place) {
                Some(route) => (&route.tier, Some(&route.name)),
                None => (&self.write, Some("write")),
            },
        }
    }

    /// The limit of a route of its own, or of all that read or write.
    fn of_request(&self, request: &HttpRequest) -> Which {
        let own = self.routes.iter().position(|route| route.is_for(request));
        own.map_or_else(|| Which::of_method(request.method()), Which::Route)
    }

    /// Counts one request with all instances or, where that cannot be now, for this one; `Err` if it is one too many.
    async fn check(&self, which: Which, key: Key) -> Result<Allowance, Allowance> {
        let (tier, name) = self.tier(which);
        if let Some((shared, name)) = self.shared.as_ref().zip(name)
            && let Some(checked) = shared.check(name, tier.rate(), key).await
        {
            return checked.inspect_err(|_refused| tier.refuse());
        }
        tier.check(key)
    }
}

/// The routes that do expensive work for whoever asks.
const AUTH: [&str; 8] = [
    "/api/v1/auth/login",
    "/api/v1/auth/register",
    "/api/v1/auth/refresh",
    "/api/v1/auth/password",
    "/api/v1/auth/totp",
    "/api/v1/auth/totp/confirm",
    "/api/v1/auth/totp/disable",
    "/api/v1/auth/totp/recovery-codes",
];

/// Refuses who asks too often, before anything is done for them. Who comes with a token is counted where it is checked.
pub(crate) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match count_stranger(&request).await {
        Ok(()) => {
            let answer = next.call(request).await?.map_into_boxed_body();
            // Such as a route that there is not, asked for with a token that nobody looked at.
            match count_unknown(&answer).await {
                Ok(()) => Ok(answer),
                Err(problem) => Ok(answer.error_response(problem)),
            }
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn count_stranger(request: &ServiceRequest) -> Result<(), Problem> {
    let (path, method) = (decoded(request.path()), request.method());
    let which = if path.starts_with("/health/") {
        Which::Health
    } else if !method.is_safe() && AUTH.contains(&&*path) {
        Which::Auth
    } else if path.starts_with("/api/v1/") && request.headers().contains_key(AUTHORIZATION) {
        return Ok(());
    } else {
        Which::of_method(method)
    };
    let request = request.request();
    count(request, which, Key::address(address(request))).await
}

/// Counts whom nobody has counted until now, by the address.
async fn count_unknown(answer: &ServiceResponse) -> Result<(), Problem> {
    let request = answer.request();
    if request.extensions().get::<Allowance>().is_some() {
        return Ok(());
    }
    count_caller(request, None).await
}

/// Counts a request of this user, or of the address that it comes from where its token is not valid.
pub(super) async fn count_caller(request: &HttpRequest, user: Option<gathering::UserId>) -> Result<(), Problem> {
    let Some(limits) = limits(request) else { return Ok(()) };
    match user {
        Some(user) => count(request, limits.of_request(request), Key::user(user)).await,
        None => {
            count(
                request,
                Which::of_method(request.method()),
                Key::address(address(request)),
            )
            .await
        }
    }
}

/// Counts an attempt to log in to this account.
pub(super) async fn count_login(request: &HttpRequest, email: &str) -> Result<(), Problem> {
    count(request, Which::Login, Key::login(address(request), email)).await
}

/// Who is to be held responsible: the user where one is known, else the address.
pub(super) fn responsible(request: &HttpRequest) -> Key {
    let user = request.extensions().get::<gathering::UserId>().copied();
    user.map_or_else(|| Key::address(address(request)), Key::user)
}

/// Where a request comes from, as far as can be believed.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    match request.app_data::<web::Data<State>>() {
        Some(state) => client_address::of(peer, request.headers(), &state.trust),
        None => peer,
    }
}

fn limits(request: &HttpRequest) -> Option<&Limits> {
    request.app_data::<web::Data<State>>()?.limits.as_ref()
}

async fn count(request: &HttpRequest, which: Which, key: Key) -> Result<(), Problem> {
    let Some(limits) = limits(request) else { return Ok(()) };
    let checked = limits.check(which, key).await;
    let (Ok(allowance) | Err(allowance)) = checked;
    let mut extensions = request.extensions_mut();
    // Of several limits the client is told of the one that it meets first.
    let tighter = |other: &Allowance| other.remaining < allowance.remaining;
    if !extensions.get::<Allowance>().is_some_and(tighter) {
        extensions.insert(allowance);
    }
    drop(extensions);
    if checked.is_ok() {
        return Ok(());
    }
    let detail = format!(
        "more than {} requests of this kind came from here too quickly; go on after the time in Retry-After, and more slowly",
        allowance.limit
    );
    Err(Problem::new(Code::RateLimited, detail).with_retry_after(allowance.reset))
}

/// Tells the client how much is left, if it was counted.
pub(super) fn set_headers(response: &mut HttpResponse, allowance: Allowance) {
    let seconds = allowance.reset.as_secs() + u64::from(allowance.reset.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(allowance.limit));
    headers.insert(REMAINING, HeaderValue::from(allowance.remaining));
    headers.insert(RESET, HeaderValue::from(seconds));
}
