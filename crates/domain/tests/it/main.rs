//! The pure rules, tried from outside.

mod breakers;
mod definition;
mod definition_limits;
mod definition_properties;
mod delays;
mod duration;
mod expression;
mod expression_limits;
mod firing;
mod joins;
mod large_runs;
mod matrix;
mod name;
mod planner;
mod policy;
mod quarantine;
mod random_dag;
mod random_runs;
mod recovery;
mod retries;
mod schedule;
mod simulation;
mod support;
mod template;
mod trace;
mod trials;
