//! Who asks for such a page, or sends a form of one: extractors.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::auth::{Administrator, User};
use crate::console::session::Session;
use crate::console::session::http::{
    Extracted, Outcome, checked, extract, found, refuse_foreign, session, settled,
};
use crate::error::Error;
use crate::http::{Decided, Described, Form};
use crate::types::GroupName;

/// A user of a vendor who looks at a page.
pub struct Colleague {
    /// As frames of pages show it.
    pub by: Session,
    /// Who.
    pub user: User,
}

/// A form of a [`Colleague`], in which texts may have many lines.
pub struct ColleagueAct {
    /// As frames of pages show it.
    pub by: Session,
    /// Who sent it.
    pub user: User,
    /// Its fields.
    pub form: Form,
}

/// An administrator of a vendor who looks at a page.
pub struct Steward {
    /// As frames of pages show it.
    pub by: Session,
    /// Who.
    pub user: Administrator,
}

/// A form of a [`Steward`], in which texts may have many lines.
pub struct StewardAct {
    /// As frames of pages show it.
    pub by: Session,
    /// Who sent it.
    pub user: Administrator,
    /// Its fields.
    pub form: Form,
}

fn colleague(request: &HttpRequest, session: Session) -> Outcome<(Session, User)> {
    let session = settled(request, session)?;
    let user = session.user()?.clone();
    Ok((session, user))
}

fn steward(request: &HttpRequest, session: Session) -> Outcome<(Session, Administrator)> {
    let (session, user) = colleague(request, session)?;
    if user.account.is_in(GroupName::ADMINISTRATORS) {
        Ok((session, Administrator(user)))
    } else {
        Err(Error::NoAdministrator.into())
    }
}

/// A page, and the form of a page, of whom `$admit` lets pass.
macro_rules! admitted {
    ($page:ident, $form:ident, $admit:expr) => {
        extract!($page, |app, request, _payload, _decided| {
            let (session, _) = session(&app, &request).await?;
            let (by, user) = $admit(&request, session)?;
            Ok(Self { by, user })
        });
        extract!($form, |app, request, payload, decided| {
            let (session, token) = session(&app, &request).await?;
            refuse_foreign(&request)?;
            let (by, user) = $admit(&request, session)?;
            drop(decided);
            let form = Form::long(&request, payload).await;
            let form = checked(app.keys()?, &request, form, &token)?;
            Ok(Self { by, user, form })
        });
    };
}

admitted!(Colleague, ColleagueAct, colleague);
admitted!(Steward, StewardAct, steward);
