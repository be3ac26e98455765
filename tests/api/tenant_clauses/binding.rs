//! What conditions say about the vendors of a scope's tables.

use std::collections::BTreeSet;
use std::ops::Range;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, Value,
};

use super::rule::{Rule, Scopes, Source};

/// What a value equals: parameters, constants, rows of functions; nothing where it is bound to nothing.
pub type Labels = BTreeSet<String>;

/// Calls with each part of a condition that must hold.
pub fn conjuncts<'q>(expr: &'q Expr, each: &mut impl FnMut(&'q Expr)) {
    match expr {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            conjuncts(left, each);
            conjuncts(right, each);
        }
        Expr::Nested(inner) => conjuncts(inner, each),
        _ => each(expr),
    }
}

/// Where a column lies: how far out, which source, which column.
fn find(expr: &Expr, scopes: &Scopes) -> Option<(usize, usize, usize)> {
    let (table, column) = match expr {
        Expr::Identifier(column) => (None, &column.value),
        Expr::CompoundIdentifier(parts) => match &parts[..] {
            [table, column] => (Some(&table.value), &column.value),
            _ => return None,
        },
        Expr::Nested(inner) => return find(inner, scopes),
        _ => return None,
    };
    for (depth, scope) in scopes.iter().enumerate().rev() {
        for (at, source) in scope.iter().enumerate() {
            if table.is_some_and(|table| *table != source.alias) {
                continue;
            }
            let place = source.columns.iter().position(|one| one.0 == *column);
            if let Some(place) = place {
                return Some((depth, at, place));
            }
        }
    }
    None
}

fn together(all: &[Labels], name: &dyn ToString) -> Labels {
    if all.is_empty() || all.iter().any(Labels::is_empty) {
        Labels::new()
    } else {
        Labels::from([name.to_string()])
    }
}

fn arguments(rule: &mut Rule, args: &[FunctionArg], scopes: &Scopes) -> Vec<Labels> {
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => labels(rule, expr, scopes),
            _ => Labels::new(),
        })
        .collect()
}

/// What the rows of a function are made of.
pub fn given(rule: &mut Rule, factor: &TableFactor, scopes: &Scopes) -> Labels {
    let all = match factor {
        TableFactor::Table {
            args: Some(args), ..
        } => arguments(rule, &args.args, scopes),
        TableFactor::Function { args, .. } => arguments(rule, args, scopes),
        TableFactor::UNNEST { array_exprs, .. } => array_exprs
            .iter()
            .map(|expr| labels(rule, expr, scopes))
            .collect(),
        _ => Vec::new(),
    };
    together(&all, factor)
}

/// What an expression equals.
pub fn labels(rule: &mut Rule, expr: &Expr, scopes: &Scopes) -> Labels {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Labels::from([name.clone()]),
            other => Labels::from([format!("constant {other}")]),
        },
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => labels(rule, inner, scopes),
        Expr::UnaryOp { expr: inner, .. } => {
            let inner = labels(rule, inner, scopes);
            together(&[inner], expr)
        }
        Expr::Subquery(query) => rule
            .query(query, scopes)
            .into_iter()
            .next()
            .map(|one| one.1)
            .unwrap_or_default(),
        Expr::Array(array) => {
            let all: Vec<Labels> = array
                .elem
                .iter()
                .map(|one| labels(rule, one, scopes))
                .collect();
            together(&all, expr)
        }
        Expr::BinaryOp { left, right, .. } => {
            let all = [labels(rule, left, scopes), labels(rule, right, scopes)];
            together(&all, expr)
        }
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) => {
                let all = arguments(rule, &list.args, scopes);
                together(&all, expr)
            }
            FunctionArguments::Subquery(query) => rule
                .query(query, scopes)
                .into_iter()
                .next()
                .map(|one| one.1)
                .unwrap_or_default(),
            FunctionArguments::None => Labels::new(),
        },
        _ => match find(expr, scopes) {
            Some((depth, at, place)) => scopes[depth][at].columns[place].1.clone(),
            None => Labels::new(),
        },
    }
}

fn row(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Tuple(all) => all.iter().collect(),
        Expr::Nested(inner) => row(inner),
        _ => vec![expr],
    }
}

/// What a condition says is equal: an expression, and what it equals.
fn equal<'q>(rule: &mut Rule, expr: &'q Expr, scopes: &Scopes) -> Vec<(&'q Expr, Labels)> {
    match expr {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        }
        | Expr::IsNotDistinctFrom(left, right) => {
            let pairs: Vec<(&Expr, &Expr)> = row(left).into_iter().zip(row(right)).collect();
            let mut found = Vec::new();
            for (one, other) in pairs {
                found.push((one, labels(rule, other, scopes)));
                found.push((other, labels(rule, one, scopes)));
            }
            found
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => {
            vec![(&**left, labels(rule, right, scopes))]
        }
        Expr::IsNull(one) => vec![(&**one, Labels::from(["NULL".to_owned()]))],
        Expr::InList {
            expr: one,
            list,
            negated: false,
        } => {
            let all: Vec<Labels> = list.iter().map(|item| labels(rule, item, scopes)).collect();
            vec![(&**one, together(&all, expr))]
        }
        Expr::InSubquery {
            expr: one,
            subquery,
            negated: false,
        } => {
            let outputs = rule.query(subquery, scopes);
            row(one)
                .into_iter()
                .zip(outputs.into_iter().map(|one| one.1))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn is_vendor(source: &Source, place: usize) -> bool {
    source.vendor.contains(&source.columns[place].0)
}

/// Lets a condition bind tables of the innermost scope.
pub fn bind(rule: &mut Rule, expr: &Expr, binds: Range<usize>, scopes: &mut Scopes) {
    let innermost = scopes.len() - 1;
    for (one, labels) in equal(rule, expr, scopes) {
        if let Some((depth, at, place)) = find(one, scopes)
            && depth == innermost
            && binds.contains(&at)
            && is_vendor(&scopes[depth][at], place)
        {
            // All columns of a table that name its vendor name the same.
            let source = &mut scopes[depth][at];
            let vendor = source.vendor.clone();
            for column in source
                .columns
                .iter_mut()
                .filter(|one| vendor.contains(&one.0))
            {
                column.1.extend(labels.iter().cloned());
            }
        }
    }
}

/// Whether a condition says what a tenant table's vendor equals.
pub fn is_about_vendors(rule: &mut Rule, expr: &Expr, scopes: &Scopes) -> bool {
    if let Expr::BinaryOp { left, right, .. } = expr {
        // A table that is free is bound by nothing: what is joined to it may be a subquery, which holds no rows.
        let tenants = [left, right].map(|one| find(one, scopes));
        let mut tenants = (tenants.into_iter().flatten())
            .map(|(depth, at, place)| (&scopes[depth][at], place))
            .filter(|(source, place)| is_vendor(source, *place));
        if let (Some((one, _)), None) = (tenants.next(), tenants.next())
            && rule.free.contains(&one.alias.as_str())
        {
            return false;
        }
    }
    equal(rule, expr, scopes).into_iter().any(|(one, labels)| {
        !labels.is_empty()
            && find(one, scopes)
                .is_some_and(|(depth, at, place)| is_vendor(&scopes[depth][at], place))
    })
}

/// What a scope gives.
pub fn outputs(rule: &mut Rule, items: &[SelectItem], scopes: &Scopes) -> Vec<(String, Labels)> {
    let empty = Vec::new();
    let own = scopes.last().unwrap_or(&empty);
    let mut all = Vec::new();
    for item in items {
        match item {
            SelectItem::ExprWithAlias { expr, alias } => {
                all.push((alias.value.clone(), labels(rule, expr, scopes)));
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::Identifier(name) => name.value.clone(),
                    Expr::CompoundIdentifier(parts) => parts.last().unwrap().value.clone(),
                    other => other.to_string(),
                };
                all.push((name, labels(rule, expr, scopes)));
            }
            SelectItem::Wildcard(_) => {
                all.extend(own.iter().flat_map(|source| source.columns.iter().cloned()));
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let named = own.iter().filter(|source| source.alias == name.to_string());
                all.extend(named.flat_map(|source| source.columns.iter().cloned()));
            }
            _ => all.push((item.to_string(), Labels::new())),
        }
    }
    all
}
