//! Use cases of instances.

use gathering_auth::Identity;
use gathering_pipeline::InstanceView;

use crate::{Error, Gathering, Page, PageRequest};

impl Gathering {
    /// The instances that work on the database, the youngest first. Every user may know that they live; what they hold is of all projects.
    pub async fn instances(&self, _: &Identity, page: PageRequest) -> Result<Page<InstanceView>, Error> {
        Ok(self.engine.instances(page).await?)
    }
}
