//! What users are: on the server, and in a project.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Not the word of any role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such role")]
pub struct UnknownRole;

macro_rules! role {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(rename_all = "snake_case"))]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them, the least first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word, as in the API and in the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownRole;

            fn from_str(word: &str) -> Result<Self, UnknownRole> {
                let found = Self::ALL.iter().copied().find(|role| role.as_str() == word);
                found.ok_or(UnknownRole)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

role! {
    /// What a user is on this server. A greater one may do all that a lesser one may.
    Role {
        /// May look, in whatever project, and change nothing.
        #[default]
        Viewer = "viewer",
        /// May make projects, and do in each what the role there allows.
        Member = "member",
        /// May do everything, in every project.
        Admin = "admin",
    }
}

role! {
    /// What a user is in a project. A greater one may do all that a lesser one may.
    ProjectRole {
        /// May look.
        #[default]
        Viewer = "viewer",
        /// May save pipelines and work with them.
        Editor = "editor",
        /// May also say who is in it, rename and delete it.
        Owner = "owner",
    }
}

impl Role {
    /// Whether a user of this role may ever do what takes `needed` in a project.
    pub(super) fn allows_in_projects(self, needed: ProjectRole) -> bool {
        self >= Self::Member || needed <= ProjectRole::Viewer
    }
}
