//! Handlers of those who manage users: the vendor, its administrators, and operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changes, Groups, UserRules, Wanted, store};
use crate::app::App;
use crate::auth::UserAdmin;
use crate::error::Result;
use crate::http::{Answer, Deleted, Json, Page, PageRequest, UserPath, in_background};
use crate::types::{GroupName, Secret, UserName};
use crate::users::accounts::Account;

/// A user as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    name: UserName,
    /// `name@namespace`.
    login: String,
    groups: Vec<GroupName>,
    disabled: bool,
    /// Whether a second factor is in force.
    totp: bool,
    password_changed_at: Timestamp,
    #[schema(required)]
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl UserView {
    fn new(by: &UserAdmin, account: Account) -> Self {
        Self {
            login: account.login(&by.by.vendor.namespace),
            name: account.name,
            groups: account.groups,
            disabled: account.disabled_at.is_some(),
            totp: account.totp_confirmed_at.is_some(),
            password_changed_at: account.password_changed_at,
            last_login_at: account.last_login_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// The body of `POST /api/users`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUserRequest {
    name: UserName,
    /// Without one the service makes it.
    password: Option<Secret>,
    #[serde(default)]
    groups: Groups,
}

/// A user, and its password where the service made it.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedUser)]
pub struct CreatedView {
    user: UserView,
    #[serde(
        serialize_with = "Secret::serialize_optional",
        skip_serializing_if = "Option::is_none"
    )]
    password: Option<Secret>,
}

/// `POST /api/users`: a user, with the password where the service made it, shown once. 201.
pub async fn create(
    app: web::Data<App>,
    by: UserAdmin,
    body: Json<CreateUserRequest>,
) -> Result<Answer<CreatedView>> {
    let CreateUserRequest {
        name,
        password,
        groups,
    } = body.0;
    let wanted = Wanted {
        name,
        password,
        groups,
    };
    let made = in_background(&app, move |app| async move {
        let (account, password) = super::create(&app, &by, &wanted).await?;
        let user = UserView::new(&by, account);
        Ok(CreatedView { user, password })
    });
    Ok(Answer::created(made.await?))
}

/// `GET /api/users`: a page, by name.
pub async fn list(
    app: web::Data<App>,
    by: UserAdmin,
    page: PageRequest,
) -> Result<Answer<Page<UserView>>> {
    let after: Option<String> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.by.vendor.id).await?;
    let vendor = by.by.vendor.id;
    let rows = store::page(&client, vendor, after.as_deref(), page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |account| account.name.as_str().to_owned(),
        |account| UserView::new(&by, account),
    );
    Ok(Answer::ok(page))
}

/// `GET /api/users/{user}`.
pub async fn show(app: web::Data<App>, by: UserAdmin, path: UserPath) -> Result<Answer<UserView>> {
    let account = super::find(&app, &by, &path.of(&by)?).await?;
    Ok(Answer::ok(UserView::new(&by, account)))
}

/// The body of `PATCH /api/users/{user}`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateUserRequest {
    groups: Option<Groups>,
    password: Option<Secret>,
    disabled: Option<bool>,
    #[serde(default)]
    reset_totp: bool,
    #[serde(default)]
    reset_tries: bool,
}

/// `PATCH /api/users/{user}`.
pub async fn update(
    app: web::Data<App>,
    by: UserAdmin,
    path: UserPath,
    body: Json<UpdateUserRequest>,
) -> Result<Answer<UserView>> {
    let name = path.of(&by)?;
    let changes = Changes {
        groups: body.0.groups,
        password: body.0.password,
        disabled: body.0.disabled,
        reset_totp: body.0.reset_totp,
        reset_tries: body.0.reset_tries,
    };
    let view = in_background(&app, move |app| async move {
        let account = super::update(&app, &by, &name, &changes).await?;
        Ok(UserView::new(&by, account))
    });
    Ok(Answer::ok(view.await?))
}

/// `DELETE /api/users/{user}`: with its sessions and access tokens.
pub async fn remove(app: web::Data<App>, by: UserAdmin, path: UserPath) -> Result<Answer<Deleted>> {
    let name = path.of(&by)?;
    in_background(&app, move |app| async move {
        super::remove(&app, &by, &name).await
    })
    .await?;
    Ok(Answer::ok(Deleted::DONE))
}

/// A group that users are in.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub struct GroupView {
    name: String,
    members: i64,
}

/// `GET /api/groups`: a page of the groups that users are in.
pub async fn groups(
    app: web::Data<App>,
    by: UserAdmin,
    page: PageRequest,
) -> Result<Answer<Page<GroupView>>> {
    let after: Option<String> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.by.vendor.id).await?;
    let vendor = by.by.vendor.id;
    let rows = store::groups(&client, vendor, after.as_deref(), page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |(name, _)| name.clone(),
        |(name, members)| GroupView { name, members },
    );
    Ok(Answer::ok(page))
}

/// What a vendor demands of its users, as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserRules)]
pub struct UserRulesView {
    require_totp: bool,
}

/// `GET /api/user-rules`.
pub async fn show_rules(app: web::Data<App>, by: UserAdmin) -> Result<Answer<UserRulesView>> {
    let client = app.db.of(by.by.vendor.id).await?;
    let UserRules { require_totp } = store::rules(&client, by.by.vendor.id).await?;
    Ok(Answer::ok(UserRulesView { require_totp }))
}

/// The body of `PATCH /api/user-rules`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateUserRulesRequest {
    require_totp: Option<bool>,
}

/// `PATCH /api/user-rules`.
pub async fn update_rules(
    app: web::Data<App>,
    by: UserAdmin,
    body: Json<UpdateUserRulesRequest>,
) -> Result<Answer<UserRulesView>> {
    if let Some(require_totp) = body.0.require_totp {
        let (to, by) = (UserRules { require_totp }, by.clone());
        in_background(&app, move |app| async move {
            super::set_rules(&app, &by, to).await
        })
        .await?;
    }
    show_rules(app, by).await
}
