//! Which claims a token must have: places in it, and patterns of texts.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::jwt::Claims;

const MOST_CLAIMS: usize = 16;
const MOST_PATTERNS: usize = 16;
/// Of all claims of a policy together: each is tried with each token.
const MOST_TOGETHER: usize = 64;
const LONGEST_PLACE: usize = 256;
const LONGEST_PATTERN: usize = 512;
const MOST_WILDCARDS: usize = 8;
/// A claim longer than this matches nothing, in bytes.
const LONGEST_TEXT: usize = 1024;
/// What `*` does not stand for: it names parts of a subject, and never more than one of them.
const SEPARATORS: [u8; 2] = [b'/', b':'];

/// Where a claim is. A name is that of a claim at the top, dots and all: `repository`. What begins with a slash is a JSON
/// pointer (RFC 6901) through objects: `/kubernetes.io/serviceaccount/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(min_length = 1, max_length = 256)]
pub struct ClaimPlace(String);

impl TryFrom<String> for ClaimPlace {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let whole = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').all(is_step),
            None => !text.is_empty(),
        };
        if whole && text.len() <= LONGEST_PLACE && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err("must be the name of a claim, or a JSON pointer to one, of at most 256 bytes")
        }
    }
}

/// Neither empty nor with a tilde that escapes nothing.
fn is_step(step: &str) -> bool {
    let mut after_tilde = step.split('~').skip(1);
    !step.is_empty() && after_tilde.all(|rest| rest.starts_with(['0', '1']))
}

impl From<ClaimPlace> for String {
    fn from(place: ClaimPlace) -> Self {
        place.0
    }
}

impl ClaimPlace {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands there.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Claims) -> Option<&'c Value> {
        let Some(pointer) = self.0.strip_prefix('/') else {
            return claims.get(&self.0);
        };
        let mut steps = pointer
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"));
        let first = claims.get(&steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(&step))
    }
}

/// What a claim must be: itself, to the byte, or with wildcards. `*` stands for one character or more, none of them `/` or
/// `:`; `**`, only at the end, for one or more of any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl TryFrom<String> for Pattern {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.len() > LONGEST_PATTERN || text.chars().any(char::is_control) {
            return Err("must be 1 to 512 bytes without control characters");
        }
        let body = text.strip_suffix("**").unwrap_or(&text);
        if body.contains("**") || (body.ends_with('*') && body.len() < text.len()) {
            return Err("may hold ** at its end only");
        }
        if body.matches('*').count() > MOST_WILDCARDS {
            return Err("may hold at most 8 wildcards");
        }
        Ok(Self(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl Pattern {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text is as it says, all of it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        if !self.0.contains('*') {
            return self.0 == text;
        }
        if text.len() > LONGEST_TEXT {
            return false;
        }
        let (body, open) = match self.0.strip_suffix("**") {
            Some(body) => (body, true),
            None => (self.0.as_str(), false),
        };
        let ends = reached(body, text.as_bytes());
        if open {
            // One byte more, whichever.
            ends[..text.len()].contains(&true)
        } else {
            ends[text.len()]
        }
    }

    /// How many whole parts, between slashes and colons, come before the first wildcard; all of it counts where there is
    /// none.
    fn fixed_parts(&self) -> Option<usize> {
        let (fixed, _) = self.0.split_once('*')?;
        let separators = fixed.bytes().filter(|byte| SEPARATORS.contains(byte));
        Some(separators.count())
    }

    /// Whether it says who the workload is of a claim that tells: without a wildcard, or with one behind whole parts. `sub`
    /// begins with a word that is the same for everybody (`repo:`, `system:serviceaccount:`), so it needs one part more.
    #[must_use]
    pub fn binds(&self, place: &ClaimPlace) -> bool {
        let needed = if place.0 == "sub" { 2 } else { 1 };
        self.fixed_parts().is_none_or(|parts| parts >= needed)
    }
}

/// Of each place in the text (the end included) whether the pattern, without a `**`, can end before it.
fn reached(pattern: &str, text: &[u8]) -> Vec<bool> {
    let mut now = vec![false; text.len() + 1];
    now[0] = true;
    for (number, literal) in pattern.split('*').enumerate() {
        if number > 0 {
            now = after_wildcard(&now, text);
        }
        let literal = literal.as_bytes();
        let mut next = vec![false; text.len() + 1];
        for (at, _) in now.iter().enumerate().filter(|(_, is)| **is) {
            if text[at..].starts_with(literal) {
                next[at + literal.len()] = true;
            }
        }
        now = next;
    }
    now
}

fn after_wildcard(before: &[bool], text: &[u8]) -> Vec<bool> {
    let mut after = vec![false; before.len()];
    let mut open = false;
    for (at, byte) in text.iter().enumerate() {
        open = (open || before[at]) && !SEPARATORS.contains(byte);
        after[at + 1] = open;
    }
    after
}

/// Of which one must match: a pattern, or a list of 1 to 16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "OneOrMore", into = "Vec<Pattern>")]
#[schema(as = ClaimPatterns, value_type = OneOrMore)]
pub struct Patterns(Vec<Pattern>);

#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl TryFrom<OneOrMore> for Patterns {
    type Error = &'static str;
    fn try_from(said: OneOrMore) -> Result<Self, Self::Error> {
        let texts = match said {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        };
        if !(1..=MOST_PATTERNS).contains(&texts.len()) {
            return Err("must be a pattern, or a list of 1 to 16");
        }
        let patterns: Result<_, _> = texts.into_iter().map(Pattern::try_from).collect();
        patterns.map(Self)
    }
}

impl From<Patterns> for Vec<Pattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0
    }
}

impl Patterns {
    /// Each.
    #[must_use]
    pub fn as_slice(&self) -> &[Pattern] {
        &self.0
    }

    /// Whether one of them matches.
    #[must_use]
    pub fn match_text(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }
}

/// What a token must say: 1 to 16 claims, each as one of its patterns, which are at most 64 together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    try_from = "BTreeMap<ClaimPlace, Patterns>",
    into = "BTreeMap<ClaimPlace, Patterns>"
)]
#[schema(value_type = BTreeMap<String, OneOrMore>)]
pub struct ClaimRules(BTreeMap<ClaimPlace, Patterns>);

impl TryFrom<BTreeMap<ClaimPlace, Patterns>> for ClaimRules {
    type Error = &'static str;
    fn try_from(rules: BTreeMap<ClaimPlace, Patterns>) -> Result<Self, Self::Error> {
        let patterns: usize = rules.values().map(|patterns| patterns.0.len()).sum();
        if !(1..=MOST_CLAIMS).contains(&rules.len()) {
            return Err("must name 1 to 16 claims");
        }
        if patterns > MOST_TOGETHER {
            return Err("must hold at most 64 patterns");
        }
        Ok(Self(rules))
    }
}

impl From<ClaimRules> for BTreeMap<ClaimPlace, Patterns> {
    fn from(rules: ClaimRules) -> Self {
        rules.0
    }
}

impl ClaimRules {
    /// Each claim and its patterns.
    pub fn iter(&self) -> impl Iterator<Item = (&ClaimPlace, &Patterns)> {
        self.0.iter()
    }

    /// Whether they say who the workload is: one of the claims that tell is bound by each of its patterns.
    #[must_use]
    pub fn bind(&self, telling: &[ClaimPlace]) -> bool {
        self.iter()
            .filter(|(place, _)| telling.contains(place))
            .any(|(place, patterns)| patterns.0.iter().all(|pattern| pattern.binds(place)))
    }
}
