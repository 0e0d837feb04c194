//! What is wrong with a definition, and where.

use serde::Serialize;

use super::fields::nearest;

/// The most problems that are told; one more then says how many were left out.
const MAX_PROBLEMS: usize = 1000;
/// The most names that are compared, for all problems of a definition together, to guess what was meant.
const MAX_COMPARISONS: usize = 4000;
/// The most names that are compared for one problem.
const MAX_CANDIDATES: usize = 200;

/// Something wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = DefinitionProblem))]
pub struct Problem {
    /// The id of the node it concerns; `None` where it concerns no single node.
    pub node: Option<String>,
    /// Where: within the node if there is one (`config.url`), else within the definition (`edges[2].to`).
    pub field: Option<String>,
    /// What kind of problem, in `snake_case`, the same for all time.
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub message: String,
}

/// A place in the definition; problems are told in the order of their places.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    order: (Section, usize),
    node: Option<&'a str>,
    prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Definition,
    Nodes,
    Edges,
}

impl<'a> Place<'a> {
    /// The definition itself.
    pub(super) fn definition() -> Self {
        Self {
            order: (Section::Definition, 0),
            node: None,
            prefix: String::new(),
        }
    }

    /// A node, which is named by its id where it has one.
    pub(super) fn node(index: usize, id: Option<&'a str>) -> Self {
        Self {
            order: (Section::Nodes, index),
            node: id,
            prefix: id.map_or_else(|| format!("nodes[{index}]"), |_| String::new()),
        }
    }

    /// An edge.
    pub(super) fn edge(index: usize) -> Self {
        Self {
            order: (Section::Edges, index),
            node: None,
            prefix: format!("edges[{index}]"),
        }
    }

    /// A place within this one.
    pub(super) fn within(&self, field: &str) -> Self {
        Self {
            prefix: join(&self.prefix, field),
            ..self.clone()
        }
    }
}

/// The path of something in something, such as `config.items[2].url`.
pub(super) fn join(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.to_owned(),
        (path, "") => path.to_owned(),
        (path, field) if field.starts_with('[') => format!("{path}{field}"),
        (path, field) => format!("{path}.{field}"),
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<((Section, usize), Problem)>,
    left_out: usize,
    compared: usize,
}

impl Problems {
    /// Notes a problem with `field` of a place; an empty field means the place itself.
    pub(super) fn add(&mut self, place: &Place<'_>, field: &str, code: &'static str, message: impl Into<String>) {
        if self.found.len() >= MAX_PROBLEMS {
            self.left_out += 1;
            return;
        }
        let field = join(&place.prefix, field);
        let problem = Problem {
            node: place.node.map(str::to_owned),
            field: Some(field).filter(|field| !field.is_empty()),
            code,
            message: message.into(),
        };
        self.found.push((place.order, problem));
    }

    /// The name that was probably meant; after many guesses, and once no more problems are told, none is made.
    pub(super) fn guess<'n>(&mut self, name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        let left = MAX_COMPARISONS.saturating_sub(self.compared).min(MAX_CANDIDATES);
        let left = if self.found.len() < MAX_PROBLEMS { left } else { 0 };
        let mut compared = 0;
        let known = known.take(left).inspect(|_| compared += 1);
        let found = nearest(name, known);
        self.compared += compared;
        found
    }

    /// All of them, in the order of the definition.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(order, _)| *order);
        let mut problems: Vec<_> = self.found.into_iter().map(|(_, problem)| problem).collect();
        if self.left_out > 0 {
            problems.push(Problem {
                node: None,
                field: None,
                code: "too_many_problems",
                message: format!("{} more problems are not listed; correct these first", self.left_out),
            });
        }
        problems
    }
}
