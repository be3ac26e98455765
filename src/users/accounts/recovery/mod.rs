//! Recovery codes: each logs in once in the place of a code of the second factor. Operators get ten when their second
//! factor comes into force. They are known by keyed digests only.

pub mod store;

use super::{Account, event};
use crate::app::App;
use crate::auth::{KeyRing, KeyedDigest};
use crate::db::GenericClient;
use crate::error::Result;
use crate::types::Secret;

/// How many there are at once.
pub const MANY: usize = 10;

/// Letters and digits of which none is easily taken for another: 16 of them are 79 bits.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const LENGTH: usize = 16;

fn made() -> Secret {
    let one = |_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    let part = || (0..LENGTH / 4).map(one).collect::<String>();
    Secret::new([part(), part(), part(), part()].join("-"))
}

/// What a code is known by; `None` for a text that is none. Hyphens are for reading, and capitals are as small letters.
fn digest(ring: &KeyRing, account: &Account, shown: &Secret) -> Option<KeyedDigest> {
    let text = shown.expose();
    if text.len() > 64 {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    let plain = Secret::new(plain.to_ascii_lowercase());
    let bytes = plain.expose().as_bytes();
    let is_code = bytes.len() == LENGTH && bytes.iter().all(|b| LETTERS.contains(b));
    // No key begins so: the digests of both have one purpose.
    let bound = format!(
        "recovery-code {} {} {}",
        account.vendor,
        account.id.0,
        plain.expose()
    );
    is_code.then(|| ring.digest(Secret::new(bound).expose()))
}

/// New codes in the place of all before, in the caller's transaction. They are shown once.
///
/// # Errors
/// Where the database does not answer.
pub async fn renew(
    app: &App,
    client: &impl GenericClient,
    account: &Account,
) -> Result<Vec<Secret>> {
    let (ring, now) = (app.keys()?, app.clock.now());
    let codes: Vec<Secret> = (0..MANY).map(|_| made()).collect();
    let digests: Vec<KeyedDigest> = codes
        .iter()
        .filter_map(|code| digest(ring, account, code))
        .collect();
    store::forget(client, account.id).await?;
    store::add(client, account.id, &digests, now).await?;
    Ok(codes)
}

/// Whether a code is right and was not used. It is used then.
///
/// # Errors
/// Where the database does not answer.
pub async fn accept(app: &App, account: &Account, shown: &Secret) -> Result<bool> {
    let Some(digest) = digest(app.keys()?, account, shown) else {
        return Ok(false);
    };
    let (now, actor) = (app.clock.now(), account.actor());
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    if !store::use_up(&transaction, account.id, &digest, now).await? {
        return Ok(false);
    }
    let left = store::left(&transaction, account.id).await?;
    let used = event::about(
        "operator.recovery_code_used",
        account.vendor,
        &account.name,
        &actor,
    );
    event::with(used, "left", left)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_four_words_of_four_letters_and_differ() {
        let codes: std::collections::BTreeSet<String> =
            (0..1000).map(|_| made().expose().to_owned()).collect();
        assert_eq!(codes.len(), 1000);
        for code in codes {
            assert_eq!(code.len(), LENGTH + 3, "{code}");
            assert!(code.split('-').all(|word| word.len() == 4), "{code}");
        }
    }
}
