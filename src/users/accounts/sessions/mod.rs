//! Sessions, and access tokens that users make for their scripts: both opaque, both known by keyed digests only, and
//! both read from the database with each request, so that their end counts at once everywhere.

pub mod http;
pub mod store;

use jiff::{SignedDuration, Timestamp};

use super::whose::{OPERATORS, Tables, USERS};
use super::{Account, Origin, event};
use crate::app::App;
use crate::auth::{Person, Proof, User, new_id};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::types::{Name, Secret, SessionId};

/// How long a session may lie unused where pages take it.
const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// How many of each kind a user can have at once.
pub const MOST: i64 = 100;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a log-in.
    Session,
    /// For a script.
    Token,
}

impl Kind {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
        }
    }
}

/// A session or access token that has not ended.
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// What it is.
    pub kind: Kind,
    /// Shown name of an access token.
    pub name: Option<String>,
    /// From where it was made.
    pub address: String,
    /// By which program, as that said.
    pub user_agent: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Its end.
    pub expires_at: Timestamp,
}

/// One to be made.
pub struct NewSession<'a> {
    /// What it is.
    pub kind: Kind,
    /// Shown name of an access token.
    pub name: Option<&'a Name>,
    /// Whether it is good for setting up a second factor only.
    pub enrolling: bool,
    /// How long it lasts.
    pub life: SignedDuration,
}

/// One that was made: its token is shown once.
pub struct Made {
    /// Names it.
    pub id: SessionId,
    /// `gho_…`.
    pub token: Secret,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Makes one, in a transaction that holds the user's row.
///
/// # Errors
/// Where the database does not answer.
pub async fn make(
    app: &App,
    client: &impl GenericClient,
    account: &Account,
    new: &NewSession<'_>,
    origin: &Origin,
) -> Result<Made> {
    let (ring, now, id) = (app.keys()?, app.clock.now(), new_id());
    let token = ring.new_access_token(id);
    let made = Made {
        id: SessionId(id),
        expires_at: now.checked_add(new.life).unwrap_or(Timestamp::MAX),
        token,
    };
    let row = store::Row {
        made: &made,
        new,
        digest: ring.digest(made.token.expose()),
        origin,
    };
    store::insert(client, account.vendor, account.id, &row, now).await?;
    Ok(made)
}

/// The user whose session or access token this is.
///
/// # Errors
/// Where the database does not answer.
pub async fn user_of(app: &App, token: &Secret, origin: &Origin) -> Result<Option<User>> {
    let found = live(app, USERS, token, None).await?;
    Ok(found.and_then(|(id, found)| user(app, id, found, origin)))
}

/// The same for pages, which take no access token, and no session that lay unused for half an hour.
///
/// # Errors
/// Where the database does not answer.
pub async fn user_at_pages(app: &App, token: &Secret, origin: &Origin) -> Result<Option<User>> {
    let found = live(app, USERS, token, Some(IDLE)).await?;
    let found = found.filter(|(_, found)| found.kind == Kind::Session);
    Ok(found.and_then(|(id, found)| user(app, id, found, origin)))
}

fn user(app: &App, id: i64, found: store::Found, origin: &Origin) -> Option<User> {
    let vendor = app.directory.by_id(found.account.vendor)?;
    Some(User {
        vendor,
        proof: match found.kind {
            Kind::Session => Proof::Session(id),
            Kind::Token => Proof::Token(id),
        },
        account: found.account,
        enrolling: found.enrolling,
        origin: origin.clone(),
    })
}

/// The operator whose session this is.
///
/// # Errors
/// Where the database does not answer.
pub async fn person_of(app: &App, token: &Secret, origin: &Origin) -> Result<Option<Person>> {
    let found = live(app, OPERATORS, token, None).await?;
    Ok(found.map(|(session, found)| Person {
        account: found.account,
        session,
        enrolling: found.enrolling,
        origin: origin.clone(),
    }))
}

/// The session of a token, its use noted; none where it lay unused for longer than `idle`.
async fn live(
    app: &App,
    of: Tables,
    token: &Secret,
    idle: Option<SignedDuration>,
) -> Result<Option<(i64, store::Found)>> {
    let ring = app.keys()?;
    let Some(id) = ring.access_token_id(token.expose()) else {
        return Ok(None);
    };
    let (now, shown) = (app.clock.now(), ring.digest(token.expose()));
    app.directory.fresh().await?;
    // The session's own row says whose it is.
    let client = app.db.all().await?;
    let found = store::by_id(&client, of, id, now).await?;
    let Some(found) = found.filter(|found| found.digest.matches(&shown)) else {
        return Ok(None);
    };
    let noted = found.last_used_at;
    let last = noted.unwrap_or(found.created_at);
    if idle.is_some_and(|idle| now.duration_since(last) > idle) {
        return Ok(None);
    }
    if noted.is_none_or(|at| now.duration_since(at) > SignedDuration::from_mins(1)) {
        store::mark_used(&client, found.account.vendor, id, now).await?;
    }
    Ok(Some((id, found)))
}

/// An access token for a user's scripts.
///
/// # Errors
/// [`Error::TokenLimit`] where there are as many as there may be; [`Error::TokenNotAllowed`] by another access token.
pub async fn make_token(app: &App, user: &User, name: &Name, life: SignedDuration) -> Result<Made> {
    user.without_token()?;
    let (now, account) = (app.clock.now(), &user.account);
    let _turn = app.passwords.sessions.take(&account.id.0).await?;
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    if !super::store::hold(&transaction, account.vendor, account).await? {
        return Err(Error::CredentialsInvalid);
    }
    if store::tokens(&transaction, account.vendor, account.id, now).await? >= MOST {
        return Err(Error::TokenLimit);
    }
    let new = NewSession {
        kind: Kind::Token,
        name: Some(name),
        enrolling: false,
        life,
    };
    let made = make(app, &transaction, account, &new, &user.origin).await?;
    let actor = account.actor();
    let event = event::own(event::TOKEN_MADE, account, &actor);
    event::with(event, "session", made.id.to_string())
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(made)
}

/// Which of a user's sessions and access tokens are to end.
#[derive(Clone, Copy)]
pub enum Which {
    /// One.
    One(SessionId),
    /// All.
    All,
    /// All but the one that asks.
    Others(Option<i64>),
}

/// Who ends them.
pub struct Revoker<'a> {
    /// As events name it.
    pub actor: &'a str,
}

/// Ends sessions and access tokens of a user, and gives how many.
///
/// # Errors
/// [`Error::NotFound`] where one was named that the user has not.
pub async fn revoke(app: &App, account: &Account, which: Which, by: &Revoker<'_>) -> Result<u64> {
    let now = app.clock.now();
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    let ended = store::end(&transaction, account.vendor, account.id, which, now).await?;
    if ended == 0 {
        return match which {
            Which::One(_) => Err(Error::NotFound),
            Which::All | Which::Others(_) => Ok(0),
        };
    }
    let event = event::own(event::SESSION_REVOKED, account, by.actor);
    event::with(event, "sessions", ended)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(ended)
}
