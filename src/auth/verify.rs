//! Verifies credentials: from what a bearer is by its form to who it is.

use std::sync::Arc;

use actix_web::HttpRequest;

use super::bearer::Bearer;
use super::caller::{CredentialReader, Operator, PluginOrVendor, VendorAdmin, VendorCaller};
use super::person::Person;
use super::plugin::{ClientPlugin, Signed};
use super::user::{Administrator, EnrollingUser, User, UserAdmin};
use super::{KeyedDigest, access_token};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::client_address;
use crate::http::limit::Share;
use crate::oauth::signed;
use crate::telemetry;
use crate::types::{KeyId, Secret};
use crate::users::OperatorToken;
use crate::users::accounts::{self, Origin, basic};
use crate::users::workers::{Worker, sessions};
use crate::vendors::keys::store;
use crate::vendors::{PrivateDigests, Vendor};

/// Verified credentials.
pub(super) enum Known {
    Plugin(ClientPlugin),
    Vendor(VendorCaller),
    Operator(Operator),
    Person(Box<Person>),
    Worker(Arc<Vendor>, Box<Worker>),
    User(Box<User>),
    DeleteKey(Secret),
}

impl Known {
    pub fn plugin(self) -> Result<ClientPlugin> {
        if let Self::Plugin(plugin) = self {
            Ok(plugin)
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    pub fn vendor(self) -> Result<VendorCaller> {
        if let Self::Vendor(vendor) = self {
            Ok(vendor)
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    pub fn operator(self) -> Result<Operator> {
        match self {
            Self::Operator(operator) => Ok(operator),
            Self::Person(person) => person.operator(),
            _ => Err(Error::CallerNotAllowed),
        }
    }

    pub fn enrolling_user(self) -> Result<EnrollingUser> {
        if let Self::User(user) = self {
            Ok(EnrollingUser(*user))
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    pub fn user(self) -> Result<User> {
        self.enrolling_user()?.0.enrolled()
    }

    pub fn administrator(self) -> Result<Administrator> {
        self.user()?.administrator()
    }

    /// The vendor, or a member of `Administrators`; an access token of one may read only.
    pub fn user_admin(self, reads: bool) -> Result<UserAdmin> {
        if matches!(self, Self::User(_)) {
            let Administrator(user) = self.administrator()?;
            if !reads {
                user.without_token()?;
            }
            return Ok(UserAdmin {
                user: Some(user.account.id),
                by: VendorAdmin {
                    actor: user.account.actor(),
                    vendor: user.vendor,
                    key: None,
                },
            });
        }
        let by = self.vendor_admin()?;
        Ok(UserAdmin { by, user: None })
    }

    pub fn vendor_admin(self) -> Result<VendorAdmin> {
        let caller = self.vendor()?;
        Ok(VendorAdmin {
            vendor: caller.vendor,
            actor: "vendor".to_owned(),
            key: Some(caller.key),
        })
    }

    pub fn plugin_or_vendor(self) -> Result<PluginOrVendor> {
        match self {
            Self::Plugin(plugin) => Ok(PluginOrVendor::Plugin(plugin)),
            Self::Vendor(vendor) => Ok(PluginOrVendor::Vendor(vendor)),
            _ => Err(Error::CallerNotAllowed),
        }
    }

    fn tenant(&self) -> Option<&Arc<Vendor>> {
        match self {
            Self::Plugin(plugin) => Some(&plugin.vendor),
            Self::Vendor(caller) => Some(&caller.vendor),
            Self::Worker(vendor, _) => Some(vendor),
            Self::User(user) => Some(&user.vendor),
            Self::Operator(_) | Self::Person(_) | Self::DeleteKey(_) => None,
        }
    }

    /// As the events name the caller; `None` while that is not proved.
    fn actor(&self) -> Option<String> {
        match self {
            Self::Plugin(plugin) => Some(plugin.actor().to_owned()),
            Self::Vendor(_) => Some("vendor".to_owned()),
            Self::Worker(_, worker) => Some(worker.actor()),
            Self::User(user) => Some(user.account.actor()),
            Self::Operator(operator) => Some(operator.actor()),
            Self::Person(person) => Some(person.account.actor()),
            Self::DeleteKey(_) => None,
        }
    }

    pub fn credential_reader(self) -> Result<CredentialReader> {
        match self {
            Self::Vendor(caller) => Ok(CredentialReader {
                vendor: caller.vendor,
                worker: None,
                key: Some(caller.key),
            }),
            Self::Worker(vendor, worker) => Ok(CredentialReader {
                vendor,
                worker: Some(*worker),
                key: None,
            }),
            _ => Err(Error::CallerNotAllowed),
        }
    }
}

/// Verifies the credentials of a request.
pub(super) async fn authenticate(
    app: &Arc<App>,
    request: &HttpRequest,
    removing: bool,
) -> Result<Known> {
    let result = match Bearer::of(request) {
        Ok(bearer) => known(app, bearer, &origin(app, request)).await,
        Err(error) => Err(error),
    };
    admit(app, request, result, removing)
}

/// Counts what was found against its limit: a refusal against the address, anything else against the vendor. What the
/// public key may do, and its removals, have shares of their own, so that it is no lock-out weapon.
pub(super) fn admit(
    app: &App,
    request: &HttpRequest,
    result: Result<Known>,
    removing: bool,
) -> Result<Known> {
    let known = match result {
        Err(Error::CredentialsInvalid) => return Err(refused(app, request)),
        other => other?,
    };
    if let Some(actor) = known.actor() {
        let vendor = known.tenant().map(|vendor| vendor.id);
        telemetry::current().seen.note_caller(vendor, actor);
    }
    if let Some(vendor) = known.tenant() {
        tracing::Span::current().record("vendor.id", vendor.id.0);
        let share = match known {
            Known::Vendor(_) => Share::Vendor,
            Known::Worker(..) => Share::Workers,
            Known::User(_) => Share::Users,
            Known::Plugin(ref plugin) if plugin.signed.is_some() => Share::SignedClients,
            _ if removing => Share::PluginRemovals,
            _ => Share::Plugin,
        };
        app.limits.check_vendor(vendor.id, share)?;
    }
    Ok(known)
}

/// The refusal of credentials, counted against the client address: 401, or 429 where there were too many.
#[must_use]
pub fn refused(app: &App, request: &HttpRequest) -> Error {
    metrics::counter!("gatehouse_refused_credentials_total").increment(1);
    let limited = app.limits.check_refused(client_address(app, request)).err();
    limited.unwrap_or(Error::CredentialsInvalid)
}

/// Where a request comes from.
#[must_use]
pub fn origin(app: &App, request: &HttpRequest) -> Origin {
    let current = telemetry::current();
    Origin {
        address: client_address(app, request),
        user_agent: current.user_agent,
    }
}

pub(super) async fn known(app: &Arc<App>, bearer: Bearer, origin: &Origin) -> Result<Known> {
    let keys = app.keys()?;
    match bearer {
        Bearer::None => Err(Error::CredentialsMissing),
        Bearer::DeleteKey(key) => Ok(Known::DeleteKey(key)),
        Bearer::PublicKey(text) => {
            let key = keys
                .verify_public_key(text.expose())
                .ok_or(Error::CredentialsInvalid)?;
            app.directory.fresh().await?;
            let vendor = app
                .directory
                .by_key(&app.db, key)
                .await?
                .ok_or(Error::CredentialsInvalid)?;
            let now = app.clock.now();
            vendor.live_key(key, now).ok_or(Error::CredentialsInvalid)?;
            app.key_uses.public(vendor.id, key, now);
            Ok(Known::Plugin(ClientPlugin {
                vendor,
                key,
                signed: None,
            }))
        }
        Bearer::PrivateKey(text) => {
            let key = keys
                .private_key_id(text.expose())
                .ok_or(Error::CredentialsInvalid)?;
            let digest = keys.digest(text.expose());
            app.directory.fresh().await?;
            let vendor = app.directory.by_key(&app.db, key).await?;
            let vendor = vendor.ok_or(Error::CredentialsInvalid)?;
            prove(app, vendor, key, |right| right.private.matches(&digest)).await
        }
        Bearer::TrustedLogin { bearer, pair } => {
            let bearer = bearer.map(|bearer| keys.bearer_digest(bearer.expose()));
            let pair = keys.pair_digest(pair.expose());
            app.directory.fresh().await?;
            let found = app.directory.by_pair(&pair);
            let (vendor, key) = found.ok_or(Error::CredentialsInvalid)?;
            let is_both = |right: &PrivateDigests| {
                let bearer = bearer.as_ref();
                right.pair.matches(&pair) && bearer.is_none_or(|shown| right.bearer.matches(shown))
            };
            prove(app, vendor, key, is_both).await
        }
        Bearer::Jwt(text) if access_token::is_one(&text) => {
            access_token::known(app, &text, origin).await
        }
        Bearer::Jwt(text) => signed_client(app, &text).await,
        Bearer::AccessToken(text) => {
            let id = keys
                .access_token_id(text.expose())
                .ok_or(Error::CredentialsInvalid)?;
            let digest = keys.digest(text.expose());
            app.directory.fresh().await?;
            let operator = app.directory.operator(id);
            if let Some(operator) = proven(app, operator, &digest) {
                return Ok(operator);
            }
            if let Some(worker) = worker_session(app, &text).await? {
                return Ok(worker);
            }
            match user_session(app, &text, origin).await {
                Err(Error::CredentialsInvalid) => {}
                known => return known,
            }
            if let Some(person) = accounts::sessions::person_of(app, &text, origin).await? {
                return Ok(Known::Person(Box::new(person)));
            }
            // One that was made a moment ago may not be in memory yet.
            let newer = app.directory.newer_operator(&app.db, id).await?;
            proven(app, newer, &digest).ok_or(Error::CredentialsInvalid)
        }
        Bearer::BareAccessToken(text) => worker_session(app, &text)
            .await?
            .ok_or(Error::CredentialsInvalid),
        Bearer::Basic(shown) => {
            let user = basic::user_of(app, &shown, origin).await?;
            Ok(Known::User(Box::new(user)))
        }
    }
}

/// The operator, if the token is this one and has not ended.
fn proven(app: &App, token: Option<Arc<OperatorToken>>, digest: &KeyedDigest) -> Option<Known> {
    let token = token.filter(|token| token.digest.matches(digest))?;
    if token.expires_at.is_some_and(|end| end <= app.clock.now()) {
        return None;
    }
    let name = token.name.clone();
    Some(Known::Operator(Operator { name }))
}

/// The client plugin that its vendor signed for. The key pair is the one in force, as if it had shown the public key.
async fn signed_client(app: &Arc<App>, text: &Secret) -> Result<Known> {
    let vouched = signed::vouched(app, text).await?;
    let vendor = vouched.vendor;
    let pair = vendor.current_key(app.clock.now());
    let key = pair.ok_or(Error::CredentialsInvalid)?.id;
    let signed = Some(Signed {
        key: vouched.key,
        site: vouched.site,
    });
    Ok(Known::Plugin(ClientPlugin {
        vendor,
        key,
        signed,
    }))
}

/// The worker of a session.
async fn worker_session(app: &App, token: &Secret) -> Result<Option<Known>> {
    app.directory.fresh().await?;
    let Some(worker) = sessions::worker_of(app, token).await? else {
        return Ok(None);
    };
    let vendor = app.directory.by_id(worker.vendor);
    let vendor = vendor.ok_or(Error::CredentialsInvalid)?;
    Ok(Some(Known::Worker(vendor, Box::new(worker))))
}

/// The user of a session or an access token.
async fn user_session(app: &App, token: &Secret, origin: &Origin) -> Result<Known> {
    let user = accounts::sessions::user_of(app, token, origin).await?;
    let user = user.ok_or(Error::CredentialsInvalid)?;
    Ok(Known::User(Box::new(user)))
}

/// The vendor, if what was shown matches the private key of a live pair.
async fn prove(
    app: &Arc<App>,
    vendor: Arc<Vendor>,
    key: KeyId,
    matches: impl Fn(&PrivateDigests) -> bool,
) -> Result<Known> {
    let live = vendor
        .live_key(key, app.clock.now())
        .ok_or(Error::CredentialsInvalid)?;
    let private = live.private.as_ref().filter(|private| matches(private));
    let private = private.ok_or(Error::CredentialsInvalid)?.private;
    if !live.private_used {
        // To its end, even if another part of the request is refused meanwhile.
        let (worker, vendor) = (Arc::clone(app), Arc::clone(&vendor));
        app.detached(async move { note_first_use(&worker, &vendor, key, &private).await })
            .await?;
    }
    app.key_uses.private(vendor.id, key, app.clock.now());
    Ok(Known::Vendor(VendorCaller { vendor, key }))
}

/// Notes the first use of a private key before it is honoured: from then on it cannot be claimed again. One that was
/// replaced a moment ago is refused.
async fn note_first_use(
    app: &App,
    vendor: &Vendor,
    key: KeyId,
    private: &KeyedDigest,
) -> Result<()> {
    let client = app.db.of(vendor.id).await?;
    let now = app.clock.now();
    let is_current = store::mark_private_key_used(&client, vendor.id, key, private, now).await?;
    app.directory.reload(&client, vendor.id).await?;
    if is_current {
        Ok(())
    } else {
        Err(Error::CredentialsInvalid)
    }
}

/// Lets callers of an active vendor pass.
pub(super) fn active(known: Known) -> Result<Known> {
    if let Some(vendor) = known.tenant() {
        vendor.refuse_inactive()?;
    }
    Ok(known)
}

pub(super) async fn authenticate_active(app: &Arc<App>, request: &HttpRequest) -> Result<Known> {
    active(authenticate(app, request, false).await?)
}
