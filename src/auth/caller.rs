//! The caller types. A handler names the one it serves in its signature; there is no role check inside a body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, web};

use super::bearer::Bearer;
use super::person::{EnrollingPerson, Person};
use super::plugin::ClientPlugin;
use super::user::{Administrator, EnrollingUser, User, UserAdmin};
use super::verify::{Known, active, admit, authenticate, authenticate_active, known, origin};
use crate::app::App;
use crate::error::{Error, OAuthError, Result};
use crate::http::{Decided, Described};
use crate::types::{KeyId, Namespace, Secret, SecretId};
use crate::users::workers::Worker;
use crate::vendors::{Vendor, create};
use crate::webhooks::Owner;

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

/// Whoever runs the platform: a person who logged in, or a token for scripts.
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

/// Whoever manages what a vendor has: the vendor itself, or, where the path names the vendor, an operator.
#[derive(Clone)]
pub struct VendorAdmin {
    /// Which vendor.
    pub vendor: Arc<Vendor>,
    /// As the events name the caller.
    pub actor: String,
    /// By which API key, if by one.
    pub key: Option<KeyId>,
}

/// Whoever manages webhooks: those of a vendor as a [`VendorAdmin`], or an operator those of the platform.
pub struct WebhookAdmin {
    /// Whose webhooks.
    pub owner: Owner,
    /// As the events name the caller.
    pub actor: String,
}

/// Who may read credentials: the vendor, or a worker of it.
#[derive(Clone)]
pub struct CredentialReader {
    /// Whose credentials.
    pub vendor: Arc<Vendor>,
    /// Which worker; `None` for the vendor itself.
    pub worker: Option<Worker>,
    /// By which API key, if by one.
    pub key: Option<KeyId>,
}

impl VendorAdmin {
    /// Whether it is an operator in the vendor's place.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.actor.starts_with("operator:")
    }
}

impl CredentialReader {
    /// As the ledger and the events name the caller.
    #[must_use]
    pub fn actor(&self) -> String {
        self.worker
            .as_ref()
            .map_or_else(|| "vendor".to_owned(), Worker::actor)
    }
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

    fn at(self, request: &HttpRequest) -> Result<Self> {
        match self {
            Self::Plugin(plugin) => plugin.at(request).map(Self::Plugin),
            Self::Vendor(_) => Ok(self),
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
            Self::Plugin(plugin) => plugin.actor(),
            Self::Vendor(_) => "vendor",
        }
    }

    /// Whether the caller may touch a registered site without showing its access key: the vendor, and whoever it signed for.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        match self {
            Self::Plugin(plugin) => plugin.signed.is_some(),
            Self::Vendor(_) => true,
        }
    }

    /// Whether the caller may ask for write tokens and store sites: this one, or, where it is `None`, the whole store.
    ///
    /// # Errors
    /// [`OAuthError::SignedClientsOnly`] or [`OAuthError::OtherSite`].
    pub fn may_store(&self, site: Option<&SecretId>) -> Result<()> {
        match self {
            Self::Plugin(plugin)
                if plugin.signed.is_none() && plugin.vendor.signed_clients_only =>
            {
                Err(OAuthError::SignedClientsOnly.into())
            }
            Self::Plugin(plugin) => plugin.may_touch(site),
            Self::Vendor(_) => Ok(()),
        }
    }
}

impl StorerOrBody {
    /// The caller by header, or else by the public key in the body. `true` where it was the body's.
    ///
    /// # Errors
    /// As for a public key in the header, and where a key stands in both places: it would not be looked at.
    pub async fn or_public_key(
        self,
        app: &Arc<App>,
        request: &HttpRequest,
        in_body: Option<&Secret>,
    ) -> Result<(PluginOrVendor, bool)> {
        match (self.0, in_body) {
            (Some(_), Some(_)) => Err(Error::field(
                "publicKey",
                "must not be sent beside Authorization",
            )),
            (Some(caller), None) => Ok((caller, false)),
            (None, None) => Err(Error::CredentialsMissing),
            (None, Some(key)) => {
                let bearer = Bearer::PublicKey(key.clone());
                let known = admit(
                    app,
                    request,
                    known(app, bearer, &origin(app, request)).await,
                    false,
                )?;
                Ok((PluginOrVendor::Plugin(active(known)?.plugin()?), true))
            }
        }
    }
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

macro_rules! extract {
    ($caller:ty, |$app:ident, $request:ident| $body:expr) => {
        impl Described for $caller {}

        impl FromRequest for $caller {
            type Error = Error;
            type Future = Extracted<Self>;
            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let found = request.app_data::<web::Data<App>>().cloned();
                let $request = request.clone();
                let decided = Decided::begin(request);
                Box::pin(async move {
                    let _decided = decided;
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
extract!(EnrollingPerson, |app, request| authenticate_active(
    &app, &request
)
.await?
.enrolling_person());
extract!(Person, |app, request| authenticate_active(&app, &request)
    .await?
    .person());
extract!(PluginOrVendor, |app, request| {
    let known = authenticate_active(&app, &request).await?;
    known.plugin_or_vendor()?.at(&request)
});
extract!(
    StorerOrBody,
    |app, request| match authenticate_active(&app, &request).await {
        Ok(known) => known
            .plugin_or_vendor()?
            .at(&request)
            .map(|caller| Self(Some(caller))),
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
        known => known.plugin_or_vendor()?.at(&request).map(Self::Known),
    }
);
extract!(VendorAdmin, |app, request| vendor_admin(&app, &request)
    .await);
extract!(WebhookAdmin, |app, request| {
    let pattern = request.match_pattern();
    if pattern.is_some_and(|pattern| pattern.starts_with(PLATFORM_WEBHOOKS)) {
        let operator = authenticate_active(&app, &request).await?.operator()?;
        return Ok(Self {
            owner: Owner::Platform,
            actor: operator.actor(),
        });
    }
    let by = vendor_admin(&app, &request).await?;
    Ok(Self {
        owner: by.vendor.id.into(),
        actor: by.actor,
    })
});
extract!(UserAdmin, |app, request| {
    let known = authenticate_active(&app, &request).await?;
    match request.match_info().get("namespace") {
        None => {
            let reads = request.method() == Method::GET;
            known.user_admin(reads)
        }
        Some(namespace) => {
            let by = for_operator(&app, known, namespace, &request).await?;
            Ok(UserAdmin { by, user: None })
        }
    }
});
extract!(EnrollingUser, |app, request| authenticate_active(
    &app, &request
)
.await?
.enrolling_user());
extract!(User, |app, request| authenticate_active(&app, &request)
    .await?
    .user());
extract!(Administrator, |app, request| authenticate_active(
    &app, &request
)
.await?
.administrator());
extract!(CredentialReader, |app, request| authenticate_active(
    &app, &request
)
.await?
.credential_reader());

/// Where operators manage the platform's webhooks. No vendor stands in these paths.
const PLATFORM_WEBHOOKS: &str = "/api/admin/webhooks";

async fn vendor_admin(app: &Arc<App>, request: &HttpRequest) -> Result<VendorAdmin> {
    let known = authenticate_active(app, request).await?;
    match request.match_info().get("namespace") {
        None => known.vendor_admin(),
        Some(namespace) => for_operator(app, known, namespace, request).await,
    }
}

/// An operator in the place of the vendor that the path names. What is left of one that was cancelled can be looked at, and
/// nothing is added to it.
async fn for_operator(
    app: &Arc<App>,
    known: Known,
    namespace: &str,
    request: &HttpRequest,
) -> Result<VendorAdmin> {
    let operator = known.operator()?;
    let namespace = Namespace::parse(namespace).map_err(|_| Error::NotFound)?;
    let vendor = create::named(app, &namespace).await?;
    if request.method() != Method::GET {
        vendor.refuse_cancelled()?;
    }
    Ok(VendorAdmin {
        vendor,
        actor: operator.actor(),
        key: None,
    })
}
