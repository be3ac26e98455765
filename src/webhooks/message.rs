//! What messages can be about.

use serde::{Deserialize, Serialize};

macro_rules! message_types {
    ($($variant:ident $name:literal $says:literal;)*) => {
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
        }
    };
}

// The table: one line a type. `docs/webhooks.md` tells receivers what is in each.
message_types! {
    SiteCreated           "site.created"            "A site was registered.";
    SiteDeleted           "site.deleted"            "A site was removed.";
    SiteExpired           "site.expired"            "A site's time was over.";
    LoginFailed           "site.login_failed"       "A client reported that a log-in to its site failed.";
    LockdownReported      "site.lockdown_reported"  "A client reported that its site is locked down, after too many tries.";
    UserCreated           "user.created"            "A user of the vendor was made.";
    UserDeleted           "user.deleted"            "A user of the vendor was removed.";
    CredentialRotationDue "credential.rotation_due" "A credential should be changed within a week.";
    TokenEndsSoon         "token.ends_soon"         "A token that is kept alive ends within three days.";
    TokenUsedElsewhere    "token.used_elsewhere"    "A token was used from another address than it was issued to.";
    TokenUnwrappedElsewhere "token.unwrapped_elsewhere" "A wrapped token was unwrapped at another address than it was issued to.";
    TokenUnwrappedTwice   "token.unwrapped_twice"   "A wrapped token was to be unwrapped once more.";
    SecretReadOften       "secret.read_often"       "A secret is read far more often than before.";
}

/// What is sent to try a webhook out. Nobody subscribes to it.
pub const TEST: &str = "test";

const ALL: &str = "*";

/// What a webhook wants to hear of: some types, or `*` alone for all, also for those of later versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Types(Vec<String>);

impl Types {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![ALL.to_owned()])
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

impl TryFrom<Vec<String>> for Types {
    type Error = String;
    fn try_from(mut names: Vec<String>) -> Result<Self, String> {
        let known = || MessageType::ALL.iter().map(|one| one.name());
        names.sort();
        names.dedup();
        let all = names == [ALL];
        let each = |name: &String| known().any(|one| one == name);
        if all || (!names.is_empty() && names.iter().all(each)) {
            return Ok(Self(names));
        }
        let known: Vec<&str> = known().collect();
        let known = known.join(", ");
        Err(format!(
            "must be [\"*\"] or a list of types; known: {known}"
        ))
    }
}

impl From<Types> for Vec<String> {
    fn from(types: Types) -> Self {
        types.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_or_all_and_nothing_else() {
        let read = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            Types::try_from(names).map(|types| types.0.join(" ")).ok()
        };
        assert_eq!(read(&["*"]).as_deref(), Some("*"));
        let twice = ["token.ends_soon", "token.ends_soon"];
        assert_eq!(read(&twice).as_deref(), Some("token.ends_soon"));
        for bad in [
            &[][..],
            &[""],
            &["test"],
            &["*", "token.ends_soon"],
            &["token.*"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
