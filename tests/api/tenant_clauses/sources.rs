//! What stands in the `FROM` of a scope.

use sqlparser::ast::TableFactor;

use super::binding::{self, Labels};
use super::rule::{Rule, Scopes, Source, name_of};

impl Rule<'_> {
    /// One table, subquery or function.
    pub fn source(&mut self, factor: &TableFactor, scopes: &Scopes) -> Source {
        let (alias, columns, mut any, mut vendor) = match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let name = name_of(name);
                let known = self.ctes.iter().rev().find(|(cte, _)| *cte == name);
                let mut vendor = Vec::new();
                let columns = if let Some((_, outputs)) = known {
                    outputs.clone()
                } else {
                    let all = self.schema.get(&name).cloned().unwrap_or_default();
                    vendor.extend(all.iter().filter(|one| one.1).map(|one| one.0.clone()));
                    all.into_iter()
                        .map(|(column, _)| (column, Labels::new()))
                        .collect()
                };
                self.is_tenant |= !vendor.is_empty();
                (
                    alias
                        .as_ref()
                        .map_or(name, |alias| alias.name.value.clone()),
                    columns,
                    Labels::new(),
                    vendor,
                )
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => {
                let mut outputs = self.query(subquery, scopes);
                let columns = alias.iter().flat_map(|alias| &alias.columns);
                for (output, column) in outputs.iter_mut().zip(columns) {
                    output.0.clone_from(&column.name.value);
                }
                let alias = alias
                    .as_ref()
                    .map_or(String::new(), |alias| alias.name.value.clone());
                (alias, outputs, Labels::new(), Vec::new())
            }
            TableFactor::Table {
                alias: Some(alias), ..
            }
            | TableFactor::Function {
                alias: Some(alias), ..
            }
            | TableFactor::UNNEST {
                alias: Some(alias), ..
            } => {
                let any = binding::given(self, factor, scopes);
                let own = alias.name.value.clone();
                let columns = alias.columns.iter().map(|one| one.name.value.clone());
                let columns: Vec<String> = columns.chain([own.clone()]).collect();
                let labelled = |column: String| {
                    let label = format!("{own}.{column}");
                    (column, any.iter().map(|_| label.clone()).collect())
                };
                let columns = columns.into_iter().map(labelled).collect();
                (own, columns, any, Vec::new())
            }
            TableFactor::UNNEST { array_exprs, .. } => {
                let any = binding::given(self, factor, scopes);
                let columns =
                    (1..=array_exprs.len()).map(|at| (format!("unnest {at}"), any.clone()));
                (String::new(), columns.collect(), any, Vec::new())
            }
            TableFactor::Function { .. } | TableFactor::Table { .. } => {
                (String::new(), Vec::new(), Labels::new(), Vec::new())
            }
            other => {
                self.refuse(format!("the rule does not know this: {other}"));
                (String::new(), Vec::new(), Labels::new(), Vec::new())
            }
        };
        if self.free.contains(&alias.as_str()) && !vendor.is_empty() {
            any = Labels::from([format!("free {alias}")]);
        }
        let mut columns: Vec<(String, Labels)> = columns;
        if !any.is_empty() {
            for column in columns.iter_mut().filter(|one| vendor.contains(&one.0)) {
                column.1.clone_from(&any);
            }
        }
        vendor.dedup();
        Source {
            alias,
            columns,
            vendor,
        }
    }
}
