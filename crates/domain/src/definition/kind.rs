//! What a node does, as its `type` says.

/// What a node does, as its `type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Trigger,
    Condition,
    Transform,
    Parallel,
    Join,
    Delay,
    Action,
    /// One that an embedder registered.
    Own,
}

const BUILT_IN: [(&str, Type); 7] = [
    ("trigger", Type::Trigger),
    ("condition", Type::Condition),
    ("transform", Type::Transform),
    ("parallel", Type::Parallel),
    ("join", Type::Join),
    ("delay", Type::Delay),
    ("action", Type::Action),
];
/// The longest name of an own type, in bytes.
const MAX_NAME: usize = 64;

impl Type {
    /// The built-in type of this name.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, node_type)| *node_type)
    }

    /// The names of the built-in types.
    pub(super) fn built_in_names<'n>() -> impl Iterator<Item = &'n str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The name in a definition, of a built-in one.
    pub(super) fn name(self) -> &'static str {
        BUILT_IN
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("node", |(name, _)| name)
    }

    /// Whether a handler does its work, in attempts.
    pub(super) fn has_handler(self) -> bool {
        matches!(self, Self::Action | Self::Own)
    }
}

/// Why a name cannot be that of a node type of an embedder's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKindName {
    /// It is built in.
    #[error("it is built in; choose another name")]
    BuiltIn,
    /// It is not written as names of types are.
    #[error("use 1 to {MAX_NAME} letters a to z, digits and `_`, the first one a letter")]
    Malformed,
}

/// Whether a node type of an embedder's own may be called so.
pub fn check_kind_name(name: &str) -> Result<(), InvalidKindName> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if Type::built_in(name).is_some() {
        Err(InvalidKindName::BuiltIn)
    } else if name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(InvalidKindName::Malformed)
    }
}
