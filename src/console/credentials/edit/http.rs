//! Handlers of the form that changes a credential.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::console::credentials::form::{self, Begin, MOST_PAIRS};
use crate::console::credentials::http::{FormPage, HOME, caller, checked, frame, rotate_by_input};
use crate::console::credentials::view::{DAY, day};
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::session::Session;
use crate::console::session::own::http::{Steward, StewardAct};
use crate::credentials::change::{self, Change};
use crate::credentials::read;
use crate::error::{Error, Result};
use crate::http::{Form, KeyPath, in_background};
use crate::types::CredentialKey;

/// A form to change a credential, and what is stored of it.
struct Edit<'a> {
    by: &'a Session,
    key: &'a CredentialKey,
    found: &'a read::Found,
}

impl Edit<'_> {
    fn type_name(&self) -> &str {
        let named = self.found.value.get("type").and_then(|name| name.as_str());
        named.unwrap_or(&self.found.record.type_name)
    }

    fn page(&self, form: Option<&Form>, faults: &Faults) -> Result<FormPage> {
        let type_name = self.type_name();
        if type_name == "generic" && self.found.value.len() > MOST_PAIRS {
            return Err(Error::InvalidParameter(
                "it has more names than a form: change it by the API",
            ));
        }
        let begin = form.map_or(Begin::Stored(&self.found.value), Begin::Sent);
        let date = self.found.record.rotate_by.as_ref().map(day);
        let date = form.map_or(date.as_deref(), |form| form.get(DAY));
        Ok(FormPage {
            frame: frame(self.by, format!("Change {}", self.key)),
            action: format!("{HOME}/{}/edit", self.key),
            back: format!("{HOME}/{}", self.key),
            key: None,
            form: form::form(type_name, begin, true, faults)?,
            rotate_by: rotate_by_input(date, faults),
            version: Some(self.found.version),
            button: "Save as a new version",
        })
    }
}

/// `GET /console/credentials/{key}/edit`: with what is not secret. The value is read, which is on record.
pub async fn show(app: web::Data<App>, by: Steward, path: KeyPath) -> Result<HttpResponse> {
    let (caller, key) = (caller(&by.user), path.0.clone());
    let found = in_background(&app, move |app| async move {
        read::read(&app, &caller, &key, None).await
    })
    .await?;
    let edit = Edit {
        by: &by.by,
        key: &path.0,
        found: &found,
    };
    shown(&edit.page(None, &Faults::none())?)
}

/// `POST /console/credentials/{key}/edit`: over the version that the form was made from, and no other.
pub async fn update(app: web::Data<App>, sent: StewardAct, path: KeyPath) -> Result<HttpResponse> {
    let StewardAct { by, user, form } = sent;
    let seen: Option<u32> = form.get("version").and_then(|text| text.parse().ok());
    let seen = seen.ok_or(Error::FormRefused)?;
    let (reader, key) = (caller(&user), path.0.clone());
    let found = in_background(&app, move |app| async move {
        read::fetch(&app, &reader, &key, None).await
    });
    let found = found.await?.0;
    if found.version != seen {
        return Err(Error::VersionConflict {
            current: found.version,
        });
    }
    let edit = Edit {
        by: &by,
        key: &path.0,
        found: &found,
    };
    let (value, rotate_by) = match checked(edit.type_name(), &form, Some(&found.value))? {
        Ok(checked) => checked,
        Err(faults) => {
            let again = edit.page(Some(&form), &faults)?;
            return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
        }
    };
    let change = Change {
        value,
        rotate_by,
        replaces: Some(seen),
    };
    let (writer, key) = (caller(&user), path.0.clone());
    in_background(&app, move |app| async move {
        change::update(&app, &writer, &key, &change).await
    })
    .await?;
    Ok(see_other(&format!(
        "{HOME}/{}?done=credential-changed",
        path.0
    )))
}
