//! `gatehouse operator`: works on the database, as the first operator has nobody to ask.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{out, password, user};
use crate::auth::KeyRing;
use crate::bootstrap;
use crate::config::{self, Env};
use crate::db::Pool;
use crate::types::{Secret, SessionId, UserName};
use crate::users::OperatorToken;
use crate::users::accounts::Account;
use crate::users::accounts::sessions::Session;
use crate::users::operators::manage::{self, Change};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Make an operator, who logs in with a password and a second factor
    ///
    /// Without --password-stdin a password is made and shown once; it must be changed at the first log-in, within 72
    /// hours.
    Create {
        /// What it logs in with; stands in every event
        #[arg(value_parser = name)]
        name: UserName,
        #[command(flatten)]
        password: NewPassword,
    },
    /// List operators
    List,
    /// Set another password; sessions end, the second factor stays
    ///
    /// Wrong tries to log in are forgotten. Without --password-stdin as for `create`.
    Password {
        /// Whose
        #[arg(value_parser = name)]
        name: UserName,
        #[command(flatten)]
        password: NewPassword,
    },
    /// The second factor of an operator
    Totp {
        /// Whose
        #[arg(value_parser = name)]
        name: UserName,
        /// Remove it, with the recovery codes: the next log-in sets up another; sessions end
        #[arg(long, required = true)]
        reset: bool,
    },
    /// Shut an operator out; sessions end
    Suspend(One),
    /// Let a suspended operator in again
    Resume(One),
    /// Remove an operator; the name is free again
    Remove(One),
    /// The sessions of an operator: list or end them
    Sessions {
        #[command(flatten)]
        of: One,
        /// End one, by its id
        #[arg(long, value_name = "ID", value_parser = user::session, conflicts_with = "end_all")]
        end: Option<SessionId>,
        /// End all
        #[arg(long)]
        end_all: bool,
    },
    /// Make a token for a script; it is shown once
    Add {
        /// What it is for; stands in every event
        #[arg(value_parser = name)]
        name: UserName,
        /// It ends after so many days
        #[arg(long, default_value_t = bootstrap::OPERATOR_TOKEN_DAYS, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
    },
    /// List the tokens for scripts
    Tokens,
    /// Revoke all tokens of a name
    Revoke {
        /// Which
        name: String,
    },
}

/// An operator.
#[derive(clap::Args)]
pub struct One {
    /// Who
    #[arg(value_parser = name)]
    name: UserName,
}

/// Where a password comes from.
#[derive(clap::Args)]
pub struct NewPassword {
    /// Take the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// A name that an operator, or a token for a script, may have.
pub fn name(text: &str) -> Result<UserName, String> {
    UserName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// A result that people read as a line.
fn tell(value: &Value, text: &str) -> anyhow::Result<()> {
    if out::is_json() {
        out::json(value)
    } else if text.is_empty() {
        Ok(())
    } else {
        out::line(text)
    }
}

fn ended(name: &UserName, ended: u64) -> anyhow::Result<()> {
    let value = json!({ "name": name, "sessionsEnded": ended });
    tell(&value, &format!("{name}: {ended} sessions ended"))
}

impl NewPassword {
    fn chosen(&self) -> anyhow::Result<Option<Secret>> {
        if self.password_stdin {
            Ok(Some(Secret::new(password::password()?)))
        } else {
            Ok(None)
        }
    }
}

/// A password that was made is shown; of one that came in nothing is.
fn shown(name: &UserName, made: Option<&Secret>) -> anyhow::Result<()> {
    let text = made.map_or("", Secret::expose);
    let password = made.map(Secret::expose);
    let value = json!({ "name": name, "password": password });
    tell(&value, text)
}

async fn ring(env: &Env<'_>) -> anyhow::Result<KeyRing> {
    let token = config::administrator_token(env)?;
    let handle = bootstrap::administrator(&config::server(env)?, &token)?;
    bootstrap::key_ring(&handle).await
}

/// Runs it.
///
/// # Errors
/// Where OpenBao or the database does not answer, or there is no such operator.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let env = Env::process();
    let pool = Pool::new(&config::db_settings(&env)?)?;
    match args {
        Args::Create { name, password } => {
            let (ring, chosen) = (ring(&env).await?, password.chosen()?);
            let made = manage::create(&pool, &ring, &name, chosen.as_ref()).await?;
            shown(&name, made.as_ref())
        }
        Args::Password { name, password } => {
            let (ring, chosen) = (ring(&env).await?, password.chosen()?);
            let made = manage::reset_password(&pool, &ring, &name, chosen.as_ref()).await?;
            shown(&name, made.as_ref())
        }
        Args::List => list(&manage::list(&pool).await?),
        Args::Totp { name, .. } => change(&pool, &name, Change::ResetTotp).await,
        Args::Suspend(one) => change(&pool, &one.name, Change::Suspend).await,
        Args::Resume(one) => change(&pool, &one.name, Change::Resume).await,
        Args::Remove(one) => change(&pool, &one.name, Change::Remove).await,
        Args::Sessions { of, end, end_all } => sessions(&pool, &of, end, end_all).await,
        Args::Tokens => tokens(&bootstrap::operator_tokens(&pool).await?),
        Args::Add { name, days } => {
            let token = config::administrator_token(&env)?;
            let handle = bootstrap::administrator(&config::server(&env)?, &token)?;
            let token = bootstrap::new_operator(&handle, &pool, name.as_str(), days).await?;
            out::line(token.expose())
        }
        Args::Revoke { name } => {
            let revoked = bootstrap::revoke_operator(&pool, &name).await?;
            anyhow::ensure!(revoked > 0, "no operator of that name has a token");
            out::note(&format!("Revoked {revoked} tokens."));
            Ok(())
        }
    }
}

async fn change(pool: &Pool, name: &UserName, to: Change) -> anyhow::Result<()> {
    ended(name, manage::change(pool, name, to).await?)
}

async fn sessions(
    pool: &Pool,
    of: &One,
    end: Option<SessionId>,
    end_all: bool,
) -> anyhow::Result<()> {
    if end.is_some() || end_all {
        return ended(&of.name, manage::end_sessions(pool, &of.name, end).await?);
    }
    let found = manage::sessions(pool, &of.name).await?;
    let value: Vec<Value> = found.iter().map(session_value).collect();
    out::answer(&json!({ "items": value }))
}

fn session_value(one: &Session) -> Value {
    json!({
        "id": one.id.to_string(),
        "address": one.address,
        "userAgent": one.user_agent,
        "createdAt": one.created_at,
        "lastUsedAt": one.last_used_at,
        "expiresAt": one.expires_at,
    })
}

/// What an operator can do now, in a word.
fn state(one: &Account) -> &'static str {
    if one.disabled_at.is_some() {
        "suspended"
    } else if one.password_temporary {
        "password-temporary"
    } else if one.totp_confirmed_at.is_none() {
        "no-second-factor"
    } else {
        "active"
    }
}

fn tokens(found: &[OperatorToken]) -> anyhow::Result<()> {
    let value = found.iter().map(|token| {
        json!({ "name": token.name, "createdAt": token.created_at, "expiresAt": token.expires_at })
    });
    out::answer(&json!({ "items": value.collect::<Vec<_>>() }))
}

fn list(found: &[Account]) -> anyhow::Result<()> {
    let value: Vec<Value> = found
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "state": state(one),
                "totp": one.totp_confirmed_at.is_some(),
                "createdAt": one.created_at,
                "passwordChangedAt": one.password_changed_at,
                "lastLoginAt": one.last_login_at,
            })
        })
        .collect();
    out::answer(&json!({ "items": value }))
}
