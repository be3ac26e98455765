//! Handlers of the page of a user.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::auth::UserAdmin;
use crate::console::account::sessions;
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::input::Input;
use crate::console::layout::{Frame, moment};
use crate::console::session::Session;
use crate::console::session::http::{Member, MemberAct};
use crate::console::users::http::{
    ADMINISTRATOR, MOST_LINES, Row, admin, frame, group_inputs, groups, is_administrator,
    password_page, row, sent_groups,
};
use crate::error::{Error, Result};
use crate::http::{Form, NamespacePath, UserPath, UserSessionPath, in_background};
use crate::types::GroupName;
use crate::users::accounts::manage::{self, Changes};
use crate::users::accounts::sessions::{Revoker, Which, revoke};
use crate::users::accounts::{Account, rules};
use crate::vendors::{Vendor, create};

#[derive(Template)]
#[template(path = "console/users/show.html")]
struct UserPage {
    frame: Frame,
    namespace: String,
    user: Row,
    created: String,
    password_changed: String,
    is_disabled: bool,
    has_factor: bool,
    groups: Vec<Input>,
    sessions: Vec<sessions::Row>,
    /// Why what was tried was not done.
    problem: Option<String>,
}

impl UserPage {
    /// Whether the session that asks is among them.
    fn has_current(&self) -> bool {
        self.sessions.iter().any(|session| session.is_current)
    }

    fn sessions_address(&self) -> String {
        let (namespace, name) = (&self.namespace, &self.user.name);
        format!("/console/vendors/{namespace}/users/{name}/sessions")
    }
}

async fn user_page(
    app: &App,
    by: &Session,
    (vendor, account): (&Vendor, &Account),
    (form, faults): (Option<&Form>, &Faults),
) -> Result<UserPage> {
    let client = app.db.of(vendor.id).await?;
    let sessions = sessions::rows(&client, account, by.id(), app.clock.now()).await?;
    drop(client);
    let stored = account.groups.iter().map(GroupName::as_str);
    let stored: Vec<&str> = stored
        .filter(|group| *group != GroupName::ADMINISTRATORS)
        .collect();
    let groups = if let Some(form) = form {
        group_inputs(is_administrator(form), &sent_groups(form), faults)
    } else {
        group_inputs(account.is_in(GroupName::ADMINISTRATORS), &stored, faults)
    };
    Ok(UserPage {
        frame: frame(by, account.name.as_str()),
        namespace: vendor.namespace.to_string(),
        user: row(account, vendor),
        created: moment(&account.created_at),
        password_changed: moment(&account.password_changed_at),
        is_disabled: account.disabled_at.is_some(),
        has_factor: account.totp_confirmed_at.is_some(),
        groups,
        sessions,
        problem: None,
    })
}

/// `GET /console/vendors/{namespace}/users/{user}`.
pub async fn show(
    app: web::Data<App>,
    by: Member,
    namespace: NamespacePath,
    path: UserPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?;
    let admin = admin(&by.0, &vendor);
    let account = manage::find(&app, &admin, &path.of(&admin)?).await?;
    let whose = (&*vendor, &account);
    let mut found = user_page(&app, &by.0, whose, (None, &Faults::none())).await?;
    found.frame = found.frame.after(request.query_string());
    shown(&found)
}

/// A user, and whoever changes it.
struct Target {
    by: Session,
    form: Form,
    vendor: Arc<Vendor>,
    admin: UserAdmin,
    account: Account,
}

impl Target {
    async fn of(
        app: &App,
        sent: MemberAct,
        namespace: &NamespacePath,
        path: &UserPath,
    ) -> Result<Self> {
        let MemberAct { by, form } = sent;
        let vendor = create::named(app, &namespace.0).await?;
        vendor.refuse_cancelled()?;
        let admin = admin(&by, &vendor);
        let account = manage::find(app, &admin, &path.of(&admin)?).await?;
        Ok(Self {
            by,
            form,
            vendor,
            admin,
            account,
        })
    }

    async fn update(&self, app: &web::Data<App>, changes: Changes) -> Result<Account> {
        let (admin, name) = (self.admin.clone(), self.account.name.clone());
        in_background(app, move |app| async move {
            manage::update(&app, &admin, &name, &changes).await
        })
        .await
    }

    /// What is over already, as it was pressed twice, is over.
    async fn end(self, app: &web::Data<App>, which: Which) -> Result<HttpResponse> {
        let done = self.done(match which {
            Which::One(_) => "one-ended",
            Which::All | Which::Others(_) => "all-ended",
        });
        let ended = in_background(app, move |app| async move {
            let actor = self.admin.by.actor;
            revoke(&app, &self.account, which, &Revoker { actor: &actor }).await
        });
        match ended.await {
            Ok(_) | Err(Error::NotFound) => Ok(done),
            Err(error) => Err(error),
        }
    }

    fn done(&self, word: &str) -> HttpResponse {
        let (namespace, name) = (&self.vendor.namespace, &self.account.name);
        see_other(&format!(
            "/console/vendors/{namespace}/users/{name}?done={word}"
        ))
    }

    /// The page again, as its form was sent, with the reason why nothing was done, where the reason is one of users.
    async fn refused(&self, app: &App, error: Error) -> Result<HttpResponse> {
        let (problem, status) = match error {
            Error::LastAdministrator => (
                "Nobody would be left among the administrators. Nothing was changed.".to_owned(),
                StatusCode::CONFLICT,
            ),
            Error::InvalidField(_) => (
                "That is your own: change it at \u{201c}Your account\u{201d}, or let another administrator do it."
                    .to_owned(),
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            other => return Err(other),
        };
        // Of the forms of this page only one has fields.
        let form = self.form.get(ADMINISTRATOR).is_some().then_some(&self.form);
        let whose = (&*self.vendor, &self.account);
        let mut again = user_page(app, &self.by, whose, (form, &Faults::none())).await?;
        again.problem = Some(problem);
        page(status, &again)
    }
}

/// `POST /console/vendors/{namespace}/users/{user}/groups`: in place of those before.
pub async fn set_groups(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserPath,
) -> Result<HttpResponse> {
    let target = Target::of(&app, sent, &namespace, &path).await?;
    let mut faults = Faults::none();
    let groups = groups(&target.form, &mut faults);
    let others = target.account.groups.iter();
    let others = others.filter(|group| group.as_str() != GroupName::ADMINISTRATORS);
    if others.count() > MOST_LINES {
        return Err(Error::InvalidParameter(
            "the user is in more groups than the form has lines: change them by the API",
        ));
    }
    if !faults.is_empty() {
        let sent = (Some(&target.form), &faults);
        let whose = (&*target.vendor, &target.account);
        let again = user_page(&app, &target.by, whose, sent).await?;
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    let changes = Changes {
        groups: Some(groups),
        ..Changes::default()
    };
    match target.update(&app, changes).await {
        Ok(_) => Ok(target.done("user-changed")),
        Err(error) => target.refused(&app, error).await,
    }
}

/// `POST /console/vendors/{namespace}/users/{user}/password`: another one, which the service makes and shows once.
pub async fn reset_password(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserPath,
) -> Result<HttpResponse> {
    let target = Target::of(&app, sent, &namespace, &path).await?;
    let made = rules::made();
    let changes = Changes {
        password: Some(made.clone()),
        ..Changes::default()
    };
    match target.update(&app, changes).await {
        Ok(account) => shown(&password_page(&target.by, &target.vendor, &account, &made)),
        Err(error) => target.refused(&app, error).await,
    }
}

/// `POST /console/vendors/{namespace}/users/{user}/access`: shuts out, or lets in, as `to` says; or takes away the second
/// factor, or the memory of wrong tries.
pub async fn set_access(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserPath,
) -> Result<HttpResponse> {
    let target = Target::of(&app, sent, &namespace, &path).await?;
    let mut changes = Changes::default();
    match target.form.get("to") {
        Some("out") => changes.disabled = Some(true),
        Some("in") => changes.disabled = Some(false),
        Some("no-factor") => changes.reset_totp = true,
        Some("no-tries") => changes.reset_tries = true,
        _ => return Err(Error::FormRefused),
    }
    match target.update(&app, changes).await {
        Ok(_) => Ok(target.done("user-changed")),
        Err(error) => target.refused(&app, error).await,
    }
}

/// `POST /console/vendors/{namespace}/users/{user}/sessions/{session}/end`.
pub async fn end_session(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserSessionPath,
) -> Result<HttpResponse> {
    let UserSessionPath(user, session) = path;
    let target = Target::of(&app, sent, &namespace, &user).await?;
    target.end(&app, Which::One(session)).await
}

/// `POST /console/vendors/{namespace}/users/{user}/sessions/end`: all of them, but the one that asks where it is among them.
pub async fn end_sessions(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserPath,
) -> Result<HttpResponse> {
    let target = Target::of(&app, sent, &namespace, &path).await?;
    let asking = target.by.id();
    target.end(&app, Which::Others(asking)).await
}

/// `POST /console/vendors/{namespace}/users/{user}/remove`.
pub async fn remove(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: UserPath,
) -> Result<HttpResponse> {
    let target = Target::of(&app, sent, &namespace, &path).await?;
    let (admin, name) = (target.admin.clone(), target.account.name.clone());
    let removed = in_background(&app, move |app| async move {
        manage::remove(&app, &admin, &name).await
    });
    match removed.await {
        Ok(()) => Ok(see_other(&format!(
            "/console/vendors/{}/users?done=user-removed",
            namespace.0
        ))),
        Err(error) => target.refused(&app, error).await,
    }
}
