//! The caller types. A handler names the one it serves in its signature; there is no role check inside a body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::KeyedDigest;
use super::bearer::Bearer;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::client_address;
use crate::http::limit::Share;
use crate::types::{KeyId, Secret};
use crate::vendors::{PrivateDigests, Status, Vendor, store};

/// The client plugin of a vendor, by the vendor's public key: low trust, the key is printed in every copy.
#[derive(Clone)]
pub struct ClientPlugin {
    /// Whose plugin.
    pub vendor: Arc<Vendor>,
    /// By which key.
    pub key: KeyId,
}

/// The vendor itself, by its private key or TrustedLogin's two headers.
#[derive(Clone)]
pub struct VendorCaller {
    /// Who.
    pub vendor: Arc<Vendor>,
    /// By which key.
    pub key: KeyId,
}

/// The vendor, where refused keys answer 403, as TrustedLogin's clients expect.
pub struct ConnectorVendor(pub VendorCaller);

/// A person who runs the platform.
pub struct Operator {
    /// By name.
    pub name: String,
}

/// Who may store a site: the client plugin, or the vendor.
#[derive(Clone)]
pub enum PluginOrVendor {
    /// Low trust.
    Plugin(ClientPlugin),
    /// The vendor.
    Vendor(VendorCaller),
}

/// As [`PluginOrVendor`]; the plugins of 2019 send no `Authorization` but a public key in the body.
pub struct StorerOrBody(Option<PluginOrVendor>);

/// Who may remove a site, in every status of the vendor: the client plugin, the vendor, or the site's delete key.
pub enum Remover {
    /// Somebody of the vendor.
    Known(PluginOrVendor),
    /// The bearer of a site's delete key. Not verified yet: the key is the site's own.
    DeleteKey(Secret),
}

impl Operator {
    /// As the events name the caller.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("operator:{}", self.name)
    }
}

impl PluginOrVendor {
    /// Whose site.
    #[must_use]
    pub fn vendor(&self) -> &Arc<Vendor> {
        match self {
            Self::Plugin(plugin) => &plugin.vendor,
            Self::Vendor(caller) => &caller.vendor,
        }
    }

    /// By which key.
    #[must_use]
    pub fn key(&self) -> KeyId {
        match self {
            Self::Plugin(plugin) => plugin.key,
            Self::Vendor(caller) => caller.key,
        }
    }

    /// As the ledger and the events name the caller.
    #[must_use]
    pub fn actor(&self) -> &'static str {
        match self {
            Self::Plugin(_) => "public-key",
            Self::Vendor(_) => "vendor",
        }
    }

    /// Whether the caller may touch a registered site without showing its access key.
    #[must_use]
    pub fn is_vendor(&self) -> bool {
        matches!(self, Self::Vendor(_))
    }
}

impl StorerOrBody {
    /// The caller by header, or else by the public key in the body. `true` where it was the body's.
    ///
    /// # Errors
    /// As for a public key in the header.
    pub async fn or_public_key(
        self,
        app: &Arc<App>,
        request: &HttpRequest,
        in_body: Option<&Secret>,
    ) -> Result<(PluginOrVendor, bool)> {
        match (self.0, in_body) {
            (Some(caller), _) => Ok((caller, false)),
            (None, None) => Err(Error::CredentialsMissing),
            (None, Some(key)) => {
                let bearer = Bearer::PublicKey(key.clone());
                let known = admit(app, request, known(app, bearer).await, false)?;
                Ok((PluginOrVendor::Plugin(active(known)?.plugin()?), true))
            }
        }
    }
}

/// Verified credentials.
enum Known {
    Plugin(ClientPlugin),
    Vendor(VendorCaller),
    Operator(Operator),
    DeleteKey(Secret),
}

impl Known {
    fn plugin(self) -> Result<ClientPlugin> {
        if let Self::Plugin(plugin) = self {
            Ok(plugin)
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    fn vendor(self) -> Result<VendorCaller> {
        if let Self::Vendor(vendor) = self {
            Ok(vendor)
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    fn operator(self) -> Result<Operator> {
        if let Self::Operator(operator) = self {
            Ok(operator)
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    fn plugin_or_vendor(self) -> Result<PluginOrVendor> {
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
            _ => None,
        }
    }
}

/// Verifies the credentials of a request.
async fn authenticate(app: &Arc<App>, request: &HttpRequest, removing: bool) -> Result<Known> {
    let result = match Bearer::of(request) {
        Ok(bearer) => known(app, bearer).await,
        Err(error) => Err(error),
    };
    admit(app, request, result, removing)
}

/// Counts what was found against its limit: a refusal against the address, anything else against the vendor. What the
/// public key may do, and its removals, have shares of their own, so that it is no lock-out weapon.
fn admit(app: &App, request: &HttpRequest, result: Result<Known>, removing: bool) -> Result<Known> {
    let known = match result {
        Err(Error::CredentialsInvalid) => return Err(refused(app, request)),
        other => other?,
    };
    if let Some(vendor) = known.tenant() {
        tracing::Span::current().record("vendor.id", vendor.id.0);
        let share = match known {
            Known::Vendor(_) => Share::Vendor,
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

async fn known(app: &Arc<App>, bearer: Bearer) -> Result<Known> {
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
            vendor
                .live_key(key, app.clock.now())
                .ok_or(Error::CredentialsInvalid)?;
            Ok(Known::Plugin(ClientPlugin { vendor, key }))
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
            let bearer = keys.bearer_digest(bearer.expose());
            let pair = keys.pair_digest(pair.expose());
            app.directory.fresh().await?;
            let found = app.directory.by_bearer(&bearer);
            let (vendor, key) = found.ok_or(Error::CredentialsInvalid)?;
            prove(app, vendor, key, |right| right.pair.matches(&pair)).await
        }
        Bearer::Operator(text) => {
            let id = keys
                .operator_token_id(text.expose())
                .ok_or(Error::CredentialsInvalid)?;
            let digest = keys.digest(text.expose());
            app.directory.fresh().await?;
            let token = app
                .directory
                .operator(id)
                .filter(|token| token.digest.matches(&digest));
            let token = token.ok_or(Error::CredentialsInvalid)?;
            Ok(Known::Operator(Operator {
                name: token.name.clone(),
            }))
        }
    }
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
    let client = app.db.get().await?;
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
fn active(known: Known) -> Result<Known> {
    match known.tenant().map(|vendor| vendor.status) {
        None | Some(Status::Active) => Ok(known),
        Some(Status::Suspended) => Err(Error::VendorSuspended),
        Some(Status::Cancelled) => Err(Error::VendorCancelled),
    }
}

async fn authenticate_active(app: &Arc<App>, request: &HttpRequest) -> Result<Known> {
    active(authenticate(app, request, false).await?)
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

macro_rules! extract {
    ($caller:ty, |$app:ident, $request:ident| $body:expr) => {
        impl FromRequest for $caller {
            type Error = Error;
            type Future = Extracted<Self>;
            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let found = request.app_data::<web::Data<App>>().cloned();
                let $request = request.clone();
                Box::pin(async move {
                    let $app =
                        found.ok_or_else(|| Error::Internal("the app is not there".to_owned()))?;
                    $body
                })
            }
        }
    };
}

extract!(VendorCaller, |app, request| authenticate_active(
    &app, &request
)
.await?
.vendor());
extract!(Operator, |app, request| authenticate_active(&app, &request)
    .await?
    .operator());
extract!(PluginOrVendor, |app, request| authenticate_active(
    &app, &request
)
.await?
.plugin_or_vendor());
extract!(
    StorerOrBody,
    |app, request| match authenticate_active(&app, &request).await {
        Ok(known) => known.plugin_or_vendor().map(|caller| Self(Some(caller))),
        Err(Error::CredentialsMissing) => Ok(Self(None)),
        Err(error) => Err(error),
    }
);
extract!(
    ConnectorVendor,
    |app, request| match authenticate_active(&app, &request).await {
        Ok(known) => known.vendor().map(Self),
        Err(Error::CredentialsMissing | Error::CredentialsInvalid) => Err(Error::ConnectorRefused),
        Err(error) => Err(error),
    }
);
extract!(
    Remover,
    |app, request| match authenticate(&app, &request, true).await? {
        Known::DeleteKey(key) => Ok(Self::DeleteKey(key)),
        known => known.plugin_or_vendor().map(Self::Known),
    }
);
