//! Prepares OpenBao and the database for the service, with an administrator's token, once. Safe to repeat: it brings
//! policies and roles up to date, and leaves keys alone.

use anyhow::{Context, bail};
use jiff::SignedDuration;
use serde_json::json;

use crate::auth::{KeyRing, new_id, new_ring_key};
use crate::db::{self, Pool};
use crate::events::Event;
use crate::events::chain;
use crate::lockbox;
use crate::oauth;
use crate::tokens::ROLES;
use crate::trustedlogin::signing;
use crate::types::Secret;
use crate::users::{self, OperatorToken, operators};
use crate::vault::approle::{self, Credentials, Life};
use crate::vault::{Connection, Handle, Server, kv, mounts, policies, roles};

/// The AppRoles of the service: the name, and the policies of their tokens.
const APPROLES: [(&str, &str); 4] = [
    ("gatehouse-issuer", "issuer-policy"),
    ("gatehouse-revoker", "revoker-policy"),
    ("gatehouse-provisioner", "provisioner-policy"),
    ("gatehouse-saas", "saas-policy"),
];

/// So many days an operator's token for a script is good, unless something else is asked for.
pub const OPERATOR_TOKEN_DAYS: u16 = 90;

/// First life 42 hours, as the seed renews it; longest 32 days.
const LIFE: Life = Life {
    token_ttl: 42 * 3600,
    token_max_ttl: 32 * 24 * 3600,
};

/// Which AppRole.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// `gatehouse-issuer`.
    Issuer = 0,
    /// `gatehouse-revoker`.
    Revoker = 1,
    /// `gatehouse-provisioner`.
    Provisioner = 2,
    /// `gatehouse-saas`: the three rights in one.
    Saas = 3,
}

/// Writes policies, token roles, the key engine with its keys, and the AppRoles.
///
/// # Errors
/// Says which step failed.
pub async fn prepare_openbao(handle: &Handle) -> anyhow::Result<()> {
    for policy in policies::own() {
        policies::write(handle, &policy)
            .await
            .with_context(|| format!("writing the policy {}", policy.name))?;
    }
    for role in &ROLES {
        roles::set(handle, role)
            .await
            .with_context(|| format!("writing the token role {}", role.name))?;
    }
    prepare_keys(handle).await?;
    approle::enable(handle)
        .await
        .context("enabling AppRole at auth/approle")?;
    for (name, policy) in APPROLES {
        approle::set_role(handle, name, &[policy], LIFE)
            .await
            .with_context(|| format!("writing the AppRole {name}"))?;
    }
    Ok(())
}

async fn prepare_keys(handle: &Handle) -> anyhow::Result<()> {
    let mount = kv::KEYS_MOUNT;
    match mounts::enable_kv(handle, mount, "Keys of Gatehouse", "2").await {
        Ok(()) => {}
        Err(crate::vault::Error::PathInUse) => {
            let found = mounts::read(handle, mount)
                .await?
                .context("the key engine cannot be read back")?;
            let version = found
                .options
                .as_ref()
                .and_then(|o| o.get("version"))
                .map(String::as_str);
            if found.kind != "kv" || version != Some("2") {
                bail!("{mount} is mounted already and is no KV engine of version 2");
            }
        }
        Err(error) => return Err(error).context("mounting the key engine"),
    }
    // A version 2 engine is made ready in the background, and refuses writes for a moment.
    let mut tries = 0;
    loop {
        let written = async {
            kv::create_key(handle, KeyRing::NAME, &new_ring_key()).await?;
            kv::create_key(handle, lockbox::SECRET_NAME, &new_ring_key()).await?;
            kv::create_key(handle, chain::KEY_NAME, &new_ring_key()).await?;
            kv::create_key(handle, signing::KEY_NAME, &new_ring_key()).await?;
            kv::create_key(handle, oauth::keys::KEY_NAME, &new_ring_key()).await
        };
        match written.await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= 50 => return Err(error).context("writing the service's keys"),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Fresh AppRole credentials.
///
/// # Errors
/// Where OpenBao refuses.
pub async fn credentials(handle: &Handle, role: Role) -> anyhow::Result<Credentials> {
    let (name, _) = APPROLES[role as usize];
    approle::new_credentials(handle, name)
        .await
        .with_context(|| format!("making a secret id for {name}"))
}

/// A handle with the administrator's token.
///
/// # Errors
/// Where the server's address cannot be used.
pub fn administrator(server: &Server, token: &Secret) -> anyhow::Result<Handle> {
    Ok(Connection::new(server)?.with_token(token))
}

/// The keys that everything in the database is digested and sealed with.
///
/// # Errors
/// Where OpenBao does not answer, or holds none.
pub async fn key_ring(handle: &Handle) -> anyhow::Result<KeyRing> {
    let stored = kv::read_key(handle, KeyRing::NAME)
        .await?
        .context("OpenBao holds no digest key")?;
    KeyRing::from_hex(&stored.key).context("the digest key is not 64 hexadecimal digits")
}

/// Makes an operator's token for a script, which ends after `days`, and records its digest. The token is shown once.
///
/// # Errors
/// Where OpenBao or the database does not answer, or an operator has that name.
pub async fn new_operator(
    handle: &Handle,
    pool: &Pool,
    name: &str,
    days: u16,
) -> anyhow::Result<Secret> {
    let ring = key_ring(handle).await?;
    let id = new_id();
    let token = ring.new_access_token(id);
    let mut client = pool.all().await?;
    let now = jiff::Timestamp::now();
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    operators::store::lock_names(&transaction).await?;
    if operators::store::is_person(&transaction, name).await? {
        bail!("there is an operator called {name}: name the token after the script it is for");
    }
    let expires_at = now.checked_add(SignedDuration::from_hours(24 * i64::from(days)))?;
    let row = OperatorToken {
        id,
        name: name.to_owned(),
        digest: ring.digest(token.expose()),
        created_at: now,
        expires_at: Some(expires_at),
    };
    users::store::add_operator_token(&transaction, &row).await?;
    let mut event = Event::done("operator.added", None, COMMAND_LINE);
    event.details = json!({ "name": name, "expiresAt": expires_at });
    event.record(&transaction, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(token)
}

/// The tokens for scripts that are not revoked.
///
/// # Errors
/// Where the database does not answer.
pub async fn operator_tokens(pool: &Pool) -> anyhow::Result<Vec<OperatorToken>> {
    Ok(users::store::operator_tokens(&pool.all().await?).await?)
}

/// Ends all tokens of an operator, and gives how many those were.
///
/// # Errors
/// Where the database does not answer.
pub async fn revoke_operator(pool: &Pool, name: &str) -> anyhow::Result<u64> {
    let mut client = pool.all().await?;
    let now = jiff::Timestamp::now();
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    let revoked = users::store::revoke_operator(&transaction, name, now).await?;
    if revoked > 0 {
        let mut event = Event::done("operator.revoked", None, COMMAND_LINE);
        event.details = json!({ "name": name, "tokens": revoked });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(revoked)
}

/// As the events name whoever works on the database itself.
pub const COMMAND_LINE: &str = "command-line";

/// Brings the schema up to date.
///
/// # Errors
/// Where the database does not answer, or was migrated by other files.
pub async fn migrate(settings: &db::Settings) -> anyhow::Result<(Pool, Vec<String>)> {
    let pool = Pool::new(settings)?;
    let applied = db::migrate(&pool).await?;
    Ok((pool, applied))
}
