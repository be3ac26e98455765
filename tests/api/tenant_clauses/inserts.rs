//! New rows name their vendor, and take no other vendor's place.

use sqlparser::ast;

use super::binding::{self, Labels};
use super::rule::{Outputs, Rule, Scopes, Source, name_of, place};

impl Rule<'_> {
    pub fn insert(&mut self, insert: &ast::Insert, outer: &Scopes) -> Outputs {
        let table = insert.table.to_string();
        let schema = self.schema.get(&table).cloned().unwrap_or_default();
        let vendor = schema.iter().find(|one| one.1).map(|one| one.0.clone());
        self.is_tenant |= vendor.is_some();
        let outputs = insert
            .source
            .as_ref()
            .map_or(Vec::new(), |source| self.query(source, outer));
        let mut own = Labels::new();
        // A vendor that is new has no number yet.
        if let Some(vendor) = vendor.filter(|_| table != "vendors") {
            let key = format!("INSERT {table}");
            let at = insert
                .columns
                .iter()
                .position(|column| name_of(column) == vendor);
            match at.and_then(|at| outputs.get(at)) {
                None => self.refuse_for(&key, format!("rows for `{table}` do not name `{vendor}`")),
                Some((_, labels)) if labels.is_empty() => {
                    self.refuse_for(
                        &key,
                        format!(
                            "`{vendor}` of rows for `{table}` comes from nothing that is bound"
                        ),
                    );
                }
                Some((_, labels)) => own.clone_from(labels),
            }
            if self.last && at.is_some() {
                self.clauses.insert(
                    std::ptr::from_ref(insert) as usize,
                    format!("column {vendor}"),
                );
            }
            self.conflict(insert, &table, &vendor, &own, outer);
        }
        let alias = insert
            .table_alias
            .as_ref()
            .map_or(table, |alias| alias.alias.value.clone());
        let mut scopes = outer.clone();
        let columns: Vec<(String, Labels)> = (schema.iter())
            .map(|(name, is_vendor)| {
                (
                    name.clone(),
                    if *is_vendor {
                        own.clone()
                    } else {
                        Labels::new()
                    },
                )
            })
            .collect();
        let row = |alias: &str| Source {
            alias: alias.to_owned(),
            columns: columns.clone(),
            vendor: Vec::new(),
        };
        scopes.push(vec![row(&alias)]);
        let returning = insert.returning.as_deref().unwrap_or(&[]);
        for item in returning {
            self.nested(item, &scopes);
        }
        let outputs = binding::outputs(self, returning, &scopes);
        scopes.last_mut().unwrap().push(row("excluded"));
        if let Some(on) = &insert.on {
            self.nested(on, &scopes);
        }
        outputs
    }

    /// A row in the way is of the same vendor: by the columns of the conflict, or by a condition.
    pub fn conflict(
        &mut self,
        insert: &ast::Insert,
        table: &str,
        vendor: &str,
        own: &Labels,
        outer: &Scopes,
    ) {
        let Some(ast::OnInsert::OnConflict(on)) = &insert.on else {
            return;
        };
        let ast::OnConflictAction::DoUpdate(update) = &on.action else {
            return;
        };
        if let Some(ast::ConflictTarget::Columns(columns)) = &on.conflict_target
            && columns.iter().any(|column| column.value == vendor)
        {
            return;
        }
        let alias = insert
            .table_alias
            .as_ref()
            .map_or(table, |alias| alias.alias.value.as_str());
        let source = |alias: &str, labels: &Labels, tenant: bool| Source {
            alias: alias.to_owned(),
            columns: vec![(vendor.to_owned(), labels.clone())],
            vendor: tenant.then(|| vendor.to_owned()).into_iter().collect(),
        };
        let mut scopes = outer.clone();
        scopes.push(vec![
            source(alias, &Labels::new(), true),
            source("excluded", own, false),
        ]);
        let mut all = Vec::new();
        if let Some(selection) = &update.selection {
            binding::conjuncts(selection, &mut |expr| all.push(expr));
        }
        for expr in &all {
            binding::bind(self, expr, 0..1, &mut scopes);
            if self.last && binding::is_about_vendors(self, expr, &scopes) {
                self.clauses.insert(place(expr), expr.to_string());
            }
        }
        if scopes
            .last()
            .is_some_and(|scope| scope[0].columns[0].1.is_empty())
        {
            let key = format!("CONFLICT {table}");
            self.refuse_for(
                &key,
                format!("the row of `{table}` that is in the way may be of another vendor"),
            );
        }
    }
}
