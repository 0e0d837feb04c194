//! Use cases of circuit breakers: list, read, and close by hand.

use gathering_auth::Identity;
use gathering_domain::breaker::BreakerStatus;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{BreakerId, ProjectId};
use gathering_persistence::{Page, PageRequest};
use gathering_pipeline::{BreakerSummary, BreakerView};

use crate::access::Thing;
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
        let proof = self
            .may_in(identity, ProjectAction::ViewBreakers, query.project_id)
            .await?;
        let engine = self.engine.with(&proof);
        Ok(engine.breakers(proof.project(), query.status, page).await?)
    }

    /// A breaker, with what happened to it of late.
    pub async fn breaker(&self, identity: &Identity, id: BreakerId) -> Result<BreakerView, Error> {
        let thing = Thing::Breaker(id);
        let proof = self.may(identity, ProjectAction::ViewBreakers, thing).await?;
        let found = self.engine.with(&proof).breaker(id).await?;
        found.ok_or_else(|| thing.not_found())
    }

    /// Closes a breaker at once, on every instance; doing so again changes nothing.
    pub async fn reset_breaker(&self, identity: &Identity, id: BreakerId) -> Result<BreakerView, Error> {
        let thing = Thing::Breaker(id);
        let proof = self.may(identity, ProjectAction::ResetBreaker, thing).await?;
        let engine = self.engine.with(&proof);
        let reset = engine.reset_breaker(id, Some(identity.user_id)).await?;
        reset.ok_or_else(|| thing.not_found())
    }
}
