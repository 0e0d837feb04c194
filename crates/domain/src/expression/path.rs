//! A name with what is read in it: `nodes.fetch.output.items[0]`.

use minijinja::machinery::ast::Expr;

use super::{Name, Whole};

/// A chain of attributes and subscripts that starts with a name.
pub(super) struct Path<'e, 'a> {
    /// The name it starts with.
    pub(super) root: &'a str,
    /// Where it starts, in bytes.
    pub(super) position: usize,
    steps: Vec<Step<'e, 'a>>,
}

enum Step<'e, 'a> {
    /// `.key` or `["key"]`
    Key(String),
    /// `[…]` with anything else in it.
    Computed(&'e Expr<'a>),
}

impl<'e, 'a> Path<'e, 'a> {
    /// The path that an expression is, if it is one.
    pub(super) fn of(mut expr: &'e Expr<'a>) -> Option<Self> {
        let mut steps = Vec::new();
        loop {
            let step;
            (expr, step) = match expr {
                Expr::Var(var) => {
                    steps.reverse();
                    let position = var.span().start_offset as usize;
                    return Some(Self {
                        root: var.id,
                        position,
                        steps,
                    });
                }
                Expr::GetAttr(get) => (&get.expr, Step::Key(get.name.to_owned())),
                Expr::GetItem(get) => (&get.expr, Step::of(&get.subscript_expr)),
                Expr::Const(_)
                | Expr::Slice(_)
                | Expr::UnaryOp(_)
                | Expr::BinOp(_)
                | Expr::Compare(_)
                | Expr::IfExpr(_)
                | Expr::Filter(_)
                | Expr::Test(_)
                | Expr::Call(_)
                | Expr::List(_)
                | Expr::Tuple(_)
                | Expr::Map(_) => return None,
            };
            steps.push(step);
        }
    }

    /// What it stands for.
    pub(super) fn name(&self) -> Name {
        let (first, second) = (self.steps.first(), self.steps.get(1));
        match (self.root, first, second) {
            ("input", _, _) => Name::Input,
            ("run", Some(Step::Key(key)), _) if key != "id" => Name::Unknown(format!("run.{key}")),
            ("run", _, _) => Name::Run,
            ("firing", Some(Step::Key(member)), _) => Name::Firing(Some(member.clone())),
            ("firing", _, _) => Name::Firing(None),
            ("nodes", Some(Step::Key(id)), Some(Step::Key(key))) if key != "output" => {
                Name::Unknown(format!("nodes.{id}.{key}"))
            }
            ("nodes", Some(Step::Key(id)), _) => Name::Node(id.clone()),
            ("nodes", Some(Step::Computed(_)), _) => Name::AnyNode,
            (other, _, _) => Name::Unknown(other.to_owned()),
        }
    }

    /// The document that it is, if it reads one as a whole.
    pub(super) fn whole(&self) -> Option<Whole> {
        match (self.root, self.steps.as_slice()) {
            ("input", []) => Some(Whole::Input),
            ("nodes", [Step::Key(id), Step::Key(key)]) if key == "output" => Some(Whole::Output(id.clone())),
            _ => None,
        }
    }

    /// The expressions in its subscripts.
    pub(super) fn computed(&self) -> impl Iterator<Item = &'e Expr<'a>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(_) => None,
            Step::Computed(expr) => Some(*expr),
        })
    }
}

impl<'e, 'a> Step<'e, 'a> {
    fn of(subscript: &'e Expr<'a>) -> Self {
        let Expr::Const(constant) = subscript else {
            return Self::Computed(subscript);
        };
        match constant.value.as_str() {
            Some(key) => Self::Key(key.to_owned()),
            None => Self::Computed(subscript),
        }
    }
}
