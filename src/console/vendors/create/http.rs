//! Handlers of a new vendor.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{Faults, Field, page, shown};
use crate::console::layout::{Area, Frame};
use crate::console::session::Session;
use crate::console::session::http::{Act, SignedIn};
use crate::error::{Error, Result};
use crate::http::{Form, in_background};
use crate::types::{Email, Name, Namespace};
use crate::vendors::create::{Who, with_keys};
use crate::vendors::{Profile, Subscription};

#[derive(Template)]
#[template(path = "console/vendors/new.html")]
struct NewPage {
    frame: Frame,
    namespace: Field,
    name: Field,
    owner_name: Field,
    owner_email: Field,
    plan: Field,
    suggestion: Option<String>,
}

#[derive(Template)]
#[template(path = "console/vendors/keys.html")]
pub(in crate::console::vendors) struct KeysPage {
    pub frame: Frame,
    pub namespace: String,
    pub public_key: String,
    pub private_key: String,
    /// Whether its store in OpenBao is there.
    pub provisioned: bool,
    /// Whether there was a pair before.
    pub is_rotated: bool,
}

fn new_page(by: &Session, form: Option<&Form>, faults: &Faults) -> NewPage {
    let filled = |field: Field| {
        let value = form.and_then(|form| form.get(field.name));
        field.filled(value, faults)
    };
    let name = form.and_then(|form| form.get("name"));
    let is_refused = faults.get("namespace").is_some();
    let suggestion = name.filter(|_| is_refused).and_then(Namespace::suggest);
    let email = Field::text("ownerEmail", "E-mail address of the owner");
    NewPage {
        frame: Frame::new(&by.who(), Area::Vendors, "New vendor"),
        namespace: filled(
            Field::text("namespace", "Namespace").required().hint(
                "5 to 96 lower-case letters and digits, with single hyphens between them. It is unique for ever.",
            ),
        ),
        name: filled(Field::text("name", "Name").required()),
        owner_name: filled(Field::text("ownerName", "Name of the owner")),
        owner_email: filled(Field { kind: "email", ..email }),
        plan: filled(Field::text("plan", "Plan")),
        suggestion: suggestion.map(|namespace| namespace.to_string()),
    }
}

/// `GET /console/vendors/new`.
pub async fn form(by: SignedIn) -> Result<HttpResponse> {
    shown(&new_page(&by.0, None, &Faults::none()))
}

fn optional<T: TryFrom<String>>(form: &Form, name: &str, faults: &mut Faults) -> Option<T>
where
    T::Error: std::fmt::Display,
{
    match T::try_from(form.get(name)?.to_owned()) {
        Ok(value) => Some(value),
        Err(rule) => {
            faults.add(name, rule.to_string());
            None
        }
    }
}

fn who(form: &Form) -> std::result::Result<Who, Faults> {
    let mut faults = Faults::none();
    let namespace = Namespace::parse(form.get("namespace").unwrap_or_default());
    let namespace = namespace.map_err(|rule| faults.add("namespace", rule.to_string()));
    let name: Option<Name> = optional(form, "name", &mut faults);
    if form.get("name").is_none() {
        faults.add("name", "is required");
    }
    let profile = Profile {
        owner_name: optional::<Name>(form, "ownerName", &mut faults),
        owner_email: optional::<Email>(form, "ownerEmail", &mut faults),
        plan: optional::<Name>(form, "plan", &mut faults),
        subscription: Subscription::default(),
        has_card: false,
    };
    match (namespace, name) {
        (Ok(namespace), Some(name)) if faults.is_empty() => Ok(Who {
            namespace,
            name,
            profile,
        }),
        _ => Err(faults),
    }
}

/// `POST /console/vendors/new`: shows its key pair, once.
pub async fn create(app: web::Data<App>, sent: Act) -> Result<HttpResponse> {
    let Act { by, form } = sent;
    let who = match who(&form) {
        Ok(who) => who,
        Err(faults) => {
            let again = new_page(&by, Some(&form), &faults);
            return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
        }
    };
    let actor = by.actor();
    let made = in_background(&app, move |app| async move {
        with_keys(&app, &who, &actor).await
    });
    match made.await {
        Ok(made) => shown(&KeysPage {
            frame: Frame::new(&by.who(), Area::Vendors, "Keep these keys"),
            namespace: made.vendor.namespace,
            public_key: made.public_key,
            private_key: made.private_key,
            provisioned: made.vendor.provisioned,
            is_rotated: false,
        }),
        Err(Error::NamespaceTaken) => {
            let faults = Faults::one("namespace", "is taken, or was once");
            page(StatusCode::CONFLICT, &new_page(&by, Some(&form), &faults))
        }
        Err(error) => Err(error),
    }
}
