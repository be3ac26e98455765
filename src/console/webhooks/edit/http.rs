//! Handlers of forms that make and change webhooks, of the platform and of vendors.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use jiff::SignedDuration;

use crate::app::App;
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::input::{Input, Kind};
use crate::console::layout::{Area, Frame};
use crate::console::session::Session;
use crate::console::session::keeper::http::{Hooks, Keeper, KeeperAct};
use crate::error::{Error, Result};
use crate::http::{Form, WebhookPath, in_background};
use crate::types::{HookUrl, Secret, WebhookId};
use crate::webhooks::store::{self, Changes};
use crate::webhooks::{Endpoint, MessageType, Types, change, deliveries};

/// How long the secret before signs too, where another one is made and it did not leak.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

struct TypeChoice {
    name: &'static str,
    says: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/webhooks/form.html")]
struct FormPage {
    frame: Frame,
    vendor: Option<String>,
    action: String,
    back: String,
    url: Input,
    wants_all: bool,
    types: Vec<TypeChoice>,
    types_fault: Option<String>,
    button: &'static str,
}

/// What a form begins with.
enum Begin<'a> {
    Empty,
    Sent(&'a Form),
    Stored(&'a Endpoint),
}

fn form_page(
    by: &Session,
    hooks: &Hooks,
    id: Option<WebhookId>,
    begin: &Begin,
    faults: &Faults,
) -> FormPage {
    let field = |name: &str| format!("types/{name}");
    let is_chosen = |name: &str| match begin {
        Begin::Empty => name == "*",
        Begin::Sent(form) => form.get(&field(name)).is_some(),
        Begin::Stored(endpoint) => endpoint.types.as_slice().iter().any(|one| one == name),
    };
    let url = match begin {
        Begin::Empty => None,
        Begin::Sent(form) => form.get("url"),
        Begin::Stored(endpoint) => Some(endpoint.url.as_str()),
    };
    let choice = |one: MessageType| TypeChoice {
        name: one.name(),
        says: one.says(),
        is_chosen: is_chosen(one.name()),
    };
    let input = Input::new(Kind::Line, "url", "Address").required();
    let input = input.hint("Where messages are sent to: https, without user name and password.");
    let frame = |title| Frame::new(&by.who(), Area::Webhooks, title);
    let (frame, action, back) = match id {
        None => (
            frame("New webhook"),
            format!("{}/new-webhook?{}", hooks.base(), Frame::once()),
            if hooks.vendor.is_some() {
                hooks.base()
            } else {
                "/console/webhooks".to_owned()
            },
        ),
        Some(id) => (
            frame("Change the webhook"),
            format!("{}/edit", hooks.page(id)),
            hooks.page(id),
        ),
    };
    FormPage {
        frame,
        vendor: hooks
            .vendor
            .as_ref()
            .map(|vendor| vendor.namespace.to_string()),
        action,
        back,
        url: input.filled(url, faults),
        wants_all: is_chosen("*"),
        types: MessageType::of(hooks.owner).map(choice).collect(),
        types_fault: faults.get("types").map(ToOwned::to_owned),
        button: if id.is_some() {
            "Save"
        } else {
            "Create the webhook"
        },
    }
}

/// `GET …/new-webhook`.
pub async fn ask(by: Keeper) -> Result<HttpResponse> {
    shown(&form_page(
        &by.by,
        &by.hooks,
        None,
        &Begin::Empty,
        &Faults::none(),
    ))
}

fn checked(form: &Form, hooks: &Hooks) -> std::result::Result<(HookUrl, Types), Faults> {
    let mut faults = Faults::none();
    let url = HookUrl::try_from(form.get("url").unwrap_or_default().trim().to_owned());
    let url = url.map_err(|rule| faults.add("url", rule.to_string()));
    let is_sent = |name: &str| form.get(&format!("types/{name}")).is_some();
    let types = if is_sent("*") {
        Ok(Types::all())
    } else {
        let names = MessageType::of(hooks.owner).map(MessageType::name);
        let names = names.filter(|name| is_sent(name)).map(str::to_owned);
        Types::of(hooks.owner, names.collect())
    };
    let types = types.map_err(|_| faults.add("types", "choose everything, or one at least"));
    match (url, types) {
        (Ok(url), Ok(types)) => Ok((url, types)),
        _ => Err(faults),
    }
}

#[derive(Template)]
#[template(path = "console/webhooks/secret.html")]
struct SecretPage {
    frame: Frame,
    vendor: Option<String>,
    secret: String,
    is_rotated: bool,
    back: String,
}

fn secret_page(sent: &KeeperAct, id: WebhookId, secret: &Secret, is_rotated: bool) -> SecretPage {
    SecretPage {
        frame: Frame::new(&sent.by.who(), Area::Webhooks, "Keep this secret"),
        vendor: sent
            .hooks
            .vendor
            .as_ref()
            .map(|vendor| vendor.namespace.to_string()),
        secret: secret.expose().to_owned(),
        is_rotated,
        back: sent.hooks.page(id),
    }
}

fn again(sent: &KeeperAct, id: Option<WebhookId>, faults: &Faults) -> Result<HttpResponse> {
    let begin = Begin::Sent(&sent.form);
    let form = form_page(&sent.by, &sent.hooks, id, &begin, faults);
    page(StatusCode::UNPROCESSABLE_ENTITY, &form)
}

/// `POST …/new-webhook`: shows the secret of its signatures, once.
pub async fn create(app: web::Data<App>, sent: KeeperAct) -> Result<HttpResponse> {
    let (url, types) = match checked(&sent.form, &sent.hooks) {
        Ok(checked) => checked,
        Err(faults) => return again(&sent, None, &faults),
    };
    let admin = sent.admin();
    let made = in_background(&app, move |app| async move {
        change::create(&app, &admin, &url, &types).await
    });
    match made.await {
        Ok((endpoint, secret)) => shown(&secret_page(&sent, endpoint.id, &secret, false)),
        Err(error) => again(&sent, None, &Faults::of(error)?),
    }
}

/// `GET …/webhooks/{webhook}/edit`.
pub async fn show(app: web::Data<App>, by: Keeper, path: WebhookPath) -> Result<HttpResponse> {
    let client = by.hooks.client(&app).await?;
    let endpoint = store::find(&client, by.hooks.owner, path.0).await?;
    drop(client);
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    let begin = Begin::Stored(&endpoint);
    shown(&form_page(
        &by.by,
        &by.hooks,
        Some(path.0),
        &begin,
        &Faults::none(),
    ))
}

async fn changed(
    app: &web::Data<App>,
    sent: &KeeperAct,
    id: WebhookId,
    changes: Changes,
) -> Result<Endpoint> {
    let admin = sent.admin();
    in_background(app, move |app| async move {
        change::update(&app, &admin, id, &changes).await
    })
    .await
}

/// `POST …/webhooks/{webhook}/edit`: where it is, and what it hears of.
pub async fn update(
    app: web::Data<App>,
    sent: KeeperAct,
    path: WebhookPath,
) -> Result<HttpResponse> {
    let (url, types) = match checked(&sent.form, &sent.hooks) {
        Ok(checked) => checked,
        Err(faults) => return again(&sent, Some(path.0), &faults),
    };
    let changes = Changes {
        url: Some(url),
        types: Some(types),
        enabled: None,
    };
    match changed(&app, &sent, path.0, changes).await {
        Ok(_) => Ok(done(&sent, path.0, "hook-changed")),
        Err(error) => again(&sent, Some(path.0), &Faults::of(error)?),
    }
}

fn done(sent: &KeeperAct, id: WebhookId, word: &str) -> HttpResponse {
    see_other(&format!("{}?done={word}", sent.hooks.page(id)))
}

/// `POST …/webhooks/{webhook}/state`: pauses it, or goes on, as `to` says.
pub async fn set_state(
    app: web::Data<App>,
    sent: KeeperAct,
    path: WebhookPath,
) -> Result<HttpResponse> {
    let (enabled, word) = match sent.form.get("to") {
        Some("on") => (true, "hook-on"),
        Some("off") => (false, "hook-off"),
        _ => return Err(Error::FormRefused),
    };
    let changes = Changes {
        url: None,
        types: None,
        enabled: Some(enabled),
    };
    changed(&app, &sent, path.0, changes).await?;
    Ok(done(&sent, path.0, word))
}

/// `POST …/webhooks/{webhook}/secret`: another one, shown once. The one before signs for a day more, or where it leaked,
/// no more.
pub async fn rotate_secret(
    app: web::Data<App>,
    sent: KeeperAct,
    path: WebhookPath,
) -> Result<HttpResponse> {
    let overlap = match sent.form.get("leaked") {
        Some("true") => SignedDuration::ZERO,
        Some("false") => OVERLAP,
        _ => return Err(Error::FormRefused),
    };
    let admin = sent.admin();
    let made = in_background(&app, move |app| async move {
        change::rotate_secret(&app, &admin, path.0, overlap).await
    });
    let (endpoint, secret) = made.await?;
    shown(&secret_page(&sent, endpoint.id, &secret, true))
}

/// `POST …/webhooks/{webhook}/test`: a message that only tries it.
pub async fn test(app: web::Data<App>, sent: KeeperAct, path: WebhookPath) -> Result<HttpResponse> {
    let (admin, id) = (sent.admin(), path.0);
    in_background(&app, move |app| async move {
        deliveries::test(&app, &admin, id).await
    })
    .await?;
    Ok(done(&sent, id, "hook-tested"))
}

/// `POST …/webhooks/{webhook}/remove`: with what was and is to be sent to it.
pub async fn remove(
    app: web::Data<App>,
    sent: KeeperAct,
    path: WebhookPath,
) -> Result<HttpResponse> {
    let (admin, id) = (sent.admin(), path.0);
    in_background(&app, move |app| async move {
        change::remove(&app, &admin, id).await
    })
    .await?;
    let list = match &sent.hooks.vendor {
        Some(_) => sent.hooks.base(),
        None => "/console/webhooks".to_owned(),
    };
    Ok(see_other(&format!("{list}?done=hook-removed")))
}
