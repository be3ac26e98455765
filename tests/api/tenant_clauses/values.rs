//! What an expression of the source may be, one possibility after the other.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, Pat};

use super::source::{File, Local};
use super::words::{WORDS, Words};

/// What an expression is.
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    Tuple(Vec<Value>),
    Fields(BTreeMap<String, Value>),
}

type Found = Result<Value, String>;

fn short(tokens: &impl quote::ToTokens) -> String {
    tokens
        .to_token_stream()
        .to_string()
        .replace([' ', '\n'], "")
}

/// One way in which everything that may differ turns out. [`World::next`] goes on to the next.
pub struct World<'a> {
    files: &'a [File],
    file: &'a File,
    function: String,
    locals: &'a [Local],
    decided: Vec<(usize, usize)>,
    known: BTreeMap<String, usize>,
    depth: usize,
    pub used: BTreeSet<(String, String)>,
    pub parts: BTreeSet<(String, String)>,
    pub words: BTreeSet<usize>,
}

impl<'a> World<'a> {
    pub fn new(files: &'a [File], file: &'a File, function: &str, locals: &'a [Local]) -> Self {
        Self {
            files,
            file,
            function: function.to_owned(),
            locals,
            decided: Vec::new(),
            known: BTreeMap::new(),
            depth: 0,
            used: BTreeSet::new(),
            parts: BTreeSet::new(),
            words: BTreeSet::new(),
        }
    }

    /// Goes on to the next way; `false` after the last.
    pub fn next(&mut self) -> bool {
        self.known.clear();
        while let Some((one, of)) = self.decided.pop() {
            if one + 1 < of {
                self.decided.push((one + 1, of));
                return true;
            }
        }
        false
    }

    fn choose(&mut self, about: &str, of: usize) -> usize {
        let about = format!("{} {} {about}", self.file.path, self.function);
        if let Some(one) = self.known.get(&about) {
            return *one;
        }
        let place = self.known.len();
        if place == self.decided.len() {
            self.decided.push((0, of));
        }
        let one = self.decided[place].0;
        self.known.insert(about, one);
        one
    }

    /// What an expression is, this way.
    pub fn value(&mut self, expr: &Expr) -> Found {
        if self.depth > 40 {
            return Err("the words are put together too deeply".to_owned());
        }
        self.depth += 1;
        let value = self.inner(expr);
        self.depth -= 1;
        value
    }

    fn inner(&mut self, expr: &Expr) -> Found {
        let text = short(expr);
        let known = WORDS.iter().position(|(file, function, word, _)| {
            *file == self.file.path && *function == self.function && *word == text
        });
        if let Some(place) = known {
            return self.word(place);
        }
        match expr {
            Expr::Lit(one) => match &one.lit {
                syn::Lit::Str(text) => {
                    self.used.insert((self.file.path.clone(), text.value()));
                    Ok(Value::Text(text.value()))
                }
                syn::Lit::Char(one) => Ok(Value::Text(one.value().to_string())),
                syn::Lit::Int(one) => Ok(Value::Text(one.base10_digits().to_owned())),
                _ => Err(format!("{text} is no text")),
            },
            Expr::Reference(one) => self.value(&one.expr),
            Expr::Paren(one) => self.value(&one.expr),
            Expr::Block(one) => self.block(&one.block, None),
            Expr::Tuple(one) => {
                let all: Result<Vec<Value>, String> =
                    one.elems.iter().map(|one| self.value(one)).collect();
                Ok(Value::Tuple(all?))
            }
            Expr::Struct(one) => {
                let all: Result<BTreeMap<String, Value>, String> = (one.fields.iter())
                    .filter(|field| !short(&field.expr).starts_with("SignedDuration"))
                    .map(|field| Ok((short(&field.member), self.value(&field.expr)?)))
                    .collect();
                Ok(Value::Fields(all?))
            }
            Expr::If(one) => {
                let Some((_, otherwise)) = &one.else_branch else {
                    return Err(format!("{text} has no else"));
                };
                match self.choose(&short(&one.cond), 2) {
                    0 => self.block(&one.then_branch, None),
                    _ => self.value(otherwise),
                }
            }
            Expr::Match(one) => {
                let arm = self.choose(&short(&one.expr), one.arms.len());
                self.value(&one.arms[arm].body.clone())
            }
            Expr::Field(one) => self.field(one, &text),
            Expr::Path(one) => {
                let path: Vec<String> = (one.path.segments.iter())
                    .map(|part| part.ident.to_string())
                    .collect();
                self.path(&path)
            }
            Expr::Macro(one) if one.mac.path.is_ident("format") => self.format(&one.mac),
            Expr::MethodCall(one) => match one.method.to_string().as_str() {
                "to_owned" | "to_string" | "clone" | "as_str" | "join" => self.value(&one.receiver),
                name => self.call(&[name.to_owned()], &text),
            },
            Expr::Call(_) if text == "String::new()" => Ok(Value::Text(String::new())),
            Expr::Call(one) => {
                let name = short(&one.func);
                let path: Vec<String> = name.split("::").map(str::to_owned).collect();
                self.call(&path, &text)
            }
            _ => Err(format!("no words are known for `{text}`")),
        }
    }

    fn field(&mut self, one: &syn::ExprField, text: &str) -> Found {
        let missing = || format!("no words are known for `{text}`");
        match (self.value(&one.base)?, &one.member) {
            (Value::Fields(mut all), member) => all.remove(&short(member)).ok_or_else(missing),
            (Value::Tuple(mut all), syn::Member::Unnamed(place)) => {
                Ok(all.swap_remove(place.index as usize))
            }
            _ => Err(missing()),
        }
    }

    fn word(&mut self, place: usize) -> Found {
        self.words.insert(place);
        let (_, function, word, words) = &WORDS[place];
        match words {
            Words::Any(all) => {
                let one = self.choose(&format!("word {word}"), all.len());
                Ok(Value::Text(all[one].to_owned()))
            }
            Words::Constants(all) => {
                let one = self.choose(&format!("word {word}"), all.len());
                let path: Vec<String> = all[one].split("::").map(str::to_owned).collect();
                self.path(&path)
            }
            Words::Pieces => {
                let mut pieces = Pieces(Vec::new());
                pieces.visit_block(&self.file.functions[*function]);
                let one = self.choose(&format!("piece {word}"), pieces.0.len());
                let piece = pieces.0.swap_remove(one);
                let block = self.file.functions[*function].clone();
                self.block(&block, Some(&piece))
            }
        }
    }

    /// The last expression of a block, or one that stands in it.
    fn block(&mut self, block: &syn::Block, piece: Option<&Expr>) -> Found {
        let mut all = Lets(self.locals.to_vec());
        all.visit_block(block);
        let tail = match (piece, block.stmts.last()) {
            (Some(piece), _) => piece.clone(),
            (None, Some(syn::Stmt::Expr(tail, None))) => tail.clone(),
            _ => return Err("a block gives no words".to_owned()),
        };
        self.with(self.file, &self.function.clone(), &all.0, &tail)
    }

    /// An expression where other locals, or another function's, are known.
    fn with(&mut self, file: &File, function: &str, locals: &[Local], expr: &Expr) -> Found {
        let file = self.files.iter().find(|one| one.path == file.path).unwrap();
        let mut world = World::new(self.files, file, function, locals);
        world.decided = std::mem::take(&mut self.decided);
        world.known = std::mem::take(&mut self.known);
        world.depth = self.depth;
        let value = world.value(expr);
        self.decided = world.decided;
        self.known = world.known;
        self.used.append(&mut world.used);
        self.parts.append(&mut world.parts);
        self.words.append(&mut world.words);
        value
    }

    fn call(&mut self, path: &[String], text: &str) -> Found {
        let (file, name) = self.place(path);
        let Some(block) = file.and_then(|file| file.functions.get(&name)) else {
            return Err(format!("no words are known for `{text}`"));
        };
        let (file, block) = (file.unwrap(), block.clone());
        let mut world = World::new(self.files, file, &name, &[]);
        world.decided = std::mem::take(&mut self.decided);
        world.known = std::mem::take(&mut self.known);
        world.depth = self.depth + 1;
        let value = world.block(&block, None);
        self.decided = world.decided;
        self.known = world.known;
        self.used.append(&mut world.used);
        self.parts.append(&mut world.parts);
        self.words.append(&mut world.words);
        value
    }

    /// The file that a path leads to, and the last name.
    fn place(&self, path: &[String]) -> (Option<&'a File>, String) {
        let name = path.last().cloned().unwrap_or_default();
        if path.len() == 1 && !self.file.uses.contains_key(&name) {
            return (Some(self.file), name);
        }
        let full = match self.file.uses.get(&path[0]) {
            Some(used) => [used, &path[1..]].concat(),
            None => path.to_vec(),
        };
        let (mut module, mut at) = (self.file.module(), 0);
        while let Some(part) = full.get(at) {
            match part.as_str() {
                "crate" => module.clear(),
                "super" => drop(module.pop()),
                "self" => {}
                _ => break,
            }
            at += 1;
        }
        let name = full.last().cloned().unwrap_or_default();
        module.extend_from_slice(&full[at..full.len().max(at + 1) - 1]);
        let file = self.files.iter().find(|file| file.module() == module);
        (file, name)
    }

    fn path(&mut self, path: &[String]) -> Found {
        if let [name] = path {
            for (place, local) in self.locals.iter().enumerate().rev() {
                if let Some(way) = bound(&local.pattern, name) {
                    let (locals, mut value) = (self.locals, local.value.clone());
                    let mut way = way;
                    if let (Bound::At(at), Expr::Tuple(all)) = (way, &value) {
                        (value, way) = (all.elems[at].clone(), Bound::Whole);
                    }
                    let function = self.function.clone();
                    let value = self.with(self.file, &function, &locals[..place], &value)?;
                    return match (way, value) {
                        (Bound::Whole, value) => Ok(value),
                        (Bound::At(at), Value::Tuple(mut all)) => Ok(all.swap_remove(at)),
                        _ => Err(format!("no words are known for `{name}`")),
                    };
                }
            }
        }
        let (mut file, name) = self.place(path);
        if let Some(through) = file.filter(|file| !file.consts.contains_key(&name)) {
            let world = World::new(self.files, through, "", &[]);
            file = through
                .uses
                .get(&name)
                .and_then(|_| world.place(std::slice::from_ref(&name)).0);
        }
        let Some((file, value)) = file.and_then(|file| Some((file, file.consts.get(&name)?)))
        else {
            return Err(format!("no words are known for `{}`", path.join("::")));
        };
        self.parts.insert((file.path.clone(), name.clone()));
        let value = value.clone();
        self.with(file, &format!("const {name}"), &[], &value)
    }

    fn format(&mut self, one: &syn::Macro) -> Found {
        use syn::punctuated::Punctuated;
        let all = one.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated);
        let all: Vec<Expr> = all
            .map_err(|error| error.to_string())?
            .into_iter()
            .collect();
        let Some(Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(literal),
            ..
        })) = all.first()
        else {
            return Err("a format! without a literal".to_owned());
        };
        self.used.insert((self.file.path.clone(), literal.value()));
        let text = literal
            .value()
            .replace("{{", "\u{1}")
            .replace("}}", "\u{2}");
        let mut parts = text.split('{');
        let mut whole = parts.next().unwrap_or("").to_owned();
        let mut next = 0;
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or("a format! that is not closed")?;
            let expr = if name.is_empty() {
                next += 1;
                all.get(next).cloned()
            } else if let Ok(place) = name.parse::<usize>() {
                all.get(place + 1).cloned()
            } else {
                syn::parse_str(name).ok()
            };
            let expr = expr.ok_or_else(|| format!("`{{{name}}}` is not read"))?;
            match self.value(&expr)? {
                Value::Text(text) => whole.push_str(&text),
                _ => return Err(format!("`{{{name}}}` is no text")),
            }
            whole.push_str(rest);
        }
        Ok(Value::Text(
            whole.replace('\u{1}', "{").replace('\u{2}', "}"),
        ))
    }
}

/// What of a value a pattern gives a name.
#[derive(Clone, Copy, PartialEq)]
enum Bound {
    Whole,
    At(usize),
}

/// Whether a pattern binds a name: wholly, or at a place of a tuple.
fn bound(pattern: &Pat, name: &str) -> Option<Bound> {
    match pattern {
        Pat::Ident(one) if one.ident == name => Some(Bound::Whole),
        Pat::Type(one) => bound(&one.pat, name),
        Pat::Tuple(all) => {
            let place = all
                .elems
                .iter()
                .position(|one| bound(one, name) == Some(Bound::Whole))?;
            Some(Bound::At(place))
        }
        _ => None,
    }
}

struct Lets(Vec<Local>);

impl<'ast> Visit<'ast> for Lets {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init {
            let (pattern, value) = (local.pat.clone(), (*init.expr).clone());
            self.0.push(Local { pattern, value });
        }
    }
}

/// Literals and `format!`, each as a whole.
struct Pieces(Vec<Expr>);

impl<'ast> Visit<'ast> for Pieces {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Macro(one) if one.mac.path.is_ident("format") => self.0.push(expr.clone()),
            Expr::Lit(one) if matches!(one.lit, syn::Lit::Str(_)) => self.0.push(expr.clone()),
            // What a text is compared with is no piece.
            Expr::MethodCall(one) if one.method == "starts_with" => {}
            _ => visit::visit_expr(self, expr),
        }
    }
}
