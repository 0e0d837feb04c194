//! Who administers: a user who may, or whoever has the command line.

use gathering_domain::UserId;

use super::sessions::by;
use super::{Client, Identity};
use crate::audit::{Action, Event};

/// Who administers. Whether a user may is for whoever calls to know.
#[derive(Debug, Clone, Copy)]
pub enum Operator<'a> {
    /// This user.
    User(&'a Identity),
    /// Whoever can start the program with the settings of the server, and so can do everything anyway.
    CommandLine,
}

impl Operator<'_> {
    /// The user, where it is one.
    pub(super) fn user(self) -> Option<UserId> {
        match self {
            Self::User(identity) => Some(identity.user_id),
            Self::CommandLine => None,
        }
    }

    /// What the audit is to say of who did this.
    pub(super) fn event(self, action: Action) -> Event {
        match self {
            Self::User(identity) => by(identity, action),
            Self::CommandLine => Event::done(action),
        }
    }

    /// What the audit is to say of where it came from.
    pub(crate) fn client(self) -> Client {
        match self {
            Self::User(identity) => identity.client.clone(),
            Self::CommandLine => Client {
                address: Some("command line".to_owned()),
                ..Client::default()
            },
        }
    }
}
