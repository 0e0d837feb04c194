//! Use cases of operators: the keys that sign access tokens change.

use gathering_auth::{Operator, RotatedKey};

use crate::{Error, Gathering};

impl Gathering {
    /// Makes the next signing key, which is published and signs in ten minutes, or `at_once`; where one waits already it is that one.
    pub async fn rotate_keys(&self, at_once: bool) -> Result<RotatedKey, Error> {
        Ok(self.accounts().rotate_keys(at_once, Operator::CommandLine).await?)
    }

    /// Refuses everything that a key has signed, on every instance; `false` if that was so before.
    pub async fn retire_key(&self, kid: &str) -> Result<bool, Error> {
        Ok(self.accounts().retire_key(kid, Operator::CommandLine).await?)
    }
}
