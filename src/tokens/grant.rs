//! What is to be handed out: whose, which kind, for what, to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Kind, Scope, Terms};
use crate::auth::{PUBLIC_KEY, SIGNED_CLIENT};
use crate::types::{IssuanceId, KeyId, Metadata, Networks, SecretId, TrustPolicyId, WorkerId};
use crate::vendors::Vendor;

/// What is to be handed out, to whom.
#[derive(Clone)]
pub struct Grant {
    /// Whose store.
    pub vendor: Arc<Vendor>,
    /// Which kind.
    pub kind: Kind,
    /// Which site, for a kind that is for one.
    pub secret_id: Option<SecretId>,
    /// Whether the caller may have a token for a site that is registered: the vendor, or who showed its access key.
    pub over_registered: bool,
    /// How long it lives, and how many calls it is good for.
    pub terms: Terms,
    /// From where it works; `None`: from everywhere.
    pub networks: Option<Networks>,
    /// As the ledger names the caller.
    pub actor: String,
    /// By which API key, if by one.
    pub key: Option<KeyId>,
    /// The caller's labels.
    pub metadata: Metadata,
    /// Life of the wrapping in seconds, where the token is to come wrapped.
    pub wrap_ttl: Option<u32>,
    /// By which request.
    pub request_id: String,
    /// Which credentials, for a kind that is for them.
    pub credentials: CredentialsGrant,
    /// Whose token was exchanged for it, if one.
    pub workload: Option<Workload>,
}

/// A workload that proved itself with a token of its own platform.
#[derive(Clone, Debug)]
pub struct Workload {
    /// By which trust policy.
    pub policy: TrustPolicyId,
    /// By which edition of it: one that changed meanwhile refuses the token.
    pub edition: i32,
    /// Who says who it is.
    pub issuer: String,
    /// Who it is, short enough for labels.
    pub subject: String,
}

/// What a token for credentials may read. The default is of tokens for anything else.
#[derive(Clone, Debug)]
pub struct CredentialsGrant {
    /// Which ones.
    pub scope: Scope,
    /// For which worker, and by which edition of its patterns: one that changed meanwhile refuses the token.
    pub worker: Option<(WorkerId, i32)>,
    /// Whether the service renews it.
    pub keep_alive: bool,
}

impl Default for CredentialsGrant {
    fn default() -> Self {
        Self {
            scope: Scope::All,
            worker: None,
            keep_alive: false,
        }
    }
}

impl Grant {
    /// A grant without a site, a key, labels, wrapping or a wish.
    #[must_use]
    pub fn new(vendor: &Arc<Vendor>, kind: Kind, actor: impl Into<String>) -> Self {
        Self {
            vendor: Arc::clone(vendor),
            kind,
            secret_id: None,
            over_registered: true,
            terms: Terms::standing(kind, vendor),
            networks: None,
            actor: actor.into(),
            key: None,
            metadata: Metadata::default(),
            wrap_ttl: None,
            request_id: crate::telemetry::current().request_id,
            credentials: CredentialsGrant::default(),
            workload: None,
        }
    }

    /// Whether it is asked for with the public key alone, which is printed in every copy of a plugin.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.actor == PUBLIC_KEY
    }

    /// Whether a client plugin asked, whatever it showed.
    #[must_use]
    pub fn is_for_plugin(&self) -> bool {
        self.is_public() || self.actor == SIGNED_CLIENT
    }

    /// Whether its holder may renew it.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.kind.rules().role.renewable && self.terms.is_renewable()
    }

    pub(super) fn policies(&self) -> Vec<String> {
        let scope = self.credentials.scope;
        self.kind.policies(&self.vendor.namespace, scope)
    }

    pub(super) fn is_granted(&self, policies: &[String]) -> bool {
        let scope = self.credentials.scope;
        self.kind
            .is_granted(&self.vendor.namespace, scope, policies)
    }

    /// The caller's labels, and ours, which win.
    pub(super) fn meta(&self, id: IssuanceId) -> BTreeMap<String, String> {
        let mut meta: BTreeMap<String, String> = self
            .metadata
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        meta.insert("issuance_id".to_owned(), id.to_string());
        meta.insert("vendor".to_owned(), self.vendor.namespace.to_string());
        meta.insert("kind".to_owned(), self.kind.rules().name.to_owned());
        meta.insert("request_id".to_owned(), self.request_id.clone());
        if let Some((worker, _)) = self.credentials.worker {
            meta.insert("worker".to_owned(), worker.to_string());
        }
        if let Some(workload) = &self.workload {
            meta.insert("trust_policy".to_owned(), workload.policy.to_string());
            meta.insert("subject".to_owned(), workload.subject.clone());
        }
        meta
    }
}
