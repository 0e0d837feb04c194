//! Use cases of circuit breakers: list, read, and close by hand.

use gathering_auth::Identity;
use gathering_domain::breaker::BreakerStatus;
use gathering_domain::{BreakerId, ProjectId};
use gathering_persistence::{Page, PageRequest, breakers};
use gathering_pipeline::{BreakerSummary, BreakerView};

use crate::error::Kind;
use crate::{Error, Gathering};

/// Which breakers to list.
#[derive(Debug, Clone, Default)]
pub struct BreakerQuery {
    /// Of this project; `None` for the caller's own.
    pub project_id: Option<ProjectId>,
    /// Only those with this status.
    pub status: Option<BreakerStatus>,
}

impl Gathering {
    /// The breakers of a project, newest first. One that never failed is not among them.
    pub async fn breakers(
        &self,
        identity: &Identity,
        query: BreakerQuery,
        page: PageRequest,
    ) -> Result<Page<BreakerSummary>, Error> {
        let project = query.project_id.unwrap_or(identity.default_project_id);
        self.check_project(identity, project).await?;
        Ok(self.engine.breakers(project, query.status, page).await?)
    }

    /// A breaker, with what happened to it of late.
    pub async fn breaker(&self, identity: &Identity, id: BreakerId) -> Result<BreakerView, Error> {
        let found = self.engine.breaker(id).await?;
        let project = found.as_ref().map(|view| view.summary.project_id);
        self.check(identity, project, not_found(id)).await?;
        found.ok_or_else(|| not_found(id))
    }

    /// Closes a breaker at once, on every instance; doing so again changes nothing.
    pub async fn reset_breaker(&self, identity: &Identity, id: BreakerId) -> Result<BreakerView, Error> {
        let project = breakers::project(&self.connection().await?, id).await?;
        self.check(identity, project, not_found(id)).await?;
        let reset = self.engine.reset_breaker(id, Some(identity.user_id)).await?;
        reset.ok_or_else(|| not_found(id))
    }
}

fn not_found(id: BreakerId) -> Error {
    Error::NotFound {
        kind: Kind::Breaker,
        id: id.to_string(),
    }
}
