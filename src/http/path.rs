//! Identifiers in paths. One that breaks its grammar names nothing: 404, as for one that is unknown.

use actix_web::HttpRequest;

use super::decided::after_caller;
use crate::auth::{UserAdmin, VendorAdmin};
use crate::error::{Error, Result};
use crate::lockbox::entries::EntryId;
use crate::types::{
    CredentialKey, DeliveryId, IssuanceId, IssuerId, JwtKeyId, KeyId, Namespace, SecretId,
    SessionId, TrustPolicyId, UserLogin, UserName, WebhookId, WorkerId, WorkerLogin,
};

/// `{secretId}` as it stands in the path, not checked yet: it may be a delete key.
pub struct SiteId(pub String);

/// `{namespace}`.
pub struct NamespacePath(pub Namespace);

/// `{namespace}` and `{secretId}`.
pub struct NamespaceSitePath(pub Namespace, pub SecretId);

/// `{login}`.
pub struct WorkerPath(WorkerLogin);

impl WorkerPath {
    /// The worker, if the log-in name is of this vendor.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not.
    pub fn of(&self, by: &VendorAdmin) -> Result<WorkerId> {
        if self.0.namespace == by.vendor.namespace {
            Ok(self.0.id)
        } else {
            Err(Error::NotFound)
        }
    }
}

/// `{user}`: a bare name, or `name@namespace`.
pub struct UserPath(UserLogin);

impl UserPath {
    /// The user's name, if it can be of this vendor.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not.
    pub fn of(&self, by: &UserAdmin) -> Result<UserName> {
        match &self.0.namespace {
            Some(namespace) if *namespace != by.by.vendor.namespace => Err(Error::NotFound),
            _ => Ok(self.0.name.clone()),
        }
    }
}

/// `{session}`; `None` for `current`.
pub struct SessionPath(pub Option<SessionId>);

/// `{user}` and `{session}`.
pub struct UserSessionPath(pub UserPath, pub SessionId);

/// `{key}`.
pub struct KeyPath(pub CredentialKey);

/// `{key}` and `{version}`.
pub struct KeyVersionPath(pub CredentialKey, pub u32);

/// `{webhook}`.
pub struct WebhookPath(pub WebhookId);

/// `{webhook}` and `{delivery}`.
pub struct DeliveryPath(pub WebhookId, pub DeliveryId);

/// `{jwtKey}`.
pub struct JwtKeyPath(pub JwtKeyId);

/// `{pair}`; `None` is `current`, the newest.
pub struct KeyPairPath(pub Option<KeyId>);

/// `{issuance}`.
pub struct IssuancePath(pub IssuanceId);

/// `{issuer}`.
pub struct IssuerPath(pub IssuerId);

/// `{policy}`.
pub struct TrustPolicyPath(pub TrustPolicyId);

/// `{task}`, which may be none.
pub struct TaskPath(pub String);

/// `{entry}`.
pub struct EntryPath(pub EntryId);

after_caller!(EntryPath, |request| {
    let entry = segment(request, "entry").map(|text| EntryId::parse(&text));
    entry.and_then(|entry| entry.map(EntryPath).ok_or(Error::NotFound))
});

fn segment(request: &HttpRequest, name: &str) -> Result<String> {
    request
        .match_info()
        .get(name)
        .map(ToOwned::to_owned)
        .ok_or(Error::NotFound)
}

fn namespace(request: &HttpRequest) -> Result<Namespace> {
    Namespace::parse(&segment(request, "namespace")?).map_err(|_| Error::NotFound)
}

fn secret_id(request: &HttpRequest) -> Result<SecretId> {
    SecretId::parse(&segment(request, "secretId")?).map_err(|_| Error::NotFound)
}

fn webhook(request: &HttpRequest) -> Result<WebhookId> {
    WebhookId::parse(&segment(request, "webhook")?).ok_or(Error::NotFound)
}

after_caller!(TaskPath, |request| segment(request, "task").map(TaskPath));

after_caller!(IssuancePath, |request| {
    let id = segment(request, "issuance").map(|text| IssuanceId::parse(&text));
    id.and_then(|id| id.map(IssuancePath).ok_or(Error::NotFound))
});

after_caller!(IssuerPath, |request| {
    let id = segment(request, "issuer").map(|text| IssuerId::parse(&text));
    id.and_then(|id| id.map(IssuerPath).ok_or(Error::NotFound))
});

after_caller!(TrustPolicyPath, |request| {
    let id = segment(request, "policy").map(|text| TrustPolicyId::parse(&text));
    id.and_then(|id| id.map(TrustPolicyPath).ok_or(Error::NotFound))
});

after_caller!(JwtKeyPath, |request| {
    let id = segment(request, "jwtKey").map(|text| JwtKeyId::parse(&text));
    id.and_then(|id| id.map(JwtKeyPath).ok_or(Error::NotFound))
});

after_caller!(
    KeyPairPath,
    |request| match segment(request, "pair").as_deref() {
        Ok("current") => Ok(KeyPairPath(None)),
        Ok(text) => KeyId::parse(text)
            .map(|id| KeyPairPath(Some(id)))
            .ok_or(Error::NotFound),
        Err(_) => Err(Error::NotFound),
    }
);

after_caller!(WebhookPath, |request| webhook(request).map(WebhookPath));

after_caller!(DeliveryPath, |request| {
    let delivery = segment(request, "delivery")
        .and_then(|text| DeliveryId::parse(&text).ok_or(Error::NotFound));
    webhook(request).and_then(|id| delivery.map(|delivery| DeliveryPath(id, delivery)))
});

after_caller!(SiteId, |request| segment(request, "secretId").map(SiteId));

after_caller!(NamespacePath, |request| namespace(request)
    .map(NamespacePath));

after_caller!(NamespaceSitePath, |request| namespace(request)
    .and_then(|ns| secret_id(request).map(|id| NamespaceSitePath(ns, id))));

/// What stands at the end of the path where the route is `{key}` or a word that is a key too.
fn key(request: &HttpRequest) -> Result<CredentialKey> {
    let last = || request.path().rsplit('/').next().map(str::to_owned);
    let text = segment(request, "key").ok().or_else(last);
    text.and_then(|text| CredentialKey::parse(&text).ok())
        .ok_or(Error::NotFound)
}

after_caller!(WorkerPath, |request| {
    let login = segment(request, "login").map(|text| WorkerLogin::parse(&text));
    login.and_then(|login| login.map(WorkerPath).ok_or(Error::NotFound))
});

fn user(request: &HttpRequest) -> Result<UserPath> {
    let login = UserLogin::parse(&segment(request, "user")?);
    login.map(UserPath).ok_or(Error::NotFound)
}

fn session(request: &HttpRequest) -> Result<SessionId> {
    SessionId::parse(&segment(request, "session")?).ok_or(Error::NotFound)
}

after_caller!(UserPath, user);

after_caller!(
    SessionPath,
    |request| match segment(request, "session").as_deref() {
        Ok("current") => Ok(SessionPath(None)),
        _ => session(request).map(|id| SessionPath(Some(id))),
    }
);

after_caller!(UserSessionPath, |request| user(request)
    .and_then(|user| session(request).map(|id| UserSessionPath(user, id))));

after_caller!(KeyPath, |request| key(request).map(KeyPath));

after_caller!(KeyVersionPath, |request| {
    let version = segment(request, "version").and_then(|text| {
        let plain = !text.starts_with(['+', '0']);
        let number = text.parse().ok().filter(|_| plain);
        number.ok_or(Error::NotFound)
    });
    key(request).and_then(|key| version.map(|version| KeyVersionPath(key, version)))
});
