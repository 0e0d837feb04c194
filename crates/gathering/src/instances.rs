//! Use cases of instances.

use gathering_auth::Identity;
use gathering_domain::policy::ServerAction;
use gathering_pipeline::InstanceView;

use crate::{Error, Gathering, Page, PageRequest};

impl Gathering {
    /// The instances that work on the database, the youngest first. Every user may know that they live; what they hold is of all projects.
    pub async fn instances(&self, identity: &Identity, page: PageRequest) -> Result<Page<InstanceView>, Error> {
        let proof = self.may_on_server(identity, ServerAction::ViewInstances).await?;
        Ok(self.engine.with(&proof).instances(page).await?)
    }
}
