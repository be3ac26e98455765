//! Asks OpenBao for a token, and looks whether it is what was asked for.

use std::sync::Arc;

use super::bound::{self, Bound};
use super::{Grant, Handed};
use crate::app::App;
use crate::error::Result;
use crate::types::IssuanceId;
use crate::vault::tokens::{Created, Made, NewToken, WrapInfo};
use crate::vault::{self, tokens};

/// A token, and the role it was minted by, where that is not its kind's.
pub(super) async fn minted(
    app: &App,
    grant: &Grant,
    id: IssuanceId,
) -> Result<(Option<Arc<Bound>>, Handed)> {
    let bound = bound::role(app, grant).await?;
    let handed = mint(app, grant, id, bound.as_deref()).await?;
    Ok((bound, handed))
}

async fn mint(app: &App, grant: &Grant, id: IssuanceId, bound: Option<&Bound>) -> Result<Handed> {
    let rules = grant.kind.rules();
    let alias = grant
        .secret_id
        .as_ref()
        .filter(|_| grant.kind.is_for_site());
    let token = NewToken {
        policies: grant.policies(),
        meta: grant.meta(id),
        ttl: in_words(grant.terms.first, rules.first_seconds(), rules.ttl),
        renewable: grant.is_renewable(),
        display_name: rules.display_name.to_owned(),
        explicit_max_ttl: rules
            .explicit_max_ttl
            .map(|words| in_words(grant.terms.longest, rules.max_seconds, words)),
        num_uses: grant.terms.uses,
        entity_alias: alias.map(|id| id.as_str().to_owned()),
    };
    let made = create(app, grant, &token, bound).await?;
    let handed = match made.created {
        Created::Plain(auth) => Handed::Plain(auth),
        Created::Wrapped(info) => look_inside(app, info).await?,
    };
    if made.lacks_policy {
        discard(app, &handed).await;
        // As those of a vendor that was cancelled meanwhile do.
        let vendor = crate::vendors::create::reload(app, grant.vendor.id).await?;
        vendor.refuse_inactive()?;
        let said = "a policy of the token does not exist".to_owned();
        return Err(vault::Error::Rejected(said).into());
    }
    let (alarm, what) = if !grant.is_granted(handed.policies()) {
        ("foreign_policies", "other policies than asked for")
    } else if !handed.keeps(grant) {
        (
            "foreign_terms",
            "another life, other uses or other networks than asked for",
        )
    } else {
        return Ok(handed);
    };
    tracing::error!(
        vendor.id = grant.vendor.id.0,
        token.accessor = handed.accessor(),
        policies = ?handed.policies(),
        token.ttl = handed.life(),
        "OpenBao gave a token {what}; it is revoked"
    );
    metrics::counter!("gatehouse_alarms_total", "alarm" => alarm).increment(1);
    discard(app, &handed).await;
    Err(vault::Error::Malformed(what.to_owned()).into())
}

/// Asks OpenBao for a token. Where it lacks the role of a set of networks, that is made again first.
async fn create(app: &App, grant: &Grant, token: &NewToken, bound: Option<&Bound>) -> Result<Made> {
    let role = match bound {
        Some(bound) => bound.role.name.as_str(),
        None => grant.kind.rules().role.name,
    };
    let ask = || {
        app.vault.issuer.call(|handle| async move {
            let handle = match grant.wrap_ttl {
                Some(seconds) => handle.wrapping(seconds),
                None => handle,
            };
            tokens::create(&handle, role, token).await
        })
    };
    match (ask().await, bound) {
        (Err(vault::Error::UnknownRole(_)), Some(bound)) => {
            bound::make_again(app, grant.vendor.id, bound).await?;
            Ok(ask().await?)
        }
        (made, _) => Ok(made?),
    }
}

/// A life as OpenBao is asked for it: in the kind's own words where it is the kind's.
fn in_words(seconds: u32, own: u64, words: &str) -> String {
    if u64::from(seconds) == own {
        words.to_owned()
    } else {
        format!("{seconds}s")
    }
}

/// A wrapped token does not show what it may do, so it is looked up by its accessor.
async fn look_inside(app: &App, info: WrapInfo) -> Result<Handed> {
    let accessor = info.wrapped_accessor.as_str();
    let revoker = &app.vault.revoker;
    let looked =
        revoker.call(|handle| async move { tokens::lookup_accessor(&handle, accessor).await });
    match looked.await {
        Ok(Some(inside)) => Ok(Handed::Wrapped(info, inside)),
        Ok(None) => Err(vault::Error::InvalidAccessor.into()),
        Err(error) => {
            revoke_accessor(app, accessor).await;
            Err(error.into())
        }
    }
}

/// Revokes a token that will not be answered. What fails here, the sweeper finds.
pub(super) async fn discard(app: &App, handed: &Handed) {
    if let Handed::Plain(auth) = handed
        && tokens::revoke_self(&app.vault.with_token(&auth.client_token))
            .await
            .is_ok()
    {
        return;
    }
    revoke_accessor(app, handed.accessor()).await;
}

async fn revoke_accessor(app: &App, accessor: &str) {
    let revoker = &app.vault.revoker;
    let ended =
        revoker.call(|handle| async move { tokens::revoke_accessor(&handle, accessor).await });
    if let Err(error) = ended.await {
        tracing::error!(token.accessor = accessor, %error, "A token that is not on record could not be revoked yet");
    }
}
