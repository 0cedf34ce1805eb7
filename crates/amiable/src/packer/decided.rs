//! Whether an expression's value is what it would be in a build. What is not known stands for itself
//! in texts, and so may be put together with others; but no condition can be decided by it.

use hcl::expr::{Expression, Operation, TemplateExpr, TraversalOperator};
use hcl::template::{Directive, Element, Template};

/// `is_unknown` says of an expression whether something in its value is not known.
pub(super) fn is_decided(
    expression: &Expression,
    is_unknown: &dyn Fn(&Expression) -> bool,
) -> bool {
    let decided = |it: &Expression| is_decided(it, is_unknown);
    let known = |it: &Expression| decided(it) && is_known(it, is_unknown);
    match expression {
        Expression::Array(all) => all.iter().all(decided),
        Expression::Object(all) => all.values().all(decided),
        Expression::Parenthesis(inner) => decided(inner),
        Expression::FuncCall(call) => call.args.iter().all(decided),
        Expression::Traversal(it) => {
            let is_known = |operator: &TraversalOperator| match operator {
                TraversalOperator::Index(index) => known(index),
                _ => true,
            };
            decided(&it.expr) && it.operators.iter().all(is_known)
        }
        Expression::Conditional(it) => {
            known(&it.cond_expr) && decided(&it.true_expr) && decided(&it.false_expr)
        }
        Expression::Operation(it) => match &**it {
            Operation::Unary(it) => known(&it.expr),
            Operation::Binary(it) => known(&it.lhs_expr) && known(&it.rhs_expr),
        },
        Expression::ForExpr(it) => {
            known(&it.collection_expr)
                && it.cond_expr.as_ref().is_none_or(known)
                && it.key_expr.as_ref().is_none_or(decided)
                && decided(&it.value_expr)
        }
        Expression::TemplateExpr(it) => of_template(it, is_unknown),
        _ => true,
    }
}

fn of_template(template: &TemplateExpr, is_unknown: &dyn Fn(&Expression) -> bool) -> bool {
    Template::from_expr(template).is_ok_and(|it| elements(&it, is_unknown))
}

fn elements(template: &Template, is_unknown: &dyn Fn(&Expression) -> bool) -> bool {
    template.elements().iter().all(|element| match element {
        Element::Literal(_) => true,
        Element::Interpolation(it) => is_decided(&it.expr, is_unknown),
        Element::Directive(it) => match &**it {
            Directive::If(it) => {
                let other = it.false_template.as_ref();
                is_known(&it.cond_expr, is_unknown)
                    && elements(&it.true_template, is_unknown)
                    && other.is_none_or(|it| elements(it, is_unknown))
            }
            Directive::For(it) => {
                is_known(&it.collection_expr, is_unknown) && elements(&it.template, is_unknown)
            }
        },
    })
}

/// Whether all that an expression names is known.
fn is_known(expression: &Expression, is_unknown: &dyn Fn(&Expression) -> bool) -> bool {
    let known = |it: &Expression| is_known(it, is_unknown);
    match expression {
        Expression::Array(all) => all.iter().all(known),
        Expression::Object(all) => all.values().all(known),
        Expression::Parenthesis(inner) => known(inner),
        Expression::FuncCall(call) => call.args.iter().all(known) && !is_unknown(expression),
        Expression::Conditional(it) => {
            known(&it.cond_expr) && known(&it.true_expr) && known(&it.false_expr)
        }
        Expression::Operation(it) => match &**it {
            Operation::Unary(it) => known(&it.expr),
            Operation::Binary(it) => known(&it.lhs_expr) && known(&it.rhs_expr),
        },
        other => !is_unknown(other),
    }
}
