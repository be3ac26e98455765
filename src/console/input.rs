//! Fields of forms of any kind: lines, choices, texts of many lines. [`super::http::Field`] is the simple one.

use super::http::Faults;

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Line,
    /// What is not shown while it is typed, nor ever again.
    Secret,
    /// A number.
    Number,
    /// A day.
    Day,
    /// Text of many lines.
    Lines,
    /// One of some words.
    Choice,
}

/// A word to choose.
pub struct Word {
    /// As sent.
    pub value: String,
    /// As shown.
    pub text: String,
    /// Whether it is the one in force.
    pub is_chosen: bool,
}

/// A field of a form as a page shows it.
pub struct Input {
    /// As sent.
    pub name: String,
    /// Its label.
    pub label: String,
    /// What it holds.
    pub value: String,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// What may stand in it.
    pub hint: String,
    /// Whether it must be filled in.
    pub required: bool,
    /// What it takes.
    pub kind: Kind,
    /// What there is to choose.
    pub words: Vec<Word>,
}

impl Input {
    /// One that may be left out.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            value: String::new(),
            fault: None,
            hint: String::new(),
            required: false,
            kind,
            words: Vec::new(),
        }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// That must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// With words to choose from, as sent and as shown.
    #[must_use]
    pub fn among<'a>(mut self, words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let word = |(value, text): (&str, &str)| Word {
            value: value.to_owned(),
            text: text.to_owned(),
            is_chosen: false,
        };
        self.words = words.into_iter().map(word).collect();
        self
    }

    /// With what it holds, and what is wrong with that.
    #[must_use]
    pub fn filled(mut self, value: Option<&str>, faults: &Faults) -> Self {
        let value = value.unwrap_or_default();
        if self.kind != Kind::Secret {
            value.clone_into(&mut self.value);
        }
        for word in &mut self.words {
            word.is_chosen = word.value == value;
        }
        self.fault = faults.get(&self.name).map(ToOwned::to_owned);
        self
    }

    /// Of an element `input`, which the others are none of.
    #[must_use]
    pub fn line_type(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Line => Some("text"),
            Kind::Secret => Some("password"),
            Kind::Number => Some("number"),
            Kind::Day => Some("date"),
            Kind::Lines | Kind::Choice => None,
        }
    }

    /// Whether it is not shown while it is typed.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// Whether it is for text of many lines.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.kind == Kind::Lines
    }

    /// What describes it, by the ids of what stands below it.
    #[must_use]
    pub fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if self.fault.is_some() {
            ids.push(format!("{}-fault", self.name));
        }
        if !self.hint.is_empty() {
            ids.push(format!("{}-hint", self.name));
        }
        ids.join(" ")
    }
}
