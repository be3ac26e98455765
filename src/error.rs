//! The one error of requests, its table of codes ([`Entry`]), and the problem document (RFC 9457) it becomes.
//!
//! [`Error::entry`] is the whole error contract: each refusal has a `code` of its own that never changes. Trouble with
//! OpenBao or PostgreSQL is always 503 with `Retry-After`; what they said is logged once, where the answer is built,
//! and never shown.

mod described;
mod dialect;
mod field;
mod oauth;
mod problem;
mod table;
mod upstream;

pub use dialect::Dialect;
pub use field::{FieldError, LineError};
pub use oauth::OAuthError;
pub use table::Entry;

use actix_web::http::StatusCode;

use crate::federation::Refusal;
use crate::idempotency::Refused;
use crate::tokens::budget::Exhausted;
use crate::types::Namespace;
use crate::{db, vault};

/// Result of a request.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not JSON, or not text at all.
    #[error("the body is not valid JSON")]
    MalformedBody,
    /// Well-formed, but a field breaks a rule.
    #[error("a field breaks a rule")]
    InvalidField(Vec<FieldError>),
    /// As [`Error::InvalidField`] for a namespace, with one that could be taken instead.
    #[error("the namespace breaks a rule")]
    InvalidNamespace {
        /// The rule.
        field: FieldError,
        /// Made from the vendor's name.
        suggestion: Option<Namespace>,
    },
    /// A query parameter or header breaks a rule.
    #[error("invalid parameter: {0}")]
    InvalidParameter(&'static str),
    /// Nothing is sorted or filtered by this field.
    #[error("unsupported field to {what} by: {name}")]
    UnsupportedField {
        /// `sort` or `filter`.
        what: &'static str,
        /// As much of its name as can be shown.
        name: String,
    },
    /// Not `application/json`.
    #[error("the body's media type is not supported")]
    UnsupportedMediaType,
    /// Larger than the limit.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The headers are more, or larger, than allowed.
    #[error("the headers are too large")]
    HeadersTooLarge,
    /// The target of the request is longer than allowed.
    #[error("the target is too long")]
    TargetTooLong,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// No credentials where some are needed.
    #[error("no credentials were sent")]
    CredentialsMissing,
    /// Credentials of no known form, or that name nobody.
    #[error("the credentials are not valid")]
    CredentialsInvalid,
    /// As [`Error::CredentialsInvalid`] in TrustedLogin's dialect, which says 403.
    #[error("the vendor's credentials are not valid")]
    ConnectorRefused,
    /// The webhook's signature, time or id does not hold.
    #[error("the webhook signature is not valid: {0}")]
    SignatureInvalid(&'static str),
    /// The claim token was not made by this service.
    #[error("the claim token is not valid")]
    ClaimInvalid,
    /// The claim token is older than it may be.
    #[error("the claim token has expired")]
    ClaimExpired,
    /// The private key it was exchanged for is in use.
    #[error("the claim token was used")]
    ClaimUsed,
    /// A form that no page of the console made for whoever sends it.
    #[error("the form is not one of ours")]
    FormRefused,
    /// A caller of a kind that may never do this.
    #[error("this kind of caller may not do this")]
    CallerNotAllowed,
    /// A user outside the group `Administrators`.
    #[error("the user is no administrator")]
    NoAdministrator,
    /// The password was right, and a code of the second factor is needed too.
    #[error("a code of the second factor is needed")]
    TotpRequired,
    /// So many wrong tries that no password counts from here any more.
    #[error("too many wrong tries: an administrator must reset the account")]
    LockedOut,
    /// The session is good for setting up a second factor and for nothing else.
    #[error("the session is for setting up a second factor only")]
    EnrolmentOnly,
    /// The password was made by the service, and must be changed before anything else.
    #[error("the password is temporary")]
    PasswordTemporary,
    /// What was shown as the present password is not it.
    #[error("the password is wrong")]
    PasswordWrong,
    /// The code of the second factor is wrong, or was used.
    #[error("the code is wrong")]
    TotpWrong,
    /// An access token does not suffice.
    #[error("an access token may not do this")]
    TokenNotAllowed,
    /// A second factor is in force already.
    #[error("a second factor is in force")]
    TotpInForce,
    /// There is no second factor, or none was begun.
    #[error("there is no second factor")]
    TotpAbsent,
    /// The vendor has a user of that name.
    #[error("the user exists")]
    UserExists,
    /// The user has as many access tokens as it may.
    #[error("no more access tokens than these")]
    TokenLimit,
    /// Nobody would be left to manage users.
    #[error("the last administrator")]
    LastAdministrator,
    /// Too many passwords are being verified.
    #[error("too many passwords are being verified")]
    PasswordsBusy,
    /// As many access logs are being written to files as may be.
    #[error("too many exports are under way")]
    ExportsBusy,
    /// The node's shipper was at work a moment ago.
    #[error("the audit log of the node is being read")]
    AuditNodeAlive,
    /// The vendor is suspended.
    #[error("the vendor is suspended")]
    VendorSuspended,
    /// The vendor was cancelled.
    #[error("the vendor was cancelled")]
    VendorCancelled,
    /// The vendor has not paid.
    #[error("the vendor has no valid subscription")]
    SubscriptionUnpaid,
    /// The site's time is over, or its envelope is gone.
    #[error("the site has expired")]
    SiteExpired,
    /// The vendor accepts tokens for one site only.
    #[error("the vendor refuses store-wide write tokens")]
    StoreWideRefused,
    /// The vendor gives client plugins wrapped tokens only.
    #[error("the vendor wraps the tokens of client plugins")]
    WrapRequired,
    /// As many tokens live as may.
    #[error("as many tokens live as may, of {}", reason.as_str())]
    LeaseBudget {
        /// Whose budget it is.
        reason: Exhausted,
        /// Seconds.
        retry_after: u64,
    },
    /// The vendor has as many roles for sets of networks as may be.
    #[error("the vendor has as many sets of networks as may be")]
    NetworkSetsFull,
    /// The site is registered, and the public key alone does not suffice.
    #[error("the site is registered and its access key was not shown")]
    AccessKeyRequired,
    /// Look-ups are paused.
    #[error("support access of this vendor is paused")]
    SupportPaused,
    /// The nonce was not signed by the vendor's Connector, or was used before.
    #[error("the signed nonce is refused")]
    NonceRefused,
    /// The key of the vendor's Connector cannot be had, with why in fixed words.
    #[error("no signature key of the Connector: {0}")]
    ConnectorKeyUnavailable(&'static str),
    /// A token of a workload is not exchanged.
    #[error(transparent)]
    Workload(#[from] Refusal),
    /// A request with an idempotency key is not done.
    #[error(transparent)]
    Idempotency(#[from] Refused),
    /// The issuer is on the list.
    #[error("the issuer is listed")]
    IssuerListed,
    /// Vendors have trust policies for the issuer.
    #[error("the issuer is in use")]
    IssuerInUse,
    /// The vendor has a trust policy of that name.
    #[error("the trust policy exists")]
    TrustPolicyExists,
    /// The vendor has as many trust policies as it may.
    #[error("no more trust policies than these")]
    TrustPolicyLimit,
    /// The keys of who issues tokens cannot be had, with why in fixed words.
    #[error("no key set: {0}")]
    KeySetUnavailable(&'static str),
    /// No such thing, or not the caller's.
    #[error("not found")]
    NotFound,
    /// The path exists, not for this method.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods that are.
        allow: String,
    },
    /// Another vendor has it, or had it once.
    #[error("the namespace is taken")]
    NamespaceTaken,
    /// Of a vendor's key pairs two live already.
    #[error("two key pairs live already")]
    TwoKeyPairs,
    /// The newest key pair does not end, it is replaced.
    #[error("the newest key pair does not end")]
    LastKeyPair,
    /// The key pair has ended, for good.
    #[error("the key pair has ended")]
    KeyPairEnded,
    /// The webhook's id was used for another body.
    #[error("the webhook id was used for another body")]
    WebhookIdReused,
    /// The token to bind belongs to a site already.
    #[error("the issuance cannot be bound to this site")]
    IssuanceNotBindable,
    /// The credential exists, deleted or not.
    #[error("the credential exists")]
    CredentialExists,
    /// The worker may not read credentials of this key.
    #[error("the key is outside the worker's patterns")]
    KeyNotAllowed,
    /// A worker may read other credentials than a moment ago, or a credential was destroyed.
    #[error("what the token is for changed at the same time")]
    ScopeChanged,
    /// A credential of a type that says nothing of a service.
    #[error("a credential of this type cannot be tested")]
    NotTestable,
    /// The vendor has as many webhooks as it may.
    #[error("no more webhooks than these")]
    WebhookLimit,
    /// Nothing is sent to a webhook that is disabled.
    #[error("the webhook is disabled")]
    WebhookDisabled,
    /// The vendor has as many messages of clients as are kept.
    #[error("no more messages than these are kept")]
    MessagesFull,
    /// Another version is the newest than the one to be replaced.
    #[error("another version is the newest")]
    VersionConflict {
        /// The newest.
        current: u32,
    },
    /// A file of credentials has lines that cannot be taken.
    #[error("lines of the file cannot be taken")]
    InvalidLines(Vec<LineError>),
    /// The lockbox was never initialized.
    #[error("the lockbox is not initialized")]
    LockboxUninitialized,
    /// The lockbox was initialized before.
    #[error("the lockbox is initialized already")]
    LockboxInitialized,
    /// The lockbox is locked, at least here.
    #[error("the lockbox is locked")]
    LockboxLocked,
    /// There is nothing to lock.
    #[error("the lockbox is locked already")]
    LockboxLockedAlready,
    /// There is nothing to unlock.
    #[error("the lockbox is unlocked already")]
    LockboxUnlockedAlready,
    /// It does not open the lockbox.
    #[error("the lockbox's password is another one")]
    LockboxPasswordWrong,
    /// The data key was changed a moment ago, and entries still need the former one.
    #[error("entries are still being sealed again")]
    LockboxRotating,
    /// OpenBao lacks the secret that lockboxes are locked with.
    #[error("OpenBao holds no secret for lockboxes in version {0:?}")]
    LockboxSecretMissing(Option<u32>),
    /// OpenBao lacks the key that envelopes are signed with.
    #[error("OpenBao holds no key that signs envelopes")]
    EnvelopeKeyMissing,
    /// What `OAuth` has words of its own for.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// OpenBao lacks the key that access tokens are signed with.
    #[error("OpenBao holds no key that signs access tokens")]
    TokenKeyMissing,
    /// It would be larger than what is taken back.
    #[error("the lockbox is too large for a backup")]
    BackupTooLarge,
    /// The lockbox has an entry of that key for that client.
    #[error("the entry exists")]
    EntryExists,
    /// Only members of a group may.
    #[error("the user is not in the entry's required group")]
    GroupRequired,
    /// What lies in the database was changed by somebody else.
    #[error("the integrity of {0} is broken")]
    Integrity(&'static str),
    /// The site or the key was changed by another request at the same moment.
    #[error("changed by another request at the same time")]
    Conflict,
    /// Over a rate limit.
    #[error("too many requests")]
    RateLimited {
        /// Seconds.
        retry_after: u64,
    },
    /// The whole request took too long.
    #[error("the request took too long")]
    RequestTimeout,
    /// What is held in memory may be out of date: the database has been out of sight.
    #[error("the database is out of sight")]
    Stale,
    /// The service has not read its keys yet.
    #[error("the service is starting")]
    Starting,
    /// More callers want OpenBao, or rows of the ledger, than can be served.
    #[error("too many callers at once")]
    Busy,
    /// The site is being removed, and OpenBao is still to follow.
    #[error("the site is being removed")]
    RemovalPending,
    /// The vendor's store or policies are not complete.
    #[error("the vendor is not provisioned yet")]
    NotProvisioned,
    /// OpenBao holds something else at a path that should be the vendor's.
    #[error("OpenBao holds something else at the vendor's path: {0}")]
    ForeignMount(String),
    /// A call to OpenBao failed.
    #[error("OpenBao: {0}")]
    Vault(#[from] vault::Error),
    /// A use of PostgreSQL failed.
    #[error("PostgreSQL: {0}")]
    Db(#[from] db::Error),
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Db(error.into())
    }
}

impl Error {
    fn retry_after(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after } | Self::LeaseBudget { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::Idempotency(Refused::InFlight) => Some(1),
            Self::ExportsBusy => Some(10),
            Self::MessagesFull | Self::NetworkSetsFull => Some(300),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(rand::random_range(1..=5)),
            _ => None,
        }
    }
}

/// An error with all its causes, in one line.
#[must_use]
pub fn cause_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
