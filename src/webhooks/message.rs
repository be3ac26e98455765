//! What messages can be about.

use serde::Serialize;
use utoipa::ToSchema;

use super::Owner;

/// Whose webhooks may hear of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Those of the vendor that it is about.
    Vendor,
    /// The platform's own.
    Platform,
}

macro_rules! message_types {
    ($($variant:ident $audience:ident $name:literal $says:literal;)*) => {
        /// What a message is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum MessageType {
            $(#[doc = $says] $variant,)*
        }

        impl MessageType {
            /// All.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As messages name it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What happened then.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says),* }
            }

            /// Those that webhooks of this owner may hear of.
            pub fn of(owner: Owner) -> impl Iterator<Item = Self> {
                let audience = match owner {
                    Owner::Platform => Audience::Platform,
                    Owner::Vendor(_) => Audience::Vendor,
                };
                let all = Self::ALL.iter().copied();
                all.filter(move |one| one.audience() == audience)
            }

            const fn audience(self) -> Audience {
                match self { $(Self::$variant => Audience::$audience),* }
            }
        }
    };
}

// The table: one line a type. `docs/webhooks.md` tells receivers what is in each.
message_types! {
    SiteCreated            Vendor   "site.created"            "A site was registered.";
    SiteDeleted            Vendor   "site.deleted"            "A site was removed.";
    SiteExpired            Vendor   "site.expired"            "A site's time was over.";
    LoginFailed            Vendor   "site.login_failed"       "A client reported that a log-in to its site failed.";
    LockdownReported       Vendor   "site.lockdown_reported"  "A client reported that its site is locked down, after too many tries.";
    UserCreated            Vendor   "user.created"            "A user of the vendor was made.";
    UserDeleted            Vendor   "user.deleted"            "A user of the vendor was removed.";
    CredentialRotationDue  Vendor   "credential.rotation_due" "A credential should be changed within a week.";
    TokenEndsSoon          Vendor   "token.ends_soon"         "A token that is kept alive ends within three days.";
    TokenUsedElsewhere     Vendor   "token.used_elsewhere"    "A token was used from another address than it was issued to.";
    TokenUnwrappedElsewhere Vendor  "token.unwrapped_elsewhere" "A wrapped token was unwrapped at another address than it was issued to.";
    TokenUnwrappedTwice    Vendor   "token.unwrapped_twice"   "A wrapped token was to be unwrapped once more.";
    SecretReadOften        Vendor   "secret.read_often"       "A secret is read far more often than before.";
    AccountCreated         Platform "account.created"         "A vendor's account was made.";
    AccountRenewed         Platform "account.renewed"         "A vendor's subscription became active.";
    AccountCancelled       Platform "account.cancelled"       "A vendor's account was cancelled.";
}

/// What is sent to try a webhook out. Nobody subscribes to it.
pub const TEST: &str = "test";

const ALL: &str = "*";

/// What a webhook wants to hear of: some types, or `*` alone for all, also for those of later versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = WebhookTypes)]
pub struct Types(Vec<String>);

impl Types {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![ALL.to_owned()])
    }

    /// Checks what the owner of a webhook asks for.
    ///
    /// # Errors
    /// The rule that is broken, with all that this owner may ask for.
    pub fn of(owner: Owner, mut names: Vec<String>) -> Result<Self, String> {
        let known: Vec<&str> = MessageType::of(owner).map(MessageType::name).collect();
        names.sort();
        names.dedup();
        let each = |name: &String| known.contains(&name.as_str());
        if names == [ALL] || (!names.is_empty() && names.iter().all(each)) {
            return Ok(Self(names));
        }
        let known = known.join(", ");
        Err(format!(
            "must be [\"*\"] or a list of types; known: {known}"
        ))
    }

    /// As stored; not checked again, as a type may have been withdrawn.
    #[must_use]
    pub fn stored(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Their names.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::VendorId;

    #[test]
    fn known_types_or_all_and_nothing_else() {
        let read_for = |owner, names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            Types::of(owner, names).map(|types| types.0.join(" ")).ok()
        };
        let read = |names: &[&str]| read_for(Owner::Vendor(VendorId(1)), names);
        assert_eq!(read(&["*"]).as_deref(), Some("*"));
        let twice = ["token.ends_soon", "token.ends_soon"];
        assert_eq!(read(&twice).as_deref(), Some("token.ends_soon"));
        for bad in [
            &[][..],
            &[""],
            &["test"],
            &["*", "token.ends_soon"],
            &["token.*"],
            &["account.created"],
            &["account.created", "token.ends_soon"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        let platform = |names: &[&str]| read_for(Owner::Platform, names);
        assert_eq!(platform(&["*"]).as_deref(), Some("*"));
        let both = ["account.renewed", "account.created"];
        let sorted = "account.created account.renewed";
        assert_eq!(platform(&both).as_deref(), Some(sorted));
        for bad in [
            &[][..],
            &["test"],
            &["token.ends_soon"],
            &["account.created", "site.created"],
        ] {
            assert_eq!(platform(bad), None, "{bad:?}");
        }
    }
}
