//! The parts of an expression in the syntax tree.

use minijinja::machinery::ast::{CallArg, Expr};

use super::language::is_function;

/// The expressions that an expression consists of, in the order of the text; a function's name is none.
pub(super) fn children<'e, 'a>(expr: &'e Expr<'a>) -> impl Iterator<Item = &'e Expr<'a>> {
    parts(expr).into_iter().flatten()
}

fn parts<'e, 'a>(expr: &'e Expr<'a>) -> Vec<Option<&'e Expr<'a>>> {
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(slice) => vec![
            Some(&slice.expr),
            slice.start.as_ref(),
            slice.stop.as_ref(),
            slice.step.as_ref(),
        ],
        Expr::UnaryOp(unary) => vec![Some(&unary.expr)],
        Expr::BinOp(binary) => vec![Some(&binary.left), Some(&binary.right)],
        Expr::Compare(compare) => [Some(&compare.expr)]
            .into_iter()
            .chain(compare.ops.iter().map(|op| Some(&op.expr)))
            .collect(),
        Expr::IfExpr(choice) => vec![
            Some(&choice.true_expr),
            Some(&choice.test_expr),
            choice.false_expr.as_ref(),
        ],
        Expr::Filter(filter) => with_arguments(filter.expr.as_ref(), &filter.args),
        Expr::Test(test) => with_arguments(Some(&test.expr), &test.args),
        Expr::Call(call) => with_arguments(called(&call.expr), &call.args),
        Expr::GetAttr(attribute) => vec![Some(&attribute.expr)],
        Expr::GetItem(item) => vec![Some(&item.expr), Some(&item.subscript_expr)],
        Expr::List(list) => list.items.iter().map(Some).collect(),
        Expr::Tuple(tuple) => tuple.items.iter().map(Some).collect(),
        Expr::Map(map) => map.keys.iter().chain(&map.values).map(Some).collect(),
    }
}

/// What is called, unless it is the name of a function.
fn called<'e, 'a>(expr: &'e Expr<'a>) -> Option<&'e Expr<'a>> {
    let is_name = matches!(expr, Expr::Var(var) if is_function(var.id));
    (!is_name).then_some(expr)
}

fn with_arguments<'e, 'a>(first: Option<&'e Expr<'a>>, arguments: &'e [CallArg<'a>]) -> Vec<Option<&'e Expr<'a>>> {
    let arguments = arguments.iter().map(|argument| match argument {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
            Some(expr)
        }
    });
    std::iter::once(first).chain(arguments).collect()
}
