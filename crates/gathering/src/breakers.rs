//! Use cases of circuit breakers: list, read, and close by hand.

use std::str::FromStr;

use gathering_auth::Identity;
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

/// A status that breakers can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerStatus(&'static str);

/// Not the word of any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a breaker is closed, open or half_open")]
pub struct UnknownBreakerStatus;

impl FromStr for BreakerStatus {
    type Err = UnknownBreakerStatus;

    fn from_str(word: &str) -> Result<Self, UnknownBreakerStatus> {
        let known = ["closed", "open", "half_open"].into_iter().find(|known| *known == word);
        known.map(Self).ok_or(UnknownBreakerStatus)
    }
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
        let status = query.status.map(|status| status.0);
        Ok(self.engine.breakers(project, status, page).await?)
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
