//! Who calls: credentials as they come, and the caller types that handlers name in their signatures.

mod access_token;
pub mod bearer;
pub mod caller;
mod client;
mod directory;
pub mod jwks;
pub mod jwt;
mod keys;
mod once;
mod person;
mod plugin;
pub mod seal;
mod user;
mod verify;

pub use access_token::read as read_access_token;
pub use caller::{
    ConnectorVendor, CredentialReader, Operator, PluginOrVendor, Remover, StorerOrBody,
    VendorAdmin, VendorCaller, WebhookAdmin,
};
pub use client::{Client, ClientKind, Shown as ClientShown};
pub use directory::Directory;
pub use keys::{Claim, KeyRing, KeyedDigest, new_id, new_ring_key, sha256_hex};
pub use person::{EnrollingPerson, Person};
pub use plugin::{ClientPlugin, PUBLIC_KEY, SIGNED_CLIENT, Signed};
pub use user::{Administrator, EnrollingUser, Proof, User, UserAdmin};
pub use verify::{origin, refused};
