//! What an expression reads, found in its syntax tree, so that names that cannot exist are refused when a pipeline is saved.

use std::collections::HashSet;

use minijinja::machinery::ast::{Expr, ForLoop, Stmt};

use super::allowed::refusal;
use super::path::Path;
use super::tree::children;
use super::{SyntaxError, Whole};

/// One name that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it stands for.
    pub name: Name,
    /// Where it first stands in the text, in bytes from 0.
    pub position: usize,
}

/// What a name in an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// `input`, or something in it.
    Input,
    /// `run.id`
    Run,
    /// `nodes.<id>` or `nodes["<id>"]`: the node with that id.
    Node(String),
    /// `nodes[…]` with an id that is computed when the expression is evaluated.
    AnyNode,
    /// `firing`, or this of it.
    Firing(Option<String>),
    /// A name that stands for nothing, as it is written.
    Unknown(String),
}

/// What was found in the syntax tree of an expression or a text.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The names that are read, each once.
    pub(crate) references: Vec<Reference>,
    /// The document that the expression is, where it is exactly that.
    pub(crate) whole: Option<Whole>,
}

/// Finds what an expression reads.
pub(super) fn of_expression(expr: &Expr<'_>, source: &str) -> Result<Findings, SyntaxError> {
    let mut walk = Walk::new(source);
    walk.expression(expr)?;
    Ok(Findings {
        references: walk.references,
        whole: Path::of(expr).and_then(|path| path.whole()),
    })
}

/// Finds what a text with expressions in it reads.
pub(super) fn of_statement(stmt: &Stmt<'_>, source: &str) -> Result<Findings, SyntaxError> {
    let mut walk = Walk::new(source);
    walk.statement(stmt)?;
    Ok(Findings {
        references: walk.references,
        whole: None,
    })
}

struct Walk<'s, 'a> {
    source: &'s str,
    locals: Vec<&'a str>,
    references: Vec<Reference>,
    seen: HashSet<Name>,
}

type Walked = Result<(), SyntaxError>;

impl<'s, 'a> Walk<'s, 'a> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            locals: Vec::new(),
            references: Vec::new(),
            seen: HashSet::new(),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else the language has, now or later, is refused"
    )]
    fn statement(&mut self, stmt: &Stmt<'a>) -> Walked {
        match stmt {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::IfCond(branch) => {
                self.expression(&branch.expr)?;
                self.statements(&branch.true_body)?;
                self.statements(&branch.false_body)
            }
            Stmt::ForLoop(each) if !each.recursive => self.for_loop(each),
            other => Err(self.refused(other)),
        }
    }

    fn statements(&mut self, body: &[Stmt<'a>]) -> Walked {
        body.iter().try_for_each(|stmt| self.statement(stmt))
    }

    fn for_loop(&mut self, each: &ForLoop<'a>) -> Walked {
        self.expression(&each.iter)?;
        let outer = self.locals.len();
        self.locals.push("loop");
        self.bind(&each.target);
        if let Some(filter) = &each.filter_expr {
            self.expression(filter)?;
        }
        self.statements(&each.body)?;
        self.locals.truncate(outer);
        self.statements(&each.else_body)
    }

    fn bind(&mut self, target: &Expr<'a>) {
        if let Expr::Var(var) = target {
            self.locals.push(var.id);
        }
        let (Expr::List(_) | Expr::Tuple(_)) = target else {
            return;
        };
        children(target).for_each(|item| self.bind(item));
    }

    fn expression(&mut self, expr: &Expr<'a>) -> Walked {
        if let Some(path) = Path::of(expr).filter(|path| !self.locals.contains(&path.root)) {
            self.read(&path);
            return path.computed().try_for_each(|key| self.expression(key));
        }
        self.allowed(expr)?;
        children(expr).try_for_each(|child| self.expression(child))
    }

    fn read(&mut self, path: &Path<'_, 'a>) {
        let name = path.name();
        if self.seen.insert(name.clone()) {
            let position = path.position;
            self.references.push(Reference { name, position });
        }
    }

    fn allowed(&self, expr: &Expr<'_>) -> Walked {
        let position = expr.span().start_offset as usize;
        refusal(expr).map_or(Ok(()), |message| Err(SyntaxError::new(message, position, self.source)))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever is refused without a place is refused at the start"
    )]
    fn refused(&self, stmt: &Stmt<'_>) -> SyntaxError {
        let position = match stmt {
            Stmt::ForLoop(stmt) => stmt.span().start_offset,
            Stmt::Set(stmt) => stmt.span().start_offset,
            Stmt::SetBlock(stmt) => stmt.span().start_offset,
            Stmt::WithBlock(stmt) => stmt.span().start_offset,
            Stmt::Do(stmt) => stmt.span().start_offset,
            _ => 0,
        };
        let message = "the only statements here are `if` and `for` (not recursive)";
        SyntaxError::new(message, position as usize, self.source)
    }
}
