//! The app tokens: where they come from, how long they live, and what they may do.

use std::time::Duration;

use super::{Findings, Level, Right, in_time};
use crate::types::Secret;
use crate::vault::tokens::{self, TokenInfo};
use crate::vault::{Connection, Handle, TokenSource, Unfit, rights};

/// What is asked of each.
pub(super) const ALL: &[&str] = &["source", "life", "start", "right"];

/// A token that was had.
pub(super) struct Got {
    /// Whose.
    pub name: &'static str,
    /// The token.
    pub token: Secret,
    /// Where it was made only for this look: its accessor.
    made: Option<String>,
}

/// Gets an app token and looks at it.
pub(super) async fn examine(
    connection: &Connection,
    name: &'static str,
    source: &TokenSource,
    trial: bool,
    found: &mut Findings,
) -> Option<Got> {
    if let TokenSource::Wrapped { secret_id, .. } = source {
        match in_time(secret_id.check(connection)).await {
            Ok(()) => found.say(
                Level::Ok,
                "source",
                "by AppRole: its wrapped secret id was left alone so far, and is left to the start",
            ),
            Err(why) => found.say(Level::Fault, "source", why),
        }
        found.unasked(&ALL[1..], "that would use up the wrapped secret id");
        return None;
    }
    let kind = kind_of(source);
    let token = match in_time(source.obtain(connection)).await {
        Ok(token) => token,
        Err(why) => {
            found.say(Level::Fault, "source", format!("no token by {kind}: {why}"));
            found.unasked(&ALL[1..], "there is no token");
            return None;
        }
    };
    let handle = connection.with_token(&token);
    let info = match in_time(tokens::lookup_self(&handle)).await {
        Ok(info) => info,
        Err(why) => {
            found.say(
                Level::Fault,
                "source",
                format!("the token by {kind} does not work: {why}"),
            );
            found.unasked(&ALL[1..], "the token does not work");
            return None;
        }
    };
    found.say(
        Level::Ok,
        "source",
        format!(
            "by {kind}: {}, with {}",
            info.display_name,
            info.policies.join(", ")
        ),
    );
    life(source, &info, found);
    let is_fit = start(&handle, &info, trial, found).await;
    own(&handle, name, found).await;
    if is_fit {
        others(&handle, name, found).await;
    }
    let is_made = matches!(
        source,
        TokenSource::AppRole { .. } | TokenSource::Kubernetes(_)
    );
    let made = is_made.then(|| info.accessor.clone());
    Some(Got { name, token, made })
}

fn kind_of(source: &TokenSource) -> &'static str {
    match source {
        TokenSource::Token(_) => "the environment",
        TokenSource::File(_) => "a token file",
        TokenSource::AppRole { .. } | TokenSource::Wrapped { .. } => "AppRole",
        TokenSource::Kubernetes(_) => "Kubernetes",
    }
}

fn life(source: &TokenSource, info: &TokenInfo, found: &mut Findings) {
    let left = if info.expire_time.is_none() && info.ttl == 0 {
        "it never ends".to_owned()
    } else {
        format!("it lives {} more", spoken(Duration::from_secs(info.ttl)))
    };
    let is_given = matches!(source, TokenSource::Token(_));
    let (level, rest) = match (info.renewable, is_given) {
        (true, false) => (Level::Ok, "and can be renewed"),
        (true, true) => (
            Level::Note,
            "and can be renewed, but not be had again once it is lost: prefer AppRole or a file",
        ),
        (false, false) => (
            Level::Note,
            "and cannot be renewed: another one is fetched before its end",
        ),
        (false, true) => (
            Level::Warning,
            "and can neither be renewed nor be had again: prefer AppRole or a file",
        ),
    };
    found.say(level, "life", format!("{left}, {rest}"));
}

fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}

/// Whether the service would start with it.
async fn start(handle: &Handle, info: &TokenInfo, trial: bool, found: &mut Findings) -> bool {
    match in_time(Unfit::of(handle, info)).await {
        Ok(None) => {
            found.say(Level::Ok, "start", "the service starts with it");
            true
        }
        Ok(Some(why)) if trial => {
            found.say(
                Level::Warning,
                "start",
                format!("the service starts with it only as GATEHOUSE_TRIAL=true: {why}"),
            );
            false
        }
        Ok(Some(why)) => {
            found.say(
                Level::Fault,
                "start",
                format!("the service does not start with it: {why}"),
            );
            false
        }
        Err(why) => {
            found.say(
                Level::Fault,
                "start",
                format!("OpenBao does not say what it may do: {why}"),
            );
            false
        }
    }
}

/// Each right that it needs.
async fn own(handle: &Handle, name: &'static str, found: &mut Findings) {
    match in_time(rights::look(handle, &rights::needs(name))).await {
        Ok(all) => {
            for seen in all {
                let level = if seen.is_granted() {
                    Level::Ok
                } else {
                    Level::Fault
                };
                found.right(level, right(name, seen));
            }
        }
        Err(why) => found.say(
            Level::Fault,
            "right",
            format!("OpenBao does not say what it may do: {why}"),
        ),
    }
}

fn right(token: &'static str, seen: rights::Seen) -> Right {
    let (policy, line) = seen
        .need
        .grant()
        .map(|grant| (grant.policy, grant.line))
        .unwrap_or_default();
    Right {
        token,
        purpose: seen.need.purpose,
        path: seen.need.path,
        wanted: seen.need.capability,
        held: seen.held,
        policy,
        line,
    }
}

/// What only the others need.
async fn others(handle: &Handle, name: &'static str, found: &mut Findings) {
    let foreign = rights::foreign(name);
    if foreign.is_empty() {
        return;
    }
    let Ok(all) = in_time(rights::look(handle, &foreign)).await else {
        return;
    };
    let more: Vec<String> = all
        .iter()
        .filter(|seen| seen.is_granted())
        .map(|seen| format!("{} at {}", seen.need.capability, seen.need.path))
        .collect();
    if more.is_empty() {
        found.say(
            Level::Ok,
            "apart",
            "it may do nothing that the others are for",
        );
    } else {
        found.say(
            Level::Warning,
            "apart",
            format!(
                "it may do what the others are for, so they are not apart: {}",
                more.join(", ")
            ),
        );
    }
}

/// Revokes the tokens that were made only for this look, the revoker's own last.
pub(super) async fn give_back(connection: &Connection, got: &[Got], found: &mut Findings) {
    let is_revoker = |got: &&Got| matches!(got.name, "revoker" | "saas");
    let revoker = got.iter().find(is_revoker);
    let first = got.iter().filter(|got| !is_revoker(got));
    for made in first.chain(revoker).filter_map(|got| got.made.as_deref()) {
        let ended = match revoker {
            Some(revoker) => {
                let handle = connection.with_token(&revoker.token);
                in_time(tokens::revoke_accessor(&handle, made))
                    .await
                    .is_ok()
            }
            None => false,
        };
        if !ended {
            found.say(
                Level::Note,
                "left",
                format!("a token that was made for this look lives on to its end: accessor {made}"),
            );
        }
    }
}
