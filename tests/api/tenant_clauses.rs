//! Each statement on a table of tenants names the vendor, and the rule that says so sees each such clause: row-level
//! security would hide from every other test that one is gone.

mod binding;
mod inserts;
mod removal;
mod rule;
mod source;
mod sources;
mod values;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::support::TestApp;
use rule::{Rule, Schema};
use source::Statement;

/// Statements that look across vendors on purpose, one a line: the file; the function; words of the statement, where the
/// function has others; the tables that are bound to no vendor, by what the statement calls them, or `INSERT` or
/// `CONFLICT` and the table; and the reason.
const ACROSS: &str = include_str!("tenant_clauses/across.txt");

struct Across<'a> {
    line: &'a str,
    file: &'a str,
    function: &'a str,
    words: &'a str,
    free: Vec<&'a str>,
}

impl Across<'_> {
    fn is_about(&self, statement: &Statement) -> bool {
        statement.file == self.file
            && statement.function == self.function
            && statement.text.contains(self.words)
    }
}

fn across() -> Vec<Across<'static>> {
    (ACROSS.lines())
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [file, function, words, free, reason] = parts[..] else {
                panic!("five parts, with | between them: {line}");
            };
            assert!(!reason.is_empty(), "without a reason: {line}");
            let free = free.split(", ").collect();
            Across {
                line,
                file,
                function,
                words,
                free,
            }
        })
        .collect()
}

/// Tables and their columns, as the migrations make them. A column names the vendor by its name, or because it is
/// generated from the one that does.
async fn schema(test: &TestApp) -> Schema {
    let sql = "SELECT table_name::text, column_name::text, column_name = 'vendor_id' \
               OR (table_name = 'vendors' AND column_name = 'id') \
               OR coalesce(is_generated = 'ALWAYS' AND generation_expression ~ '\\mvendor_id\\M', false) \
               FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
    let mut schema = Schema::new();
    for row in test.sql().await.query(sql, &[]).await.unwrap() {
        schema
            .entry(row.get(0))
            .or_default()
            .push((row.get(1), row.get(2)));
    }
    schema
}

static PARTIAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(ON CONFLICT \([^)]*\)) WHERE [^()$]*? DO ").unwrap());

/// A statement as the parser takes it, which knows no weak locks, no partial index of a conflict and no networks. None of
/// them says which rows are meant.
fn parsed(text: &str) -> Result<Vec<sqlparser::ast::Statement>, String> {
    let text = text
        .replace("FOR NO KEY UPDATE", "FOR UPDATE")
        .replace("FOR KEY SHARE", "FOR SHARE");
    let text = text.replace("client_address::inet <<= ANY", "client_address::inet = ANY");
    let text = PARTIAL.replace_all(&text, "$1 DO ");
    Parser::parse_sql(&PostgreSqlDialect {}, &text).map_err(|error| error.to_string())
}

/// What is counted and found out.
#[derive(Default)]
struct Report {
    tenant: usize,
    across: usize,
    tried: usize,
    wrong: Vec<String>,
    /// Entries, and what of theirs is bound to no vendor without them.
    met: BTreeSet<(usize, String)>,
}

impl Report {
    /// Holds a statement against the rule, and again without each of its clauses.
    fn hold(&mut self, schema: &Schema, all: &[Across<'static>], statement: &Statement) {
        let Statement {
            file,
            function,
            text,
        } = statement;
        let place = format!("src/{file}, {function}:\n    {text}\n   ");
        let parsed = match parsed(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let advice = "Write it in another way that means the same";
                return self
                    .wrong
                    .push(format!("{place} cannot be parsed: {error}. {advice}."));
            }
        };
        let entry = all.iter().position(|entry| entry.is_about(statement));
        for statement in &parsed {
            let alone = Rule::of(schema, &[], statement);
            self.tenant += usize::from(alone.is_tenant);
            let free = match entry {
                Some(entry) if !alone.refusals.is_empty() => {
                    for free in &all[entry].free {
                        let others: Vec<&str> = all[entry]
                            .free
                            .iter()
                            .copied()
                            .filter(|one| one != free)
                            .collect();
                        if !Rule::of(schema, &others, statement).refusals.is_empty() {
                            self.met.insert((entry, (*free).to_owned()));
                        }
                    }
                    self.across += 1;
                    &all[entry].free[..]
                }
                Some(entry) if alone.is_tenant => {
                    let line = all[entry].line;
                    self.wrong.push(format!(
                        "{place} is bound, so it is not to be meant by: {line}"
                    ));
                    continue;
                }
                _ => &[],
            };
            let rule = Rule::of(schema, free, statement);
            for (_, problem) in &rule.refusals {
                let advice = "Add it, or, where it looks across vendors on purpose, a line to tenant_clauses/across.txt";
                self.wrong.push(format!("{place} {problem}. {advice}."));
            }
            if !rule.refusals.is_empty() {
                continue;
            }
            for (clause, written) in &rule.clauses {
                self.tried += 1;
                let columns = ["vendor_id".to_owned()];
                let without = removal::without(statement, *clause, &columns);
                if Rule::of(schema, free, &without).refusals.is_empty() {
                    self.wrong.push(format!(
                        "{place} without `{written}` the rule sees nothing wrong. Leave it out."
                    ));
                }
            }
        }
    }
}

/// Literals that name a tenant table and are in no statement.
fn left_out(found: &source::Collected, schema: &Schema) -> Vec<String> {
    let tenants: Vec<&str> = (schema.iter())
        .filter(|(_, columns)| columns.iter().any(|column| column.1))
        .map(|(table, _)| table.as_str())
        .collect();
    let names = tenants.join("|");
    let meant = Regex::new(&format!(
        r"\b(FROM|JOIN|INTO|UPDATE|USING|TABLE|TRUNCATE|COPY|LOCK)\s+(ONLY\s+)?({names})\b"
    ));
    let meant = meant.unwrap();
    (found.literals.difference(&found.used))
        .filter(|(_, text)| {
            meant.is_match(text) || source::is_statement(text) && text.contains(" FROM ")
        })
        .map(|(file, text)| {
            format!("src/{file}: this is in no statement that was collected: {text}")
        })
        .collect()
}

/// Holds every statement against the rule.
fn report(schema: &Schema) -> (usize, Report) {
    let found = source::collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let all = across();
    let mut report = Report::default();
    report.wrong.extend(found.problems.iter().cloned());
    report.wrong.extend(left_out(&found, schema));
    for statement in &found.statements {
        report.hold(schema, &all, statement);
    }
    for (place, (file, function, word, _)) in words::WORDS.iter().enumerate() {
        if !found.words.contains(&place) {
            report.wrong.push(format!(
                "words.rs: nothing needs `{word}` of {function} in {file}"
            ));
        }
    }
    for (place, entry) in all.iter().enumerate() {
        for free in &entry.free {
            if !report.met.contains(&(place, (*free).to_owned())) {
                report.wrong.push(format!(
                    "across.txt: nothing needs `{free}` in: {}",
                    entry.line
                ));
            }
        }
    }
    (found.statements.len(), report)
}

#[actix_web::test]
async fn each_tenant_clause_is_needed_and_none_is_missing() {
    let test = TestApp::start().await;
    let (statements, report) = report(&schema(&test).await);
    let Report {
        tenant,
        across,
        tried,
        wrong,
        ..
    } = &report;
    let counted = format!(
        "{statements} statements, {tenant} on tables of tenants, {across} of them across vendors; {tried} clauses tried"
    );
    assert!(
        wrong.is_empty(),
        "{counted}; {} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        statements > 400 && *tenant > 300 && *tried > 300,
        "too few were seen: {counted}"
    );
}
