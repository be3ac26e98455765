//! What a vendor says of the tokens handed out in its name: lives and uses by kind, whether those of client plugins come
//! wrapped, and whether a site's token is given back once the site is registered. All within what the kinds promise.

pub mod http;
pub mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::create;
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, FieldError, Result};
use crate::events::Event;
use crate::tokens::Kind;
use crate::tokens::terms::check_settings;

/// How long a wrapping token can be exchanged, seconds: at least and at most, whatever a vendor says.
pub const WRAP_LIVES: (u32, u32) = (30, 3600);

/// As stored with the vendor. What is left out is the kind's, or the service's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenSettings {
    /// By the name of the kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, KindSettings>,
    /// Of tokens that come wrapped.
    #[serde(skip_serializing_if = "is_default")]
    pub wrap: WrapSettings,
    /// Whether a site's write tokens are revoked once the site is registered.
    #[serde(skip_serializing_if = "is_default")]
    pub give_back: bool,
}

/// Of one kind of token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KindSettings {
    /// First life where nothing is asked for, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// Longest life, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<u32>,
    /// How many calls a token is good for at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
}

/// Of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WrapSettings {
    /// Whether client plugins get tokens wrapped only.
    #[serde(skip_serializing_if = "is_default")]
    pub only: bool,
    /// Least life of a wrapping token, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u32>,
    /// Longest life of a wrapping token, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<u32>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TokenSettings {
    /// What is said of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> KindSettings {
        let says = self.kinds.get(kind.rules().name);
        says.copied().unwrap_or_default()
    }

    fn check(&self) -> Result<()> {
        let mut errors = Vec::new();
        for (name, says) in &self.kinds {
            let pointer = format!("/kinds/{name}");
            match Kind::named(name).filter(|kind| !kind.is_own()) {
                Some(kind) => errors.extend(check_settings(kind, says, &pointer)),
                None => errors.push(FieldError::at(
                    "/kinds",
                    "must hold kinds of tokens that are handed out",
                )),
            }
        }
        let (least, most) = WRAP_LIVES;
        let (min, max) = self.wrap.lives();
        if !(least..=most).contains(&min) || !(least..=most).contains(&max) || min > max {
            let rule = format!("must hold minTtl and maxTtl of {least} to {most}, in this order");
            errors.push(FieldError::at("/wrap", rule));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::InvalidField(errors))
        }
    }
}

impl WrapSettings {
    /// Least and longest life of a wrapping token, seconds.
    #[must_use]
    pub fn lives(&self) -> (u32, u32) {
        let (least, most) = WRAP_LIVES;
        (self.min_ttl.unwrap_or(least), self.max_ttl.unwrap_or(most))
    }
}

/// What is to become of a field: left out, it stays; `null` makes it the kind's, or the service's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<u32>")]
pub enum Change {
    /// As it is.
    #[default]
    Unchanged,
    /// As where nothing is said.
    Unsaid,
    /// So much.
    To(u32),
}

impl From<Option<u32>> for Change {
    fn from(value: Option<u32>) -> Self {
        value.map_or(Self::Unsaid, Self::To)
    }
}

impl Change {
    fn apply(self, field: &mut Option<u32>) {
        match self {
            Self::Unchanged => {}
            Self::Unsaid => *field = None,
            Self::To(value) => *field = Some(value),
        }
    }
}

/// A change of [`KindSettings`].
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindChange {
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    ttl: Change,
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    max_ttl: Change,
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    uses: Change,
}

/// A change of [`WrapSettings`].
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrapChange {
    only: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    min_ttl: Change,
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    max_ttl: Change,
}

/// A change of [`TokenSettings`].
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChangeTokenSettings)]
pub struct Changes {
    #[serde(default)]
    kinds: BTreeMap<String, KindChange>,
    #[serde(default)]
    wrap: WrapChange,
    give_back: Option<bool>,
}

impl Changes {
    fn apply(&self, to: &TokenSettings) -> TokenSettings {
        let mut new = to.clone();
        for (name, change) in &self.kinds {
            let says = new.kinds.entry(name.clone()).or_default();
            change.ttl.apply(&mut says.ttl);
            change.max_ttl.apply(&mut says.max_ttl);
            change.uses.apply(&mut says.uses);
        }
        new.wrap.only = self.wrap.only.unwrap_or(new.wrap.only);
        self.wrap.min_ttl.apply(&mut new.wrap.min_ttl);
        self.wrap.max_ttl.apply(&mut new.wrap.max_ttl);
        new.give_back = self.give_back.unwrap_or(new.give_back);
        new
    }
}

/// Changes what a vendor says, for the tokens handed out from then on.
///
/// # Errors
/// Each field that is out of its kind's range, or trouble with the database: then nothing has changed.
pub async fn change(app: &App, by: &VendorAdmin, changes: &Changes) -> Result<TokenSettings> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let before = store::find_for_update(&transaction, vendor).await?;
    let mut after = changes.apply(&before.ok_or(Error::NotFound)?);
    after.check()?;
    after
        .kinds
        .retain(|_, says| *says != KindSettings::default());
    store::set(&transaction, vendor, &after, now).await?;
    let mut event = Event::done("vendor.token_settings_changed", Some(vendor), &by.actor);
    event.details = json!({ "settings": after });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    drop(client);
    create::reload(app, vendor).await?;
    Ok(after)
}
