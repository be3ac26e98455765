//! Small checked types without I/O. Past them nothing is validated again.

mod change;
mod connector;
mod credential_key;
mod expiry;
mod ids;
mod issuer;
mod jwt_key;
mod metadata;
mod namespace;
mod networks;
mod secret;
mod secret_id;
mod text;
mod trust;
mod user;
mod web_url;
mod webhook;
mod worker;

pub use change::Change;
pub use connector::{ApiEndpoint, SignatureKey};
pub use credential_key::{CredentialId, CredentialKey, KeyPattern};
pub use expiry::ExpiresAt;
pub use ids::{AttemptId, IssuanceId, KeyId, VendorId};
pub use issuer::{IssuerError, IssuerUrl, KeySetUrl};
pub use jwt_key::JwtKeyId;
pub use metadata::Metadata;
pub use namespace::{Namespace, NamespaceError};
pub use networks::{MOST_NETWORKS, NetworkError, Networks};
pub use secret::Secret;
pub use secret_id::{AccessKey, SecretId};
pub use text::{Email, HookUrl, Name, SiteUrl, TextError, is_invisible};
pub use trust::{IssuerId, TrustPolicyId};
pub use user::{GroupName, SessionId, UserId, UserLogin, UserName};
pub use web_url::is_private;
pub use webhook::{DeliveryId, WebhookId};
pub use worker::{WorkerId, WorkerLogin};
