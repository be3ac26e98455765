//! Clients of `OAuth`: a vendor, a worker or a user, by what it logs in with anywhere else.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::bearer::Bearer;
use super::user::{Proof, User};
use super::verify::{Known, admit, known, origin, refused};
use crate::app::App;
use crate::error::{Error, OAuthError, Result};
use crate::http::{Form, decoded};
use crate::types::{KeyId, Secret};
use crate::users::accounts::basic;
use crate::users::workers::{Worker, sessions};
use crate::vendors::Vendor;

/// What a client shows.
pub struct Shown {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: Secret,
}

/// Who a client is.
pub enum ClientKind {
    /// The vendor itself, by this key pair.
    Vendor(KeyId),
    /// A worker, by this key.
    Worker(Box<Worker>, i64),
    /// A user, by one of its access tokens.
    User(Box<User>, i64),
}

/// A client that is known.
pub struct Client {
    /// Of which vendor.
    pub vendor: Arc<Vendor>,
    /// Who.
    pub kind: ClientKind,
}

impl Client {
    /// As it names itself: the namespace, or a log-in name with it.
    #[must_use]
    pub fn id(&self) -> String {
        let namespace = &self.vendor.namespace;
        match &self.kind {
            ClientKind::Vendor(_) => namespace.to_string(),
            ClientKind::Worker(worker, _) => worker.login(namespace).to_string(),
            ClientKind::User(user, _) => user.account.login(namespace),
        }
    }

    /// As the events name it.
    #[must_use]
    pub fn actor(&self) -> String {
        match &self.kind {
            ClientKind::Vendor(_) => "vendor".to_owned(),
            ClientKind::Worker(worker, _) => worker.actor(),
            ClientKind::User(user, _) => user.account.actor(),
        }
    }

    /// The client of a request, by HTTP Basic or by fields of the form, not both (RFC 6749, 2.3.1). Refusals count against
    /// the address, and what is right against the share of the vendor's that the client has anywhere else.
    ///
    /// # Errors
    /// [`Error::CredentialsMissing`], [`Error::CredentialsInvalid`], [`OAuthError::InvalidRequest`], or
    /// [`Error::RateLimited`].
    pub async fn of(app: &Arc<App>, request: &HttpRequest, form: &Form) -> Result<Self> {
        let shown = match Shown::of(request, form) {
            Err(Error::CredentialsInvalid) => return Err(refused(app, request)),
            shown => shown?.ok_or(Error::CredentialsMissing)?,
        };
        let found = Self::find(app, request, &shown).await;
        let (found, part) = match found {
            Ok((known, part)) => (Ok(known), part),
            Err(error) => (Err(error), 0),
        };
        match admit(app, request, found, false)? {
            Known::Vendor(caller) => Ok(Self {
                vendor: caller.vendor,
                kind: ClientKind::Vendor(caller.key),
            }),
            Known::Worker(vendor, worker) => Ok(Self {
                vendor,
                kind: ClientKind::Worker(worker, part),
            }),
            Known::User(user) => Ok(Self {
                vendor: Arc::clone(&user.vendor),
                kind: ClientKind::User(user, part),
            }),
            _ => Err(Error::CallerNotAllowed),
        }
    }

    /// Whoever it is, and the id of the worker's key or the user's token.
    async fn find(app: &Arc<App>, request: &HttpRequest, shown: &Shown) -> Result<(Known, i64)> {
        let (keys, secret) = (app.keys()?, &shown.secret);
        if keys.private_key_id(secret.expose()).is_some() {
            let origin = origin(app, request);
            let found = known(app, Bearer::PrivateKey(secret.clone()), &origin).await?;
            let named = match &found {
                Known::Vendor(caller) => caller.vendor.namespace.as_str() == shown.id,
                _ => false,
            };
            return named.then_some((found, 0)).ok_or(Error::CredentialsInvalid);
        }
        if let Some(key) = keys.worker_key_id(secret.expose()) {
            app.directory.fresh().await?;
            let (vendor, worker) = sessions::worker_by_key(app, &shown.id, secret).await?;
            return Ok((Known::Worker(vendor, Box::new(worker)), key));
        }
        // Passwords are for people: what is no token of theirs is not tried as one.
        if keys.access_token_id(secret.expose()).is_none() || !shown.id.contains('@') {
            return Err(Error::CredentialsInvalid);
        }
        let shown = basic::Shown {
            login: shown.id.clone(),
            password: secret.clone(),
            host: None,
        };
        let user = basic::user_of(app, &shown, &origin(app, request)).await?;
        match user.proof {
            Proof::Token(id) => Ok((Known::User(Box::new(user)), id)),
            Proof::Password | Proof::Session(_) => Err(Error::CredentialsInvalid),
        }
    }
}

impl Shown {
    /// What a request shows; `None` where it shows nothing.
    ///
    /// # Errors
    /// [`OAuthError::InvalidRequest`] where it shows something twice, [`Error::CredentialsInvalid`] where it is malformed.
    pub fn of(request: &HttpRequest, form: &Form) -> Result<Option<Self>> {
        let (id, secret) = (form.get("client_id"), form.secret("client_secret"));
        let Some(header) = header(request)? else {
            return Ok(secret.map(|secret| Self {
                id: id.unwrap_or_default().to_owned(),
                secret: secret.clone(),
            }));
        };
        let shown = Self::of_basic(&header).ok_or(Error::CredentialsInvalid)?;
        // Who it is may be said again.
        if secret.is_some() || id.is_some_and(|id| id != shown.id) {
            let what = "Show the client's credentials once: in the header, or in the form.";
            return Err(OAuthError::InvalidRequest(what).into());
        }
        Ok(Some(shown))
    }

    /// Both halves are URL-encoded before they are joined.
    fn of_basic(token: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(token).ok()?);
        let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some(Self {
            id: decoded(id)?,
            secret: Secret::new(decoded(secret)?),
        })
    }
}

/// What stands behind `Basic`.
fn header(request: &HttpRequest) -> Result<Option<Zeroizing<String>>> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    let text = header.to_str().ok().filter(|text| text.len() <= 2048);
    let parts = text.and_then(|text| text.split_once(' '));
    match parts {
        Some((scheme, token))
            if headers.next().is_none() && scheme.eq_ignore_ascii_case("basic") =>
        {
            Ok(Some(Zeroizing::new(token.trim().to_owned())))
        }
        _ => Err(Error::CredentialsInvalid),
    }
}
