//! Identifiers: UUIDv7 newtypes, so that one kind of id is never taken for another and ids sort by time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Entropy;

/// A UUIDv7 of `now`: its first 48 bits are the milliseconds since 1970 (RFC 9562, section 5.7).
fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    // Before 1970 there are no ids; a clock that says so is clamped to the epoch.
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Identifies ", $what, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that sorts after those of earlier milliseconds.
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }

            /// The id as the database stores it.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(ApiKeyId, "an API key of a user");
id!(BreakerId, "a circuit breaker");
id!(DecisionId, "a decision about a node in quarantine");
id!(
    FiringId,
    "a firing: one due time of a schedule, and the run that it starts"
);
id!(InstanceId, "an instance: one server process, from its start to its end");
id!(InvitationId, "an invitation to open an account");
id!(PipelineId, "a pipeline, over all its versions");
id!(ProjectId, "a project");
id!(RunId, "a run: one execution of a pipeline version");
id!(ScheduleId, "a schedule");
id!(SessionId, "a session of a user");
id!(UserId, "a user");
