//! Configurations of the built-in tools: read with all their problems at once, when saved and again when called.

pub(crate) mod call_api;
pub(crate) mod expect;
pub(crate) mod fields;
pub(crate) mod headers;
pub(crate) mod notification;
pub(crate) mod reader;
pub(crate) mod target;
