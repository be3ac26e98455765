//! Takes one condition out of a statement.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Insert, Query, SetExpr, Statement, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::rule::place;

/// Counts expressions and statements up to one, the same way in both kinds of visits.
struct Count {
    wanted: usize,
    seen: usize,
    found: Option<usize>,
}

impl Count {
    fn pass(&mut self, place: usize) {
        if place == self.wanted {
            self.found = Some(self.seen);
        }
        self.seen += 1;
    }
}

impl Visitor for Count {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.pass(place(expr));
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        if let Statement::Insert(insert) = statement {
            self.pass(std::ptr::from_ref(insert) as usize);
        }
        ControlFlow::Continue(())
    }
}

struct Remove<'a> {
    left: usize,
    columns: &'a [String],
}

impl Remove<'_> {
    fn is_it(&mut self) -> bool {
        self.left = self.left.wrapping_sub(1);
        self.left == usize::MAX
    }
}

impl VisitorMut for Remove<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.is_it() {
            *expr = Expr::Value(Value::Boolean(true).into());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        if let Statement::Insert(insert) = statement
            && self.is_it()
        {
            without_column(insert, self.columns);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn without_column(insert: &mut Insert, columns: &[String]) {
    let named = |column: &sqlparser::ast::ObjectName| columns.contains(&column.to_string());
    let Some(at) = insert.columns.iter().position(named) else {
        return;
    };
    insert.columns.remove(at);
    match insert
        .source
        .as_mut()
        .map(|source: &mut Box<Query>| &mut *source.body)
    {
        Some(SetExpr::Values(values)) => {
            for row in &mut values.rows {
                row.content.remove(at);
            }
        }
        Some(SetExpr::Select(select)) if select.projection.len() > at => {
            select.projection.remove(at);
        }
        _ => {}
    }
}

/// The statement without the condition at a place, or without the vendor's column of the `INSERT` there.
pub fn without(statement: &Statement, wanted: usize, columns: &[String]) -> Statement {
    let mut count = Count {
        wanted,
        seen: 0,
        found: None,
    };
    let _ = Visit::visit(statement, &mut count);
    let left = count.found.expect("a condition stands in its statement");
    let mut changed = statement.clone();
    let done = VisitMut::visit(&mut changed, &mut Remove { left, columns });
    assert!(done.is_break());
    changed
}
