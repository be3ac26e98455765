//! Handlers of users.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::auth::{UserAdmin, VendorAdmin};
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::input::{Input, Kind};
use crate::console::layout::{Area, Badge, Frame, moment_or, next_query};
use crate::console::session::Session;
use crate::console::session::http::{Member, MemberAct};
use crate::error::{Error, Result};
use crate::http::{Form, NamespacePath, Page, PageRequest, in_background};
use crate::types::{GroupName, Secret, UserName};
use crate::users::accounts::Account;
use crate::users::accounts::manage::{self, Groups, UserRules, Wanted, store};
use crate::vendors::{Vendor, create};

/// How many groups beside `Administrators` a form has lines for.
pub(super) const MOST_LINES: usize = 24;
const EMPTY_LINES: usize = 2;

pub(super) fn admin(by: &Session, vendor: &Arc<Vendor>) -> UserAdmin {
    UserAdmin {
        by: VendorAdmin {
            vendor: vendor.clone(),
            actor: by.actor(),
            key: None,
        },
        user: by.user().ok().map(|user| user.account.id),
    }
}

/// Pages of users stand below the vendors for operators, and for themselves for its administrators.
pub(super) fn frame(by: &Session, title: impl Into<String>) -> Frame {
    let area = if by.vendor().is_none() {
        Area::Vendors
    } else {
        Area::Users
    };
    Frame::new(&by.who(), area, title)
}

pub(super) struct Row {
    pub name: String,
    pub login: String,
    pub groups: String,
    pub state: Badge,
    pub factor: &'static str,
    pub last: String,
}

pub(super) fn row(account: &Account, vendor: &Vendor) -> Row {
    let state = if account.disabled_at.is_some() {
        "shut out"
    } else {
        "active"
    };
    let groups: Vec<&str> = account.groups.iter().map(GroupName::as_str).collect();
    Row {
        name: account.name.to_string(),
        login: account.login(&vendor.namespace),
        groups: groups.join(", "),
        state: Badge::of(state),
        factor: if account.totp_confirmed_at.is_some() {
            "set up"
        } else {
            "none"
        },
        last: moment_or(account.last_login_at.as_ref(), "never"),
    }
}

#[derive(Template)]
#[template(path = "console/users/list.html")]
struct ListPage {
    frame: Frame,
    namespace: String,
    rows: Vec<Row>,
    require_totp: bool,
    next: Option<String>,
    is_first: bool,
}

/// `GET /console/vendors/{namespace}/users`.
pub async fn list(
    app: web::Data<App>,
    by: Member,
    path: NamespacePath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let asked = PageRequest::beside(request.query_string(), |name, _| match name {
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: limit, cursor")),
    })?;
    let is_first = asked.cursor.is_none();
    let after: Option<String> = asked.cursor.map(|cursor| cursor.key()).transpose()?;
    let vendor = create::named(&app, &path.0).await?;
    let client = app.db.of(vendor.id).await?;
    let accounts = store::page(&client, vendor.id, after.as_deref(), asked.limit).await?;
    let rules = store::rules(&client, vendor.id).await?;
    drop(client);
    let page = Page::from_rows(
        accounts,
        asked.limit,
        |account| account.name.as_str().to_owned(),
        |account| row(&account, &vendor),
    );
    let title = format!("Users of {}", vendor.name.as_str());
    shown(&ListPage {
        frame: frame(&by.0, title).after(request.query_string()),
        namespace: path.0.to_string(),
        rows: page.items,
        require_totp: rules.require_totp,
        next: page.next_cursor.map(|cursor| next_query(&[], &cursor)),
        is_first,
    })
}

/// Fields of groups: whether in `Administrators`, and lines for others.
pub(super) fn group_inputs(is_administrator: bool, others: &[&str], faults: &Faults) -> Vec<Input> {
    let chosen = if is_administrator { "true" } else { "false" };
    let role = Input::new(Kind::Choice, ADMINISTRATOR, "Administrator")
        .among([("false", "No"), ("true", "Yes")])
        .hint("Administrators see and do everything of the vendor's, and look after its users.")
        .filled(Some(chosen), faults);
    let lines = (others.len() + EMPTY_LINES).min(MOST_LINES);
    let line = |n: usize| {
        let label = format!("Group {}", n + 1);
        let input = Input::new(Kind::Line, format!("group-{n}"), label);
        input.filled(others.get(n).copied(), faults)
    };
    std::iter::once(role).chain((0..lines).map(line)).collect()
}

pub(super) fn sent_groups(form: &Form) -> Vec<&str> {
    let names = (0..MOST_LINES).map(|n| form.get(&format!("group-{n}")).unwrap_or_default());
    let mut names: Vec<&str> = names.map(str::trim).collect();
    while names.last().is_some_and(|name| name.is_empty()) {
        names.pop();
    }
    names
}

/// The field of the forms with groups that each of them has.
pub(super) const ADMINISTRATOR: &str = "administrator";

pub(super) fn is_administrator(form: &Form) -> bool {
    form.get(ADMINISTRATOR) == Some("true")
}

/// The groups of a form.
pub(super) fn groups(form: &Form, faults: &mut Faults) -> Groups {
    let mut all = Vec::new();
    let own = is_administrator(form).then_some(GroupName::ADMINISTRATORS);
    let names = own.into_iter().chain(sent_groups(form));
    for (n, name) in names.enumerate() {
        let field = format!("group-{}", n.saturating_sub(usize::from(own.is_some())));
        match GroupName::try_from(name.to_owned()) {
            _ if name.is_empty() => {}
            Ok(group) if all.contains(&group) => faults.add(&field, "stands twice"),
            Ok(group) => all.push(group),
            Err(rule) => faults.add(&field, rule.to_string()),
        }
    }
    // With a fault nothing is changed, so that what is given then counts for nothing.
    Groups::try_from(all).unwrap_or_else(|rule| {
        faults.add("administrator", rule);
        Groups::default()
    })
}

#[derive(Template)]
#[template(path = "console/users/new.html")]
struct NewPage {
    frame: Frame,
    namespace: String,
    name: Input,
    groups: Vec<Input>,
}

fn new_page(by: &Session, namespace: String, form: Option<&Form>, faults: &Faults) -> NewPage {
    let name = Input::new(Kind::Line, "name", "Name").required();
    let name = name.hint("Lower-case letters, digits, dots, hyphens and underscores.");
    let sent = form.map(sent_groups).unwrap_or_default();
    NewPage {
        frame: frame(by, "New user"),
        namespace,
        name: name.filled(form.and_then(|form| form.get("name")), faults),
        groups: group_inputs(form.is_some_and(is_administrator), &sent, faults),
    }
}

/// `GET /console/vendors/{namespace}/new-user`.
pub async fn ask(app: web::Data<App>, by: Member, path: NamespacePath) -> Result<HttpResponse> {
    create::named(&app, &path.0).await?.refuse_cancelled()?;
    shown(&new_page(&by.0, path.0.to_string(), None, &Faults::none()))
}

#[derive(Template)]
#[template(path = "console/users/password.html")]
pub(super) struct PasswordPage {
    frame: Frame,
    namespace: String,
    user: Row,
    password: String,
}

pub(super) fn password_page(
    by: &Session,
    vendor: &Vendor,
    account: &Account,
    made: &Secret,
) -> PasswordPage {
    PasswordPage {
        frame: frame(by, "Hand on this password"),
        namespace: vendor.namespace.to_string(),
        user: row(account, vendor),
        password: made.expose().to_owned(),
    }
}

/// `POST /console/vendors/{namespace}/new-user`: shows the password that the service made, once.
pub async fn create(
    app: web::Data<App>,
    sent: MemberAct,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let MemberAct { by, form } = sent;
    let vendor = create::named(&app, &path.0).await?;
    vendor.refuse_cancelled()?;
    let again = |faults: &Faults, status| {
        page(
            status,
            &new_page(&by, path.0.to_string(), Some(&form), faults),
        )
    };
    let mut faults = Faults::none();
    let groups = groups(&form, &mut faults);
    let name = UserName::try_from(form.get("name").unwrap_or_default().trim().to_owned());
    let name = match name {
        Ok(name) if faults.is_empty() => name,
        name => {
            if let Err(rule) = name {
                faults.add("name", rule.to_string());
            }
            return again(&faults, StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    let wanted = Wanted {
        name,
        password: None,
        groups,
    };
    let admin = admin(&by, &vendor);
    let made = in_background(&app, move |app| async move {
        manage::create(&app, &admin, &wanted).await
    });
    match made.await {
        Ok((account, Some(password))) => shown(&password_page(&by, &vendor, &account, &password)),
        Ok((_, None)) => Err(Error::Internal("no password was made".to_owned())),
        Err(Error::UserExists) => again(&Faults::one("name", "is taken"), StatusCode::CONFLICT),
        Err(error) => Err(error),
    }
}

/// `POST /console/vendors/{namespace}/user-rules`: whether a second factor is demanded of all.
pub async fn set_rules(
    app: web::Data<App>,
    sent: MemberAct,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let require_totp = match sent.form.get("requireTotp") {
        Some("true") => true,
        Some("false") => false,
        _ => return Err(Error::FormRefused),
    };
    let vendor = create::named(&app, &path.0).await?;
    vendor.refuse_cancelled()?;
    let admin = admin(&sent.by, &vendor);
    in_background(&app, move |app| async move {
        manage::set_rules(&app, &admin, UserRules { require_totp }).await
    })
    .await?;
    Ok(see_other(&format!(
        "/console/vendors/{}/users?done=user-rules",
        path.0
    )))
}
