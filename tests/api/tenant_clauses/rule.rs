//! The rule: each tenant table that a scope names is bound to a vendor there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, FromTable, JoinConstraint, JoinOperator, Query, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, UpdateTableFromKind, Visit, Visitor,
};

use super::binding::{self, Labels};

/// The tables that have a column: its name, and whether it names the vendor, in their order.
pub type Schema = BTreeMap<String, Vec<(String, bool)>>;

/// A table, subquery or function in a scope.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called.
    pub alias: String,
    /// Its columns, and what those equal that name a vendor.
    pub columns: Vec<(String, Labels)>,
    /// The table's, where it belongs to tenants.
    pub vendor: Vec<String>,
}

/// What an inner scope sees of those around it, the innermost last.
pub type Scopes = Vec<Vec<Source>>;
/// What a scope gives: names, and what they equal.
pub type Outputs = Vec<(String, Labels)>;

/// What is found out about a statement.
pub struct Rule<'a> {
    pub schema: &'a Schema,
    /// Tables, by what they are called, that may be bound to nothing.
    pub free: &'a [&'a str],
    /// What is wrong: with what, and how to say it.
    pub refusals: BTreeSet<(String, String)>,
    /// The places of conditions that bind, and how they read.
    pub clauses: BTreeMap<usize, String>,
    /// Whether it names a tenant table.
    pub is_tenant: bool,
    /// The names that `WITH` gave so far.
    pub ctes: Vec<(String, Outputs)>,
    /// Whether all is bound by now that can be.
    pub last: bool,
}

/// A condition, and which sources it may bind.
struct Condition<'q> {
    expr: &'q Expr,
    binds: std::ops::Range<usize>,
}

pub fn place(expr: &Expr) -> usize {
    std::ptr::from_ref(expr) as usize
}

pub fn name_of(name: &ast::ObjectName) -> String {
    name.to_string().trim_matches('"').to_owned()
}

impl<'a> Rule<'a> {
    pub fn of(schema: &'a Schema, free: &'a [&'a str], statement: &Statement) -> Self {
        let mut rule = Self {
            schema,
            free,
            refusals: BTreeSet::new(),
            clauses: BTreeMap::new(),
            is_tenant: false,
            ctes: Vec::new(),
            last: true,
        };
        rule.statement(statement, &Vec::new());
        rule
    }

    pub fn refuse(&mut self, text: String) {
        self.refuse_for("", text);
    }

    pub fn refuse_for(&mut self, key: &str, text: String) {
        if self.last && !self.free.contains(&key) {
            self.refusals.insert((key.to_owned(), text));
        }
    }

    fn statement(&mut self, statement: &Statement, outer: &Scopes) -> Outputs {
        match statement {
            Statement::Query(query) => self.query(query, outer),
            Statement::Insert(insert) => self.insert(insert, outer),
            Statement::Update(update) => {
                let mut tables: Vec<&TableWithJoins> = vec![&update.table];
                match &update.from {
                    Some(
                        UpdateTableFromKind::AfterSet(more) | UpdateTableFromKind::BeforeSet(more),
                    ) => {
                        tables.extend(more);
                    }
                    None => {}
                }
                let values: Vec<&Expr> = update.assignments.iter().map(|one| &one.value).collect();
                let returning = update.returning.as_deref().unwrap_or(&[]);
                self.scope(
                    &tables,
                    update.selection.as_ref(),
                    &values,
                    returning,
                    outer,
                )
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                let mut tables: Vec<&TableWithJoins> = from.iter().collect();
                tables.extend(delete.using.iter().flatten());
                let returning = delete.returning.as_deref().unwrap_or(&[]);
                self.scope(&tables, delete.selection.as_ref(), &[], returning, outer)
            }
            other => {
                self.refuse(format!(
                    "the rule does not know this kind of statement: {other}"
                ));
                Vec::new()
            }
        }
    }

    pub fn query(&mut self, query: &Query, outer: &Scopes) -> Outputs {
        let known = self.ctes.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let mut outputs = self.query(&cte.query, outer);
            for (output, column) in outputs.iter_mut().zip(&cte.alias.columns) {
                output.0.clone_from(&column.name.value);
            }
            self.ctes.push((cte.alias.name.value.clone(), outputs));
        }
        let outputs = self.set(&query.body, outer);
        self.ctes.truncate(known);
        outputs
    }

    fn set(&mut self, body: &SetExpr, outer: &Scopes) -> Outputs {
        match body {
            SetExpr::Select(select) => {
                let tables: Vec<&TableWithJoins> = select.from.iter().collect();
                let more: Vec<&Expr> = select.having.iter().collect();
                self.scope(
                    &tables,
                    select.selection.as_ref(),
                    &more,
                    &select.projection,
                    outer,
                )
            }
            SetExpr::Query(query) => self.query(query, outer),
            SetExpr::SetOperation { left, right, .. } => {
                let (left, right) = (self.set(left, outer), self.set(right, outer));
                (left.into_iter().zip(right))
                    .map(|((name, one), (_, other))| {
                        let both = !one.is_empty() && !other.is_empty();
                        (
                            name,
                            if both {
                                [&one, &other].into_iter().flatten().cloned().collect()
                            } else {
                                Labels::new()
                            },
                        )
                    })
                    .collect()
            }
            SetExpr::Values(values) => {
                let rows: Vec<&Vec<Expr>> = values.rows.iter().map(|row| &row.content).collect();
                let width = rows.first().map_or(0, |row| row.len());
                for expr in rows.iter().flat_map(|row| row.iter()) {
                    self.nested(expr, outer);
                }
                (0..width)
                    .map(|at| {
                        let all: Vec<Labels> = rows
                            .iter()
                            .map(|row| binding::labels(self, &row[at], outer))
                            .collect();
                        let bound = all.iter().all(|one| !one.is_empty());
                        let labels = all.into_iter().flatten().filter(|_| bound).collect();
                        (format!("column{}", at + 1), labels)
                    })
                    .collect()
            }
            SetExpr::Insert(one) | SetExpr::Update(one) | SetExpr::Delete(one) => {
                self.statement(one, outer)
            }
            other => {
                self.refuse(format!("the rule does not know this: {other}"));
                Vec::new()
            }
        }
    }

    fn scope(
        &mut self,
        tables: &[&TableWithJoins],
        selection: Option<&Expr>,
        more: &[&Expr],
        projection: &[SelectItem],
        outer: &Scopes,
    ) -> Outputs {
        let mut factors: Vec<&TableFactor> = Vec::new();
        let mut conditions: Vec<Condition> = Vec::new();
        for table in tables {
            let first = factors.len();
            factors.push(&table.relation);
            for join in &table.joins {
                factors.push(&join.relation);
                let (constraint, binds) = match &join.join_operator {
                    JoinOperator::Join(on)
                    | JoinOperator::Inner(on)
                    | JoinOperator::CrossJoin(on) => (on, first..factors.len()),
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                        (on, factors.len() - 1..factors.len())
                    }
                    _ => {
                        self.refuse(format!("the rule does not know this join: {join}"));
                        continue;
                    }
                };
                match constraint {
                    JoinConstraint::On(expr) => conditions.push(Condition { expr, binds }),
                    JoinConstraint::None => {}
                    _ => self.refuse(format!("write ON instead: {join}")),
                }
            }
        }
        if let Some(expr) = selection {
            conditions.push(Condition {
                expr,
                binds: 0..factors.len(),
            });
        }
        let mut split = Vec::new();
        for Condition { expr, binds } in conditions {
            binding::conjuncts(expr, &mut |expr| {
                split.push(Condition {
                    expr,
                    binds: binds.clone(),
                });
            });
        }
        let last = std::mem::replace(&mut self.last, false);
        let mut scopes = outer.clone();
        scopes.push(Vec::new());
        for _ in 0..4 {
            let former = scopes.clone();
            let at = scopes.len() - 1;
            let mut sources = Vec::new();
            for factor in &factors {
                let source = self.source(factor, &scopes);
                sources.push(source);
                if scopes[at].len() < sources.len() {
                    scopes[at].clone_from(&sources);
                }
            }
            // Labels only grow: what is known stays.
            for (source, before) in sources.iter_mut().zip(&former[at]) {
                for (column, before) in source.columns.iter_mut().zip(&before.columns) {
                    column.1.extend(before.1.iter().cloned());
                }
            }
            scopes[at] = sources;
            for _ in 0..4 {
                for condition in &split {
                    binding::bind(self, condition.expr, condition.binds.clone(), &mut scopes);
                }
            }
        }
        self.last = last;
        if last {
            self.finish(&factors, &split, &scopes);
        }
        for &expr in more {
            self.nested(expr, &scopes);
        }
        for item in projection {
            self.nested(item, &scopes);
        }
        binding::outputs(self, projection, &scopes)
    }

    /// Says what is not bound, and looks into what stands below.
    fn finish(&mut self, factors: &[&TableFactor], split: &[Condition], scopes: &Scopes) {
        for factor in factors {
            self.source(factor, scopes);
        }
        for condition in split {
            if binding::is_about_vendors(self, condition.expr, scopes) {
                let text = condition.expr.to_string();
                self.clauses.insert(place(condition.expr), text);
            }
            self.nested(condition.expr, scopes);
        }
        for source in scopes.last().into_iter().flatten() {
            let bound =
                |one: &(String, Labels)| source.vendor.contains(&one.0) && !one.1.is_empty();
            if !source.vendor.is_empty() && !source.columns.iter().any(bound) {
                let column = &source.vendor[0];
                self.refuse_for(
                    &source.alias,
                    format!(
                        "`{0}` has no condition like `{0}.{column} = $1`",
                        source.alias
                    ),
                );
            }
        }
    }

    /// Looks into the subqueries of an expression or of anything that has some.
    pub fn nested(&mut self, node: &impl Visit, scopes: &Scopes) {
        if self.last {
            let _ = node.visit(&mut Below {
                rule: self,
                scopes,
                depth: 0,
            });
        }
    }
}

struct Below<'r, 'a> {
    rule: &'r mut Rule<'a>,
    scopes: &'r Scopes,
    depth: usize,
}

impl Visitor for Below<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.rule.query(query, self.scopes);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
