//! Handlers on sessions and access tokens: a user's own, and those that administrators see.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Made, Revoker, Session, Which, make_token, revoke, store};
use crate::app::App;
use crate::auth::{EnrollingUser, User, UserAdmin};
use crate::error::{Error, Result};
use crate::http::{
    Answer, Json, Page, PageRequest, SessionPath, UserPath, UserSessionPath, in_background,
};
use crate::types::{Name, Secret, SessionId};
use crate::users::accounts::{Account, manage};

/// A session or access token as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserSession)]
pub struct SessionView {
    id: String,
    /// `session` or `token`.
    kind: &'static str,
    /// Of an access token.
    #[schema(required)]
    name: Option<String>,
    address: String,
    user_agent: String,
    created_at: Timestamp,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    fn new(session: Session, current: Option<i64>) -> Self {
        Self {
            id: session.id.to_string(),
            kind: session.kind.as_str(),
            name: session.name,
            address: session.address,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: current == Some(session.id.0),
        }
    }
}

/// A page of somebody's.
pub async fn page(
    app: &App,
    account: &Account,
    current: Option<i64>,
    page: PageRequest,
) -> Result<Answer<Page<SessionView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let (client, now) = (app.db.of(account.vendor).await?, app.clock.now());
    let (vendor, user) = (account.vendor, account.id);
    let rows = store::page(&client, vendor, user, after, page.limit, now).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |session| session.id.0,
        |session| SessionView::new(session, current),
    );
    Ok(Answer::ok(page))
}

/// `GET /api/user/sessions`: a page of one's own.
pub async fn list(
    app: web::Data<App>,
    user: User,
    wanted: PageRequest,
) -> Result<Answer<Page<SessionView>>> {
    page(&app, &user.account, user.session(), wanted).await
}

/// The body of `POST /api/user/sessions`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateUserTokenRequest)]
pub struct CreateTokenRequest {
    name: Name,
    /// Seconds: a minute to a year, default 90 days.
    expires_in: Option<u32>,
}

const DAY: u32 = 24 * 3600;

/// An access token, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserToken)]
pub struct MadeView {
    id: String,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    token: Secret,
    expires_at: Timestamp,
}

/// `POST /api/user/sessions`: an access token, shown once. 201.
pub async fn create(
    app: web::Data<App>,
    user: User,
    body: Json<CreateTokenRequest>,
) -> Result<Answer<MadeView>> {
    let seconds = body.0.expires_in.unwrap_or(90 * DAY);
    if !(60..=365 * DAY).contains(&seconds) {
        return Err(Error::field("expiresIn", "must be 60 to 31536000 seconds"));
    }
    let life = SignedDuration::from_secs(seconds.into());
    let made = in_background(&app, move |app| async move {
        make_token(&app, &user, &body.0.name, life).await
    });
    let Made {
        id,
        token,
        expires_at,
    } = made.await?;
    Ok(Answer::created(MadeView {
        id: id.to_string(),
        token,
        expires_at,
    }))
}

/// `DELETE /api/user/sessions`: all, also the one that asks.
pub async fn remove_all(app: web::Data<App>, user: User) -> Result<Answer<EndedView>> {
    end_own(&app, user, Which::All).await
}

/// `DELETE /api/user/sessions/{session}`; `current` is the one that asks: a log-out.
pub async fn remove(
    app: web::Data<App>,
    user: EnrollingUser,
    path: SessionPath,
) -> Result<Answer<EndedView>> {
    let user = user.0;
    let own = user.session().map(SessionId);
    let id = path.0.or(own).ok_or(Error::NotFound)?;
    if user.enrolling && own != Some(id) {
        return Err(Error::EnrolmentOnly);
    }
    end_own(&app, user, Which::One(id)).await
}

async fn end_own(app: &web::Data<App>, user: User, which: Which) -> Result<Answer<EndedView>> {
    let actor = user.account.actor();
    end(app, user.account, which, actor).await
}

/// What ended.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionsEnded)]
pub struct EndedView {
    /// How many sessions and access tokens.
    ended: u64,
}

/// Ends sessions of somebody.
pub async fn end(
    app: &web::Data<App>,
    account: Account,
    which: Which,
    actor: String,
) -> Result<Answer<EndedView>> {
    let ended = in_background(app, move |app| async move {
        let by = Revoker { actor: &actor };
        revoke(&app, &account, which, &by).await
    });
    Ok(Answer::ok(EndedView {
        ended: ended.await?,
    }))
}

/// `GET /api/users/{user}/sessions`: a page.
pub async fn list_of_user(
    app: web::Data<App>,
    by: UserAdmin,
    path: UserPath,
    wanted: PageRequest,
) -> Result<Answer<Page<SessionView>>> {
    let account = manage::find(&app, &by, &path.of(&by)?).await?;
    page(&app, &account, None, wanted).await
}

/// `DELETE /api/users/{user}/sessions`: all of them.
pub async fn remove_all_of_user(
    app: web::Data<App>,
    by: UserAdmin,
    path: UserPath,
) -> Result<Answer<EndedView>> {
    let account = manage::find(&app, &by, &path.of(&by)?).await?;
    let UserAdmin { by, .. } = by;
    end(&app, account, Which::All, by.actor).await
}

/// `DELETE /api/users/{user}/sessions/{session}`.
pub async fn remove_of_user(
    app: web::Data<App>,
    by: UserAdmin,
    path: UserSessionPath,
) -> Result<Answer<EndedView>> {
    let account = manage::find(&app, &by, &path.0.of(&by)?).await?;
    let UserAdmin { by, .. } = by;
    end(&app, account, Which::One(path.1), by.actor).await
}
