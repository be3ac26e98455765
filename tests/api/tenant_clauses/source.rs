//! The statements of the source, as its files are read: literals, constants and `format!` put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Expr, Item, Pat};

use super::values::{Value, World};

/// A statement, as PostgreSQL gets it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Statement {
    /// Below `src/`.
    pub file: String,
    /// The function or constant that it stands in.
    pub function: String,
    /// With words in the place of each `{}`.
    pub text: String,
}

/// All that was found.
#[derive(Default)]
pub struct Collected {
    /// Each once.
    pub statements: BTreeSet<Statement>,
    /// What could not be put together.
    pub problems: Vec<String>,
    /// Every literal: its file and text.
    pub literals: BTreeSet<(String, String)>,
    /// Those that are part of a statement.
    pub used: BTreeSet<(String, String)>,
    /// Constants that are part of other statements.
    pub parts: BTreeSet<(String, String)>,
    /// The words of the table that were needed, by their place in it.
    pub words: BTreeSet<usize>,
}

/// A file of the source.
pub struct File {
    /// Below `src/`.
    pub path: String,
    syntax: syn::File,
    /// Constants and statics by name.
    pub consts: BTreeMap<String, Expr>,
    /// Functions and methods by name.
    pub functions: BTreeMap<String, syn::Block>,
    /// What `use` brings in: the name here, and its path.
    pub uses: BTreeMap<String, Vec<String>>,
}

/// A `let` that came before.
#[derive(Clone)]
pub struct Local {
    /// What it binds.
    pub pattern: Pat,
    /// To what.
    pub value: Expr,
}

fn uses(tree: &syn::UseTree, path: &[String], found: &mut BTreeMap<String, Vec<String>>) {
    let with = |name: &syn::Ident| [path, &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(part) => uses(&part.tree, &with(&part.ident), found),
        syn::UseTree::Name(name) => drop(found.insert(name.ident.to_string(), with(&name.ident))),
        syn::UseTree::Rename(name) => {
            found.insert(name.rename.to_string(), with(&name.ident));
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|one| uses(one, path, found)),
        syn::UseTree::Glob(_) => {}
    }
}

impl File {
    fn read(path: String, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap();
        let mut file = Self {
            path,
            consts: BTreeMap::new(),
            functions: BTreeMap::new(),
            uses: BTreeMap::new(),
            syntax,
        };
        let mut items: Vec<&Item> = file.syntax.items.iter().collect();
        while let Some(item) = items.pop() {
            match item {
                Item::Const(one) => {
                    file.consts
                        .insert(one.ident.to_string(), (*one.expr).clone());
                }
                Item::Fn(one) => {
                    let block = (*one.block).clone();
                    file.functions.insert(one.sig.ident.to_string(), block);
                }
                Item::Impl(one) => {
                    for inner in &one.items {
                        if let syn::ImplItem::Fn(one) = inner {
                            let name = one.sig.ident.to_string();
                            file.functions.insert(name, one.block.clone());
                        }
                    }
                }
                Item::Mod(one) => items.extend(one.content.iter().flat_map(|(_, items)| items)),
                Item::Use(one) => uses(&one.tree, &[], &mut file.uses),
                _ => {}
            }
        }
        file
    }

    /// The path of its module.
    pub fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').map(str::to_owned).collect()
    }
}

fn read(folder: &Path, below: &str, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{name}/"), files);
        } else if Path::new(&name).extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            files.push(File::read(name, &text));
        }
    }
}

/// Whether a text is a statement that reads or writes rows.
pub fn is_statement(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or(""), words.next());
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE"].contains(&first) && second.is_some()
}

/// Reads all files below a folder, and puts their statements together.
pub fn collect(folder: &Path) -> Collected {
    let mut files = Vec::new();
    read(folder, "", &mut files);
    let mut found = Collected::default();
    let mut constants = Vec::new();
    for file in &files {
        let mut walk = Walk {
            files: &files,
            file,
            function: String::new(),
            locals: Vec::new(),
            found: &mut found,
            constants: &mut constants,
        };
        walk.visit_file(&file.syntax);
    }
    for (statement, name) in constants {
        if !found.parts.contains(&(statement.file.clone(), name)) {
            found.statements.insert(statement);
        }
    }
    found
}

struct Walk<'a> {
    files: &'a [File],
    file: &'a File,
    function: String,
    locals: Vec<Local>,
    found: &'a mut Collected,
    constants: &'a mut Vec<(Statement, String)>,
}

impl Walk<'_> {
    /// Notes what an expression may be; `true` where that is a statement.
    fn note(&mut self, expr: &Expr) -> bool {
        let begins = match expr {
            Expr::Lit(one) => match &one.lit {
                syn::Lit::Str(text) => is_statement(&text.value()),
                _ => return false,
            },
            Expr::Macro(one) if one.mac.path.is_ident("format") => {
                let text = one.mac.tokens.to_string();
                let sql = [
                    "SELECT ",
                    "FROM ",
                    "WHERE ",
                    "JOIN ",
                    "RETURNING ",
                    "UPDATE ",
                    "INTO ",
                ];
                text.trim_start().starts_with('"') && sql.iter().any(|word| text.contains(word))
            }
            _ => return false,
        };
        if !begins {
            return false;
        }
        let mut world = World::new(self.files, self.file, &self.function, &self.locals);
        let mut any = false;
        loop {
            match world.value(expr) {
                Ok(Value::Text(text)) if is_statement(&text) => {
                    any = true;
                    let statement = Statement {
                        file: self.file.path.clone(),
                        function: self.function.clone(),
                        text,
                    };
                    self.found.used.append(&mut world.used);
                    self.found.parts.append(&mut world.parts);
                    match self.function.strip_prefix("const ") {
                        Some(name) => {
                            self.constants.push((statement.clone(), name.to_owned()));
                        }
                        None => drop(self.found.statements.insert(statement)),
                    }
                }
                Ok(_) => {}
                Err(problem) => {
                    let place = format!("src/{}, {}", self.file.path, self.function);
                    self.found.problems.push(format!("{place}: {problem}"));
                    any = true;
                    break;
                }
            }
            if !world.next() {
                break;
            }
        }
        self.found.words.append(&mut world.words);
        any
    }

    fn inside(&mut self, function: String, visit: impl FnOnce(&mut Self)) {
        let former = std::mem::replace(&mut self.function, function);
        let locals = std::mem::take(&mut self.locals);
        visit(self);
        self.function = former;
        self.locals = locals;
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.inside(item.sig.ident.to_string(), |walk| {
            visit::visit_item_fn(walk, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let name = item.sig.ident.to_string();
        self.inside(name, |walk| visit::visit_impl_item_fn(walk, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        let name = format!("const {}", item.ident);
        self.inside(name, |walk| visit::visit_item_const(walk, item));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init {
            self.locals.push(Local {
                pattern: local.pat.clone(),
                value: (*init.expr).clone(),
            });
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        self.note(expr);
        visit::visit_expr(self, expr);
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        let literal = (self.file.path.clone(), text.value());
        self.found.literals.insert(literal);
    }

    fn visit_macro(&mut self, one: &'ast syn::Macro) {
        use syn::punctuated::Punctuated;
        let all = one.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated);
        if let Ok(all) = all {
            // The text of a format! is a literal of its own only where it is no statement with words put in.
            for (place, inner) in all.iter().enumerate() {
                if place == 0 && one.path.is_ident("format") {
                    visit::visit_expr(self, inner);
                } else {
                    self.visit_expr(inner);
                }
            }
        } else {
            let text = one.tokens.to_string();
            let verbs = [
                "\"SELECT ",
                "\"INSERT ",
                "\"UPDATE ",
                "\"DELETE ",
                "\"WITH ",
            ];
            if verbs.iter().any(|verb| text.contains(verb)) {
                let place = format!("src/{}, {}", self.file.path, self.function);
                let problem = format!("{place}: a statement in a macro that is not read");
                self.found.problems.push(problem);
            }
        }
    }
}
