//! OpenBao: its state, the service's keys, token roles and audit devices.

use jiff::Timestamp;

use super::tokens::{self, Got};
use super::{Findings, Level, in_time};
use crate::auth::KeyRing;
use crate::clock::Reading;
use crate::config::Config;
use crate::events::chain;
use crate::lockbox;
use crate::tokens::ROLES;
use crate::trustedlogin::signing;
use crate::vault::roles::{self, Standing, TokenRole};
use crate::vault::{Connection, Error, Handle, kv, mounts, system};

/// Asked only of an OpenBao that is unsealed.
const FURTHER: &[&str] = &["keys", "roles", "audit"];

/// The keys of the service, and what does not work without them.
const KEYS: [(&str, &str); 4] = [
    (KeyRing::NAME, "nothing"),
    (lockbox::SECRET_NAME, "no lockbox"),
    (chain::KEY_NAME, "no signature of the trail"),
    (signing::KEY_NAME, "no envelope"),
];

/// OpenBao's group and those of the app tokens, and what its clock said.
pub(super) async fn examine(config: &Config) -> (Vec<Findings>, Option<Reading>) {
    let mut found = Findings::of("openbao");
    let (connection, reading) = match state(config, &mut found).await {
        (Some(connection), reading) => (connection, reading),
        (None, reading) => {
            let why = "OpenBao is not there";
            found.unasked(FURTHER, why);
            let mut all = vec![found];
            for (name, _) in config.bao.tokens.named() {
                let mut token = Findings::of(name);
                token.unasked(tokens::ALL, why);
                all.push(token);
            }
            return (all, reading);
        }
    };
    let mut of_tokens = Vec::new();
    let mut got = Vec::new();
    for (name, source) in config.bao.tokens.named() {
        let mut token = Findings::of(name);
        got.extend(tokens::examine(&connection, name, source, config.trial, &mut token).await);
        of_tokens.push(token);
    }
    match got.iter().find(|got| matches!(got.name, "issuer" | "saas")) {
        Some(issuer) => with_issuer(&connection, issuer, &mut found).await,
        None => found.unasked(FURTHER, "there is no issuer's token"),
    }
    match got
        .iter()
        .find(|got| matches!(got.name, "provisioner" | "saas"))
    {
        Some(provisioner) => {
            let handle = connection.with_token(&provisioner.token);
            for role in &ROLES {
                compare(&handle, role, &mut found).await;
            }
        }
        None => found.unasked(&["roles compared"], "there is no provisioner's token"),
    }
    tokens::give_back(&connection, &got, &mut found).await;
    let mut all = vec![found];
    all.extend(of_tokens);
    (all, reading)
}

/// The connection, where OpenBao is fit to be asked further.
async fn state(config: &Config, found: &mut Findings) -> (Option<Connection>, Option<Reading>) {
    let connection = match Connection::new(&config.bao.server) {
        Ok(connection) => connection,
        Err(error) => {
            found.say(Level::Fault, "reachable", error.to_string());
            return (None, None);
        }
    };
    let asked = Timestamp::now().as_millisecond();
    let health = match in_time(system::health(connection.anonymous())).await {
        Ok(health) => health,
        Err(why) => {
            found.say(
                Level::Fault,
                "reachable",
                format!("OpenBao cannot be asked: {why}"),
            );
            found.unasked(&["unsealed", "active"], "OpenBao cannot be asked");
            return (None, None);
        }
    };
    let reading = Reading {
        asked,
        said: health.server_time_utc.saturating_mul(1000),
        answered: Timestamp::now().as_millisecond(),
        step: 1000,
    };
    found.say(
        Level::Ok,
        "reachable",
        format!("OpenBao {} answers", health.version),
    );
    if !health.initialized || health.sealed {
        let says = if health.initialized {
            "it is sealed: unseal it"
        } else {
            "it is not initialised: run `bao operator init`"
        };
        found.say(Level::Fault, "unsealed", says);
        found.unasked(&["active"], "OpenBao is sealed");
        return (None, Some(reading));
    }
    found.say(Level::Ok, "unsealed", "it is initialised and unsealed");
    if health.standby {
        found.say(
            Level::Note,
            "active",
            "this node is a standby, which forwards what it cannot do",
        );
    } else {
        found.say(Level::Ok, "active", "this node is the active one");
    }
    (Some(connection), Some(reading))
}

async fn with_issuer(connection: &Connection, issuer: &Got, found: &mut Findings) {
    let handle = connection.with_token(&issuer.token);
    engine(&handle, found).await;
    for (name, without) in KEYS {
        key(&handle, name, without, found).await;
    }
    for role in &ROLES {
        token_role(&handle, role.name, found).await;
    }
    audit(&handle, found).await;
}

async fn engine(handle: &Handle, found: &mut Findings) {
    let mount = kv::KEYS_MOUNT;
    match in_time(mounts::seen(handle, mount)).await {
        Ok(seen) => {
            let version = seen.options.as_ref().and_then(|o| o.get("version"));
            if seen.kind == "kv" && version.is_some_and(|version| version == "2") {
                found.say(Level::Ok, "engine", format!("{mount} is a KV engine of version 2"));
            } else {
                found.say(
                    Level::Fault,
                    "engine",
                    format!("{mount} is no KV engine of version 2"),
                );
            }
        }
        Err(why) => found.say(
            Level::Fault,
            "engine",
            format!("{mount} is not mounted, or the issuer may do nothing there ({why}): run `gatehouse bootstrap --update`"),
        ),
    }
}

async fn key(handle: &Handle, name: &'static str, without: &str, found: &mut Findings) {
    let path = format!("{}/{name}", kv::KEYS_MOUNT);
    let (level, says) = match in_time(kv::read_key(handle, name)).await {
        Ok(Some(stored)) if KeyRing::from_hex(&stored.key).is_some() => {
            (Level::Ok, format!("{path} is there"))
        }
        Ok(Some(_)) => (
            Level::Fault,
            format!("{path} is not 64 hexadecimal digits: without it {without} works"),
        ),
        Ok(None) => (
            Level::Fault,
            format!(
                "{path} is missing: without it {without} works: run `gatehouse bootstrap --update`"
            ),
        ),
        Err(why) => (
            Level::Fault,
            format!("{path} cannot be read ({why}): without it {without} works"),
        ),
    };
    found.say(level, "key", says);
}

async fn token_role(handle: &Handle, name: &'static str, found: &mut Findings) {
    let (level, says) = match in_time(roles::standing(handle, name)).await {
        Ok(Standing::Strict) => (
            Level::Ok,
            format!("{name} is there, and gives no policy but its own"),
        ),
        Ok(Standing::Absent) => (
            Level::Fault,
            format!("{name} is missing: run `gatehouse bootstrap --update`"),
        ),
        Ok(Standing::Loose) => (
            Level::Fault,
            format!(
                "{name} gives any policy: run `gatehouse bootstrap --update`, and find out who changed it"
            ),
        ),
        Err(why) => (Level::Fault, format!("{name} cannot be used ({why})")),
    };
    found.say(level, "role", says);
}

/// Lifetimes and all else that its tokens depend on.
async fn compare(handle: &Handle, role: &'static TokenRole, found: &mut Findings) {
    let name = role.name;
    let (level, says) = match in_time(roles::differences(handle, role)).await {
        Ok(Some(differences)) if differences.is_empty() => (
            Level::Ok,
            format!("{name} is as `gatehouse bootstrap` makes it"),
        ),
        Ok(Some(differences)) => (
            Level::Fault,
            format!(
                "{name}: {}: run `gatehouse bootstrap --update`, and find out who changed it",
                differences.join("; ")
            ),
        ),
        Ok(None) => (
            Level::Fault,
            format!("{name} is missing: run `gatehouse bootstrap --update`"),
        ),
        Err(why) => (Level::Warning, format!("{name} was not compared ({why})")),
    };
    found.say(level, "role", says);
}

async fn audit(handle: &Handle, found: &mut Findings) {
    let asked = tokio::time::timeout(super::LIMIT, system::audit_devices(handle)).await;
    let (level, says) = match asked {
        Ok(Ok(devices)) if devices.is_empty() => {
            (Level::Warning, "there is no audit device".to_owned())
        }
        Ok(Ok(devices)) => (Level::Ok, format!("audit devices: {}", devices.join(", "))),
        Ok(Err(Error::Denied(_) | Error::Rejected(_) | Error::NotFound)) => (
            Level::Note,
            "no app token may read the audit devices: see yourself that one is on, `bao audit list`".to_owned(),
        ),
        Ok(Err(error)) => (Level::Note, format!("the audit devices cannot be read: {error}")),
        Err(_) => (Level::Note, "the audit devices cannot be read in time".to_owned()),
    };
    found.say(level, "audit", says);
}
