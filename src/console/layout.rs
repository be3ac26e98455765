//! What all pages have around them.

use jiff::Timestamp;

use super::{assets, texts};

/// Where a page stands in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// What matters now.
    Home,
    /// Vendors, and what is theirs.
    Vendors,
    /// Tokens of all vendors.
    Tokens,
    /// Who did what.
    Logs,
    /// What is sent.
    Webhooks,
    /// Background work.
    Tasks,
    /// Sites of one vendor, as its administrators see them.
    Sites,
    /// Sites by access key.
    Search,
    /// What goes where.
    SetUp,
    /// Credentials of a vendor, as its administrators see them.
    Credentials,
    /// Users of a vendor, as its administrators see them.
    Users,
    /// The lockbox of a vendor, as its users see it.
    Lockbox,
    /// One's own account.
    Account,
    /// Before the sign-in, and errors.
    Outside,
    /// The description of the API, for whoever comes.
    Api,
}

/// A place to go.
pub struct Link {
    /// Where.
    pub href: String,
    /// Its name.
    pub text: &'static str,
    /// Whose pages are below it.
    pub area: Area,
}

fn link(href: impl Into<String>, text: &'static str, area: Area) -> Link {
    let href = href.into();
    Link { href, text, area }
}

/// The navigation of operators.
fn of_operators() -> Vec<Link> {
    vec![
        link("/console", "Home", Area::Home),
        link("/console/vendors", "Vendors", Area::Vendors),
        link("/console/tokens", "Tokens", Area::Tokens),
        link("/console/logs", "Access logs", Area::Logs),
        link("/console/webhooks", "Webhooks", Area::Webhooks),
        link("/console/tasks", "Tasks", Area::Tasks),
    ]
}

/// The navigation of a vendor's users.
fn of_users(namespace: &str, is_administrator: bool) -> Vec<Link> {
    let below = |place: &str| format!("/console/vendors/{namespace}{place}");
    let search = link(below("/search"), "Find a site", Area::Search);
    let lockbox = link("/console/lockbox", "Lockbox", Area::Lockbox);
    if !is_administrator {
        return vec![search, lockbox];
    }
    vec![
        link(below(""), "Overview", Area::Vendors),
        link(below("/sites"), "Sites", Area::Sites),
        search,
        link("/console/tokens", "Tokens", Area::Tokens),
        link("/console/logs", "Access logs", Area::Logs),
        link("/console/credentials", "Credentials", Area::Credentials),
        lockbox,
        link(below("/users"), "Users", Area::Users),
        link(below("/set-up"), "Set up", Area::SetUp),
    ]
}

/// Whoever is signed in.
#[derive(Clone)]
pub struct Who {
    /// The name.
    pub name: String,
    /// The token of forms.
    pub csrf: String,
    /// Whether the navigation is shown: not before the password is the own one, and the second factor there.
    pub settled: bool,
    /// The namespace of the vendor whose user it is.
    pub vendor: Option<String>,
    /// Whether it may do what administrators may.
    pub is_administrator: bool,
    /// The page to begin with.
    pub home: String,
}

/// The frame of a page.
pub struct Frame {
    /// Of the page, and its heading.
    pub title: String,
    /// Where it stands.
    pub area: Area,
    /// Who sees it.
    pub who: Option<Who>,
    /// What was just done.
    pub notice: Option<&'static str>,
}

impl Frame {
    /// A page of somebody who is signed in.
    #[must_use]
    pub fn new(who: &Who, area: Area, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            area,
            who: Some(who.clone()),
            notice: None,
        }
    }

    /// A page of a stranger.
    #[must_use]
    pub fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            area: Area::Outside,
            who: None,
            notice: None,
        }
    }

    /// A page for whoever comes, as wide as those of the console.
    #[must_use]
    pub fn wide(title: impl Into<String>) -> Self {
        Self {
            area: Area::Api,
            ..Self::outside(title)
        }
    }

    /// With a notice of what was done, where the query names one.
    #[must_use]
    pub fn after(mut self, query: &str) -> Self {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let done = pairs.find(|(name, _)| name == "done");
        self.notice = done.and_then(|(_, word)| texts::notice(&word));
        self
    }

    /// The navigation.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        match &self.who {
            Some(who) if who.settled => match &who.vendor {
                None => of_operators(),
                Some(namespace) => of_users(namespace, who.is_administrator),
            },
            _ => Vec::new(),
        }
    }

    /// Whether an operator looks at it, who sees all vendors.
    #[must_use]
    pub fn is_operators(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.vendor.is_none())
    }

    /// Where the name of the service leads to.
    #[must_use]
    pub fn home(&self) -> &str {
        self.who.as_ref().map_or("/console", |who| &who.home)
    }

    /// The page of a vendor's sites stands below the vendors for operators, and for itself for its users.
    #[must_use]
    pub fn of_sites(who: &Who, title: impl Into<String>) -> Self {
        let area = if who.vendor.is_none() {
            Area::Vendors
        } else {
            Area::Sites
        };
        Self::new(who, area, title)
    }

    /// Whether the page is one of those below a link.
    #[must_use]
    pub fn is_in(&self, link: &Link) -> bool {
        self.area == link.area
    }

    /// Whether the page is about one's own account.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.area == Area::Account
    }

    /// Whether it holds one form, and little else.
    #[must_use]
    pub fn is_slim(&self) -> bool {
        self.links().is_empty() && self.area != Area::Api
    }

    /// The token for forms.
    #[must_use]
    pub fn csrf(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.csrf)
    }

    /// What stands behind the address of a form that makes something once, however often it is sent.
    #[must_use]
    pub fn once() -> String {
        format!("once={}", hex::encode(rand::random::<[u8; 16]>()))
    }

    /// The address of the style sheet.
    #[must_use]
    pub fn css(&self) -> &'static str {
        assets::url("console.css")
    }

    /// The address of the script.
    #[must_use]
    pub fn js(&self) -> &'static str {
        assets::url("htmx.js")
    }

    /// The address of the icon.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        assets::url("icon.svg")
    }
}

/// A moment as pages show it: to the second, in UTC.
#[must_use]
pub fn moment(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same, where there may be none.
#[must_use]
pub fn moment_or(at: Option<&Timestamp>, none: &str) -> String {
    at.map_or_else(|| none.to_owned(), moment)
}

/// A number with its digits in groups of three.
#[must_use]
pub fn count(number: impl std::borrow::Borrow<u32>) -> String {
    let digits = number.borrow().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time in at most two steps of size: `3 d 4 h`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let (large, small) = match (days, hours, minutes) {
        (0, 0, 0) => return format!("{seconds} s"),
        (0, 0, _) => ((minutes, "min"), (seconds % 60, "s")),
        (0, _, _) => ((hours, "h"), (minutes, "min")),
        _ => ((days, "d"), (hours, "h")),
    };
    if small.0 == 0 {
        return format!("{} {}", large.0, large.1);
    }
    format!("{} {} {} {}", large.0, large.1, small.0, small.1)
}

/// A label with its colour.
pub struct Badge {
    /// What it says.
    pub text: String,
    /// A class of the style sheet.
    pub tone: &'static str,
}

impl Badge {
    /// Of a state.
    #[must_use]
    pub fn of(state: impl Into<String>) -> Self {
        let text = state.into();
        Self {
            tone: texts::tone(&text),
            text,
        }
    }
}

impl Badge {
    /// With the colour of another word.
    #[must_use]
    pub fn with_tone_of(mut self, state: &str) -> Self {
        self.tone = texts::tone(state);
        self
    }
}

/// One thing that may be chosen.
pub struct Choice {
    /// As sent.
    pub value: &'static str,
    /// Whether it is the one in force.
    pub is_chosen: bool,
}

impl Choice {
    /// All of them, with the one in force marked.
    #[must_use]
    pub fn among(values: &[&'static str], chosen: &str) -> Vec<Self> {
        let choice = |value: &&'static str| Self {
            value,
            is_chosen: *value == chosen,
        };
        values.iter().map(choice).collect()
    }
}

/// The query of the next page of a list.
#[must_use]
pub fn next_query(kept: &[(&str, &str)], cursor: &str) -> String {
    let kept = kept.iter().filter(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("cursor", cursor)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_two_steps() {
        let told = [0, 59, 60, 3_600, 7_265, 100_000].map(span);
        let expected = ["0 s", "59 s", "1 min", "1 h", "2 h 1 min", "1 d 3 h"];
        assert_eq!(told, expected);
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        let told = [0, 999, 1_000, 256_000, 10_000_000].map(count);
        assert_eq!(told, ["0", "999", "1,000", "256,000", "10,000,000"]);
    }

    #[test]
    fn only_known_words_become_notices() {
        let notice = |query| Frame::outside("x").after(query).notice;
        assert!(notice("done=revoked").is_some());
        for query in ["", "done=", "done=<b>", "revoked"] {
            assert_eq!(notice(query), None, "{query}");
        }
    }
}
