//! What of the language is refused when an expression is parsed.

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, CompareOpKind, Expr};

use super::language::{has_filter, has_test};

/// Filters whose first argument is a name.
const BY_NAME: [&str; 6] = ["map", "select", "reject", "selectattr", "rejectattr", "groupby"];

/// Filters that give a number.
const NUMBERS: [&str; 6] = ["int", "float", "round", "abs", "length", "count"];

/// The largest constant that something unknown is multiplied with.
const MAX_FACTOR: u64 = 1000;

/// Filters that give text.
const TEXTS: [&str; 5] = ["string", "lower", "upper", "trim", "replace"];

/// Why an expression is refused, looking at it and not at its parts.
///
/// Besides misspelt names these are operations that turn any value into text before its size is known.
pub(super) fn refusal(expr: &Expr<'_>) -> Option<String> {
    if let Expr::Filter(filter) = expr {
        let name = filter.name;
        let is_named = |argument: &CallArg<'_>| matches!(argument, CallArg::Pos(Expr::Const(_)) | CallArg::Kwarg(..));
        return if !has_filter(name) {
            Some(format!("unknown filter `{name}`"))
        } else if BY_NAME.contains(&name) && !filter.args.iter().take(1).all(is_named) {
            Some(format!("the first argument of `{name}` is a name in quotes"))
        } else {
            refused_argument(&filter.args)
        };
    }
    if let Expr::Test(test) = expr {
        let unknown = (!has_test(test.name)).then(|| format!("unknown test `{}`", test.name));
        return unknown.or_else(|| refused_argument(&test.args));
    }
    if let Expr::BinOp(binary) = expr {
        return refused_operation(binary);
    }
    if let Expr::Compare(compare) = expr {
        let looks_in = compare
            .ops
            .iter()
            .any(|op| matches!(op.op, CompareOpKind::In | CompareOpKind::NotIn));
        return refused_needle(&compare.expr).filter(|_| looks_in);
    }
    None
}

fn refused_operation(binary: &BinOp<'_>) -> Option<String> {
    if matches!(binary.op, BinOpKind::Concat) {
        let message = "`~` is not available; use `+` between strings, or a string with several `{{ }}`";
        return Some(message.to_owned());
    }
    if matches!(binary.op, BinOpKind::Mul) && !multiplies(&binary.left, &binary.right) {
        let message = "`*` is between numbers; say so, as in `(input.price | float) * (input.count | int)`";
        return Some(message.to_owned());
    }
    refused_needle(&binary.left).filter(|_| matches!(binary.op, BinOpKind::In))
}

/// Whether a product is surely of numbers or text, or at most a list a few times over: a list times a large number is as
/// long as the number says, and comparing it takes that long, whatever the fuel.
fn multiplies(left: &Expr<'_>, right: &Expr<'_>) -> bool {
    let is_name = |expr: &Expr<'_>| matches!(expr, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_));
    let by_constant = (is_name(left) && is_small(right)) || (is_small(left) && is_name(right));
    by_constant || (is_number(left) && is_number(right))
}

fn is_small(expr: &Expr<'_>) -> bool {
    let Expr::Const(constant) = expr else {
        return false;
    };
    let value = &constant.value;
    let number = value.as_i64().map(i64::unsigned_abs);
    number.map_or(!value.is_integer(), |number| number <= MAX_FACTOR)
}

/// Whether an expression gives a number, or text, whatever it reads.
fn is_number(expr: &Expr<'_>) -> bool {
    if let Expr::BinOp(binary) = expr {
        // These give a list where their sides are lists.
        let keeps = matches!(
            binary.op,
            BinOpKind::Add | BinOpKind::Mul | BinOpKind::ScAnd | BinOpKind::ScOr
        );
        return !keeps || (is_number(&binary.left) && is_number(&binary.right));
    }
    let is_filter = matches!(expr, Expr::Filter(filter) if NUMBERS.contains(&filter.name));
    is_filter || matches!(expr, Expr::Const(_) | Expr::UnaryOp(_))
}

fn refused_argument(arguments: &[CallArg<'_>]) -> Option<String> {
    arguments.iter().find_map(|argument| match argument {
        CallArg::Pos(_) | CallArg::Kwarg(_, Expr::Const(_)) => None,
        CallArg::Kwarg(name, _) => Some(format!("`{name}=` takes a constant here")),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
            Some("`*` and `**` before an argument are not available".to_owned())
        }
    })
}

fn refused_needle(needle: &Expr<'_>) -> Option<String> {
    let is_text = matches!(needle, Expr::Filter(filter) if TEXTS.contains(&filter.name));
    let is_name = matches!(needle, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_));
    let is_simple = is_text || is_name || is_number(needle);
    (!is_simple).then(|| "what is looked for with `in` is a constant or a name".to_owned())
}
