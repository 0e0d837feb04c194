//! Use cases of API keys: make one, list them, end one.

use gathering_auth::{ApiKey, Identity, MadeApiKey, NewApiKey};
use gathering_domain::ApiKeyId;
use gathering_domain::policy::{AccountAction, ProjectAction};
use gathering_persistence::{Page, PageRequest};

use crate::error::Kind;
use crate::{Error, Gathering};

impl Gathering {
    /// Makes a key for the caller, who has to see the project that it is for.
    pub async fn create_api_key(&self, identity: &Identity, new: NewApiKey) -> Result<MadeApiKey, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageApiKeys).await?;
        if new.project_id.is_some() {
            self.may_in(identity, ProjectAction::ViewProject, new.project_id)
                .await?;
        }
        Ok(self.accounts.with(&proof).create_api_key(identity, new).await?)
    }

    /// The keys of the caller that may be used, newest first.
    pub async fn api_keys(&self, identity: &Identity, page: PageRequest) -> Result<Page<ApiKey>, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageApiKeys).await?;
        Ok(self.accounts.with(&proof).api_keys(identity, page).await?)
    }

    /// A key of the caller that may be used.
    pub async fn api_key(&self, identity: &Identity, id: ApiKeyId) -> Result<ApiKey, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageApiKeys).await?;
        let found = self.accounts.with(&proof).api_key(identity, id).await?;
        found.ok_or_else(|| Error::not_found(Kind::ApiKey, id))
    }

    /// Ends a key of the caller.
    pub async fn end_api_key(&self, identity: &Identity, id: ApiKeyId) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageApiKeys).await?;
        if self.accounts.with(&proof).end_api_key(identity, id).await? {
            return Ok(());
        }
        Err(Error::not_found(Kind::ApiKey, id))
    }
}
