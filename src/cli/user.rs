//! `gatehouse user`.

use clap::{ArgGroup, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::paging::Paging;
use super::password::password;
use super::remote::Remote;
use super::vendor::settings::{present, shown_or_changed};
use super::whose::{Whose, whose};
use crate::types::{SessionId, UserLogin};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Make a user of a vendor; without --password-stdin the service makes the password and shows it once
    Create {
        /// `name@namespace`, or `name@own` for one of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = user)]
        user: User,
        /// A group the user is in; can be given several times. Administrators manage users
        #[arg(long = "group")]
        groups: Vec<String>,
        /// Read the password from standard input: its first line
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users of a vendor, a page at a time
    List {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// List the groups that users of a vendor are in, a page at a time
    Groups {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Show what a vendor demands of its users, or say it
    Rules {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Whether each must have a second factor: true or false
        #[arg(long)]
        require_totp: Option<bool>,
    },
    /// Show a user
    Show {
        /// `name@namespace`, or `name@own` for one of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = user)]
        user: User,
    },
    /// Change a user: groups, password, whether it may log in
    #[command(group = change())]
    Update {
        /// `name@namespace`, or `name@own` for one of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = user)]
        user: User,
        #[command(flatten)]
        changes: Changes,
    },
    /// Remove a user with its sessions and access tokens
    Remove {
        /// `name@namespace`, or `name@own` for one of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = user)]
        user: User,
    },
    /// List the sessions and access tokens of a user, or end them
    Sessions {
        /// `name@namespace`, or `name@own` for one of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = user)]
        user: User,
        #[command(flatten)]
        page: Paging,
        /// End this one, by its id
        #[arg(long, value_parser = session, conflicts_with = "end_all")]
        end: Option<SessionId>,
        /// End all of them
        #[arg(long)]
        end_all: bool,
    },
}

/// What is to change.
#[derive(clap::Args)]
pub struct Changes {
    /// A group, in place of those the user was in; can be given several times
    #[arg(long = "group", conflicts_with = "no_groups")]
    groups: Vec<String>,
    /// In no group any more
    #[arg(long)]
    no_groups: bool,
    /// Read a new password from standard input: its first line. Ends all sessions and access tokens
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    resets: Resets,
}

/// Whether the user may log in.
#[derive(clap::Args)]
struct Access {
    /// May log in no more. Ends all sessions and access tokens
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// May log in again
    #[arg(long)]
    enable: bool,
}

/// What the user begins anew.
#[derive(clap::Args)]
struct Resets {
    /// Remove the second factor
    #[arg(long)]
    reset_totp: bool,
    /// Forget wrong tries to log in
    #[arg(long)]
    reset_tries: bool,
}

/// At least one of them must be given.
fn change() -> ArgGroup {
    let all = [
        "groups",
        "no_groups",
        "password_stdin",
        "disable",
        "enable",
        "reset_totp",
        "reset_tries",
    ];
    ArgGroup::new("change")
        .required(true)
        .multiple(true)
        .args(all)
}

impl Changes {
    fn into_body(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        if self.no_groups || !self.groups.is_empty() {
            body.insert("groups".to_owned(), self.groups.into());
        }
        if self.password_stdin {
            body.insert("password".to_owned(), password()?.into());
        }
        if self.access.disable || self.access.enable {
            body.insert("disabled".to_owned(), self.access.disable.into());
        }
        for (name, is) in [
            ("resetTotp", self.resets.reset_totp),
            ("resetTries", self.resets.reset_tries),
        ] {
            if is {
                body.insert(name.to_owned(), true.into());
            }
        }
        Ok(Value::Object(body))
    }
}

/// A user, its vendor named.
#[derive(Clone)]
pub struct User {
    name: String,
    whose: Whose,
}

fn user(text: &str) -> Result<User, String> {
    let rule = "must be name@namespace, or name@own";
    let (name, of) = text.rsplit_once('@').ok_or(rule)?;
    let whose = whose(of).map_err(|_| rule)?;
    let login = UserLogin::parse(name).filter(|login| login.namespace.is_none());
    let name = login.ok_or(rule)?.name.as_str().to_owned();
    Ok(User { name, whose })
}

/// The id of a session.
pub(super) fn session(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).ok_or_else(|| "must be an id of 16 hexadecimal digits".to_owned())
}

fn one(user: &User) -> String {
    user.whose.path(&format!("users/{}", user.name))
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, path, body) = match args {
        Args::Create {
            user,
            groups,
            password_stdin,
        } => {
            let mut body = json!({ "name": user.name, "groups": groups });
            if password_stdin {
                body["password"] = password()?.into();
            }
            (Method::POST, user.whose.path("users"), Some(body))
        }
        Args::List { vendor, page } => {
            let path = page.of(&vendor.path("users"));
            (Method::GET, path, None)
        }
        Args::Groups { vendor, page } => {
            let path = page.of(&vendor.path("groups"));
            (Method::GET, path, None)
        }
        Args::Rules {
            vendor,
            require_totp,
        } => {
            let given = [("requireTotp", require_totp.map(Value::from))];
            shown_or_changed(vendor.path("user-rules"), present(given))
        }
        Args::Show { user } => (Method::GET, one(&user), None),
        Args::Update { user, changes } => (Method::PATCH, one(&user), Some(changes.into_body()?)),
        Args::Remove { user } => (Method::DELETE, one(&user), None),
        Args::Sessions {
            user,
            page,
            end,
            end_all,
        } => {
            let path = format!("{}/sessions", one(&user));
            match end {
                Some(id) => (Method::DELETE, format!("{path}/{id}"), None),
                None if end_all => (Method::DELETE, path, None),
                None => (Method::GET, page.of(&path), None),
            }
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
