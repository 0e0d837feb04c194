//! The pure rules, tried from outside.

mod definition;
mod definition_limits;
mod definition_properties;
mod duration;
mod expression;
mod expression_limits;
mod support;
mod template;
