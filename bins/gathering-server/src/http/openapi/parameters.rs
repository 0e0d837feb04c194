//! Parameters that many operations have.

use gathering::ProjectId;
use utoipa::IntoParams;

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct Paging {
    /// At most as many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part of a list whose items have numbers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct PagingByNumber {
    /// At most as many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part of a list whose items have no ids.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct PagingByPlace {
    /// At most as many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9]{1,9}$")]
    cursor: Option<String>,
}

/// Which part of the audit.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct PagingByRow {
    /// At most as many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Whose list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct OfProject {
    /// The project; the caller's own where it is left out.
    #[param(value_type = Option<Uuid>)]
    project_id: Option<ProjectId>,
}

/// What those of a list are called.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct Named {
    /// Those that are called exactly this.
    #[param(min_length = 1, max_length = 200, example = "nightly report")]
    name: Option<String>,
}

/// Which week, on whose clocks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Parameters` takes one by one")]
pub(in crate::http) struct OfWeek {
    /// The first of the seven days; today where it is left out.
    #[param(format = Date, example = "2026-03-23")]
    from: Option<String>,
    /// The IANA name of the zone on whose clocks days begin, and times are told.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
}
