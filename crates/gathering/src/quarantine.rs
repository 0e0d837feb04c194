//! Use cases of nodes in quarantine: see them, release them, give them up.

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{ProjectId, RunId};
use gathering_pipeline::{EntryPlace, NodeReport, QuarantinePage};

use crate::access::Thing;
use crate::error::Kind;
use crate::{Error, Gathering};

impl Gathering {
    /// The nodes of a project (`None`: the caller's own) that are in quarantine, those of the newest runs first: at most `limit`,
    /// behind `after`.
    pub async fn quarantine(
        &self,
        identity: &Identity,
        project_id: Option<ProjectId>,
        after: Option<EntryPlace>,
        limit: u32,
    ) -> Result<QuarantinePage, Error> {
        let proof = self.may_in(identity, ProjectAction::ViewRuns, project_id).await?;
        let engine = self.engine.with(&proof);
        Ok(engine.quarantine(proof.project(), after, limit).await?)
    }

    /// Lets a node out of quarantine; one that is not there is left as it is.
    pub async fn release_node(&self, identity: &Identity, run: RunId, node: &str) -> Result<NodeReport, Error> {
        let proof = self.may(identity, ProjectAction::DecideNode, Thing::Run(run)).await?;
        let report = self.engine.with(&proof).release_node(run, node).await?;
        report.ok_or_else(|| no_such_node(node))
    }

    /// Fails a node in quarantine, so that its run goes on as after any other failure; one that is not there is left as it is.
    pub async fn fail_node(
        &self,
        identity: &Identity,
        run: RunId,
        node: &str,
        reason: Option<&str>,
    ) -> Result<NodeReport, Error> {
        let proof = self.may(identity, ProjectAction::DecideNode, Thing::Run(run)).await?;
        let reason = reason.unwrap_or("given up on request while in quarantine");
        let report = self.engine.with(&proof).fail_node(run, node, reason).await?;
        report.ok_or_else(|| no_such_node(node))
    }
}

fn no_such_node(node: &str) -> Error {
    Error::NotFound {
        kind: Kind::Node,
        id: node.to_owned(),
    }
}
