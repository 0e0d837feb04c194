//! Every error code that the API answers with, and its HTTP status: the one place where the two meet.

use actix_web::http::StatusCode;

/// What went wrong, for programs; each has a page in docs/errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// A use case refused.
    UseCase(gathering::Code),
    /// The body is not JSON.
    MalformedJson,
    /// No access token was sent.
    Unauthenticated,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// The body is larger than the limit.
    PayloadTooLarge,
    /// The body did not arrive in time.
    RequestTimeout,
    /// Somebody asks too often.
    RateLimited,
    /// The path with its query is too long.
    UriTooLong,
    /// The header lines are too many or too large.
    HeadersTooLarge,
    /// There is no such route.
    RouteNotFound,
    /// The route does not take this method.
    MethodNotAllowed,
}

impl Code {
    /// The codes that stem from HTTP itself, not from a use case.
    #[cfg(test)]
    const OF_HTTP: [Self; 10] = [
        Self::MalformedJson,
        Self::Unauthenticated,
        Self::UnsupportedMediaType,
        Self::PayloadTooLarge,
        Self::RequestTimeout,
        Self::RateLimited,
        Self::UriTooLong,
        Self::HeadersTooLarge,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
    ];

    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UseCase(code) => code.as_str(),
            Self::MalformedJson => "malformed_json",
            Self::Unauthenticated => "unauthenticated",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::RateLimited => "rate_limited",
            Self::UriTooLong => "uri_too_long",
            Self::HeadersTooLarge => "headers_too_large",
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::UseCase(code) => status_of(code),
            Self::MalformedJson => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RouteNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// A short title, the same for every occurrence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::UseCase(code) => code.title(),
            Self::MalformedJson => "The body is not well-formed JSON",
            Self::Unauthenticated => "An access token is needed",
            Self::UnsupportedMediaType => "The body must be JSON",
            Self::PayloadTooLarge => "The body is too large",
            Self::RequestTimeout => "The body did not arrive in time",
            Self::RateLimited => "Too many requests",
            Self::UriTooLong => "The path is too long",
            Self::HeadersTooLarge => "The header lines are too large",
            Self::RouteNotFound => "There is no such route",
            Self::MethodNotAllowed => "The route does not take this method",
        }
    }
}

fn status_of(code: gathering::Code) -> StatusCode {
    use gathering::Code as Of;
    match code {
        Of::InvalidToken | Of::InvalidCredentials | Of::InvalidRefreshToken | Of::TotpRequired | Of::InvalidTotp => {
            StatusCode::UNAUTHORIZED
        }
        Of::TotpLocked => StatusCode::TOO_MANY_REQUESTS,
        Of::RegistrationClosed | Of::Forbidden => StatusCode::FORBIDDEN,
        Of::NotFound => StatusCode::NOT_FOUND,
        Of::VersionConflict | Of::RevisionConflict => StatusCode::PRECONDITION_FAILED,
        Of::PipelineOfSchedule
        | Of::BufferFull
        | Of::RunAlreadyEnded
        | Of::TotpAlreadyEnabled
        | Of::TotpNotEnabled
        | Of::StillNeeded
        | Of::AlreadyMember
        | Of::LimitReached
        | Of::ProjectNotEmpty => StatusCode::CONFLICT,
        Of::InvalidRequest | Of::InvalidPipeline | Of::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Of::Overloaded | Of::Draining | Of::DatabaseUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Of::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        let codes: BTreeSet<String> = gathering::Code::ALL
            .iter()
            .map(|code| Code::UseCase(*code))
            .chain(Code::OF_HTTP)
            .map(|code| code.as_str().to_owned())
            .collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README")
            .collect();
        assert_eq!(codes, pages);
    }
}
