//! The caller types. A handler names the one it serves in its signature; there is no role check inside a body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::bearer::Bearer;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::client_address;
use crate::types::{KeyId, Secret};
use crate::vendors::{PrivateDigests, Status, Vendor};

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
        app: &App,
        request: &HttpRequest,
        in_body: Option<&Secret>,
    ) -> Result<(PluginOrVendor, bool)> {
        match (self.0, in_body) {
            (Some(caller), _) => Ok((caller, false)),
            (None, None) => Err(Error::CredentialsMissing),
            (None, Some(key)) => {
                let bearer = Bearer::PublicKey(key.clone());
                let known = admit(app, request, known(app, bearer).await)?;
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

/// Verifies the credentials of a request; refused ones count against the client address.
async fn authenticate(app: &App, request: &HttpRequest) -> Result<Known> {
    let result = match Bearer::of(request) {
        Ok(bearer) => known(app, bearer).await,
        Err(error) => Err(error),
    };
    admit(app, request, result)
}

/// Counts what was found against its limit: a refusal against the address, anything else against the vendor.
fn admit(app: &App, request: &HttpRequest, result: Result<Known>) -> Result<Known> {
    let known = count_refusal(app, request, result)?;
    if let Some(vendor) = known.tenant() {
        tracing::Span::current().record("vendor.id", vendor.id.0);
        app.limits.check_vendor(vendor.id)?;
    }
    Ok(known)
}

fn count_refusal(app: &App, request: &HttpRequest, result: Result<Known>) -> Result<Known> {
    if matches!(result, Err(Error::CredentialsInvalid)) {
        metrics::counter!("gatehouse_refused_credentials_total").increment(1);
        app.limits.check_refused(client_address(app, request))?;
    }
    result
}

async fn known(app: &App, bearer: Bearer) -> Result<Known> {
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
        Bearer::PrivateKey(key, text) => {
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
        Bearer::Operator(id, text) => {
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
    app: &App,
    vendor: Arc<Vendor>,
    key: KeyId,
    matches: impl Fn(&PrivateDigests) -> bool,
) -> Result<Known> {
    let live = vendor.live_key(key, app.clock.now());
    if !live
        .and_then(|key| key.private.as_ref())
        .is_some_and(matches)
    {
        return Err(Error::CredentialsInvalid);
    }
    VendorCaller { vendor, key }
        .used(app)
        .await
        .map(Known::Vendor)
}

impl VendorCaller {
    /// Notes the first use of a private key, before it is honoured: from then on it cannot be claimed again.
    async fn used(self, app: &App) -> Result<Self> {
        let first = self
            .vendor
            .keys
            .iter()
            .any(|key| key.id == self.key && !key.private_used);
        if first {
            let client = app.db.get().await?;
            crate::vendors::store::mark_private_key_used(
                &client,
                self.vendor.id,
                self.key,
                app.clock.now(),
            )
            .await?;
            app.directory.reload(&client, self.vendor.id).await?;
        }
        Ok(self)
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

async fn authenticate_active(app: &App, request: &HttpRequest) -> Result<Known> {
    active(authenticate(app, request).await?)
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
    |app, request| match authenticate(&app, &request).await? {
        Known::DeleteKey(key) => Ok(Self::DeleteKey(key)),
        known => known.plugin_or_vendor().map(Self::Known),
    }
);
