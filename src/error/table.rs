//! The error contract: status, code and text of each error.

use actix_web::http::StatusCode;

use super::field::unsupported_field;
use super::{Error, upstream};

/// A row of the table: what a caller is told.
pub struct Entry {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name.
    pub code: &'static str,
    /// What happened, and what to do.
    pub detail: String,
}

impl Error {
    /// The table: status, code and fixed text of each error.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, to be read as one")]
    pub fn entry(&self) -> Entry {
        let (status, code, detail) = match self {
            Self::MalformedBody => (
                400,
                "malformed_body",
                "The body is not valid JSON in UTF-8.",
            ),
            Self::InvalidField(_) => (
                422,
                "invalid_field",
                "A field of the body breaks a rule: see errors.",
            ),
            Self::InvalidNamespace { .. } => (
                422,
                "invalid_namespace",
                "The namespace breaks a rule: see errors.",
            ),
            Self::InvalidParameter(what) => (400, "invalid_parameter", *what),
            Self::UnsupportedField { what, name } => return unsupported_field(what, name),
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "The body must be application/json (a file of lines: application/x-ndjson) in UTF-8, not compressed.",
            ),
            Self::BodyTooLarge => (413, "body_too_large", "The body is larger than allowed."),
            Self::HeadersTooLarge => (431, "headers_too_large", "At most 64, with 32 KiB."),
            Self::TargetTooLong => (414, "target_too_long", "At most 16 KiB."),
            Self::BodyTimeout => (408, "body_timeout", "The body did not arrive in time."),
            Self::CredentialsMissing => {
                (401, "credentials_missing", "This call needs credentials.")
            }
            Self::CredentialsInvalid => {
                (401, "credentials_invalid", "The credentials are not valid.")
            }
            Self::ConnectorRefused => {
                (403, "credentials_invalid", "The credentials are not valid.")
            }
            Self::SignatureInvalid(what) => (401, "signature_invalid", *what),
            Self::ClaimInvalid => (401, "claim_invalid", "The claim token is not valid."),
            Self::ClaimExpired => (
                410,
                "claim_expired",
                "The claim token has expired. Ask the operator for a key pair.",
            ),
            Self::ClaimUsed => (
                410,
                "claim_used",
                "The private key was used already, so it can be claimed no more.",
            ),
            Self::FormRefused => (403, "form_refused", "The form is not of this page."),
            Self::CallerNotAllowed => (
                403,
                "caller_not_allowed",
                "These credentials are of a kind that may not do this.",
            ),
            Self::NoAdministrator => (
                403,
                "no_administrator",
                "Only members of the group Administrators may do this.",
            ),
            Self::TotpRequired => (
                401,
                "totp_required",
                "The password is right. Send a code of the second factor with it.",
            ),
            Self::LockedOut => (
                403,
                "locked_out",
                "Too many wrong tries. An administrator must reset the account.",
            ),
            Self::EnrolmentOnly => (
                403,
                "totp_enrolment_only",
                "This session is for setting up a second factor, and nothing else.",
            ),
            Self::PasswordTemporary => (403, "password_temporary", "Change the password first."),
            Self::PasswordWrong => (403, "password_wrong", "The password is wrong."),
            Self::TotpWrong => (403, "totp_wrong", "The code is wrong, or was used already."),
            Self::TokenNotAllowed => (
                403,
                "session_needed",
                "An access token may not do this: log in, or show the password.",
            ),
            Self::TotpInForce => (
                409,
                "totp_in_force",
                "A second factor is in force: remove it first.",
            ),
            Self::TotpAbsent => (
                409,
                "totp_absent",
                "There is no second factor, or none was begun.",
            ),
            Self::UserExists => (409, "user_exists", "There is a user of that name."),
            Self::TokenLimit => (
                409,
                "token_limit",
                "A user has at most 100 access tokens: revoke one first.",
            ),
            Self::LastAdministrator => (
                409,
                "last_administrator",
                "Nobody would be left in Administrators. The vendor's key and operators may do this.",
            ),
            Self::PasswordsBusy => (
                503,
                "passwords_busy",
                "Too many passwords are being verified. Try again.",
            ),
            Self::ExportsBusy => (
                429,
                "exports_busy",
                "As many exports are under way as may be. Wait until one has ended.",
            ),
            Self::AuditNodeAlive => (
                409,
                "audit_node_alive",
                "The audit log of this node was read within the last hour. Stop its shipper first.",
            ),
            Self::VendorSuspended => (403, "vendor_suspended", "The vendor is suspended."),
            Self::VendorCancelled => (403, "vendor_cancelled", "The vendor was cancelled."),
            Self::SubscriptionUnpaid => (
                402,
                "subscription_unpaid",
                "The vendor has no valid subscription.",
            ),
            Self::SiteExpired => (410, "site_expired", "The site has expired and is removed."),
            Self::StoreWideRefused => (
                403,
                "store_wide_refused",
                "This vendor hands out write tokens for one site only: name its secretId.",
            ),
            Self::WrapRequired => (
                403,
                "wrap_required",
                "This vendor hands out wrapped tokens only: send wrapTtl.",
            ),
            Self::LeaseBudget { reason, .. } => (429, "lease_budget_exhausted", reason.detail()),
            Self::NetworkSetsFull => (
                429,
                "network_sets_exhausted",
                "As many sets of networks are in use as may be. Use one of them, or wait until tokens of one have ended.",
            ),
            Self::AccessKeyRequired => (
                403,
                "access_key_required",
                "The site is registered: show its accessKey, or act as the vendor.",
            ),
            Self::SupportPaused => (
                423,
                "support_paused",
                "Support access of this vendor is paused.",
            ),
            Self::NonceRefused => (
                403,
                "nonce_refused",
                "The nonce was not signed by the vendor's Connector, or was used before.",
            ),
            Self::ConnectorKeyUnavailable(why) => (424, "connector_key_unavailable", *why),
            Self::Workload(refusal) => (400, refusal.code(), refusal.detail()),
            Self::Idempotency(refused) => refused.told(),
            Self::IssuerListed => (409, "issuer_listed", "The issuer is on the list already."),
            Self::IssuerInUse => (
                409,
                "issuer_in_use",
                "Vendors have trust policies for the issuer. Disable it instead.",
            ),
            Self::TrustPolicyExists => (
                409,
                "trust_policy_exists",
                "There is a trust policy of that name.",
            ),
            Self::TrustPolicyLimit => (
                409,
                "trust_policy_limit",
                "A vendor has at most 100 trust policies: remove one first.",
            ),
            Self::KeySetUnavailable(why) => (503, "key_set_unavailable", *why),
            Self::NotFound => (
                404,
                "not_found",
                "There is no such thing, or it is not yours.",
            ),
            Self::MethodNotAllowed { .. } => (
                405,
                "method_not_allowed",
                "The path does not answer to this method.",
            ),
            Self::NamespaceTaken => (409, "namespace_taken", "The namespace is taken."),
            Self::TwoKeyPairs => (
                409,
                "two_key_pairs",
                "Two key pairs live already. End the older one first.",
            ),
            Self::LastKeyPair => (
                409,
                "last_key_pair",
                "The newest key pair has no end. Make another one, which replaces it.",
            ),
            Self::KeyPairEnded => (409, "key_pair_ended", "The key pair has ended, for good."),
            Self::WebhookIdReused => (
                409,
                "webhook_id_reused",
                "A webhook of this id was handled with another body.",
            ),
            Self::IssuanceNotBindable => (
                409,
                "issuance_not_bindable",
                "The issuance is no live store-wide write token, or belongs to another site.",
            ),
            Self::CredentialExists => (
                409,
                "credential_exists",
                "A credential of this key exists. A deleted one keeps its key until it is destroyed.",
            ),
            Self::KeyNotAllowed => (
                403,
                "key_not_allowed",
                "This worker may not read credentials of this key.",
            ),
            Self::NotTestable => (
                422,
                "not_testable",
                "A generic credential names no service that it could be tested against.",
            ),
            Self::WebhookLimit => (
                409,
                "webhook_limit",
                "There are 10 webhooks already: remove one first.",
            ),
            Self::WebhookDisabled => (
                409,
                "webhook_disabled",
                "The webhook is disabled: enable it first.",
            ),
            Self::MessagesFull => (
                429,
                "messages_full",
                "The vendor has 1,000 messages that it has not deleted. More are taken when it has.",
            ),
            Self::LockboxUninitialized => (
                409,
                "lockbox_uninitialized",
                "The lockbox is not initialized: an administrator must initialize it first.",
            ),
            Self::LockboxInitialized => (
                409,
                "lockbox_initialized",
                "The lockbox is initialized already: unlock it with the password it was initialized with.",
            ),
            Self::LockboxLocked => (
                423,
                "lockbox_locked",
                "The lockbox is locked: an administrator must unlock it first.",
            ),
            Self::LockboxLockedAlready => (
                409,
                "lockbox_locked_already",
                "The lockbox is locked already.",
            ),
            Self::LockboxUnlockedAlready => (
                409,
                "lockbox_unlocked_already",
                "The lockbox is unlocked already.",
            ),
            Self::LockboxPasswordWrong => (
                403,
                "lockbox_password_wrong",
                "The password does not open this lockbox.",
            ),
            Self::LockboxRotating => (
                409,
                "lockbox_rotating",
                "The data key was changed a moment ago, and entries are still being sealed again. Try again later.",
            ),
            Self::LockboxSecretMissing(_) => (
                503,
                "lockbox_secret_missing",
                "OpenBao lacks the secret that lockboxes are locked with. An operator must look.",
            ),
            Self::EnvelopeKeyMissing => (
                503,
                "envelope_key_missing",
                "OpenBao lacks the key that envelopes are signed with. An operator must look.",
            ),
            Self::OAuth(error) => return error.entry(),
            Self::TokenKeyMissing => (
                503,
                "token_key_missing",
                "OpenBao lacks the key that access tokens are signed with. An operator must look.",
            ),
            Self::BackupTooLarge => (
                409,
                "backup_too_large",
                "The lockbox is too large for a file of 64 MiB: back up PostgreSQL and OpenBao instead.",
            ),
            Self::EntryExists => (
                409,
                "entry_exists",
                "The lockbox has an entry of this key for this client.",
            ),
            Self::GroupRequired => (
                403,
                "group_required",
                "Only members of the entry's required group may do this.",
            ),
            Self::Integrity(_) => (
                500,
                "integrity",
                "What is stored was changed outside this service and cannot be trusted. An operator must look.",
            ),
            Self::VersionConflict { .. } => (
                412,
                "version_conflict",
                "Another version is the newest: see current_version.",
            ),
            Self::InvalidLines(_) => (
                422,
                "invalid_lines",
                "Nothing was stored, as lines of the file break a rule: see lines.",
            ),
            Self::Conflict | Self::ScopeChanged => (
                409,
                "conflict",
                "Another request changed the same thing at the same time. Try again.",
            ),
            Self::RateLimited { .. } => (
                429,
                "rate_limited",
                "Too many requests. Wait as long as Retry-After says.",
            ),
            Self::RequestTimeout => (
                503,
                "request_timeout",
                "The request took too long. Try again.",
            ),
            Self::Stale => (
                503,
                "database_out_of_sight",
                "The service cannot see its database. Try again.",
            ),
            Self::Starting => (503, "starting", "The service is starting. Try again."),
            Self::Busy => (503, "busy", "The service is busy. Try again."),
            Self::RemovalPending => (
                503,
                "removal_pending",
                "The site is being removed. Try again.",
            ),
            Self::NotProvisioned => (
                503,
                "not_provisioned",
                "The vendor's store is not complete yet. Try again.",
            ),
            Self::ForeignMount(_) => (
                503,
                "store_conflict",
                "The vendor's store cannot be made. An operator must look.",
            ),
            Self::Vault(error) => return upstream::vault_entry(error),
            Self::Db(error) if error.is_bug() => {
                (500, "internal", "Something went wrong in the service.")
            }
            Self::Db(_) => (
                503,
                "database_unavailable",
                "The database cannot be used at the moment. Try again.",
            ),
            Self::Internal(_) => (500, "internal", "Something went wrong in the service."),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Entry {
            status,
            code,
            detail: detail.to_owned(),
        }
    }
}
