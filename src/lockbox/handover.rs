//! How a data key gets from one replica to another, through the database and past whoever reads or writes there.
//!
//! Who wants a key posts an ephemeral X25519 key, with a tag under a key from OpenBao over all that it says. Who has the
//! key, and finds tag, epoch and age right, seals it to both ephemeral keys, once. The sealing key takes the one from
//! OpenBao too, so that nobody else can answer either.

use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::crypto::DataKey;
use crate::auth::KeyRing;
use crate::auth::seal::{Context, open, seal};
use crate::error::{Error, Result};
use crate::types::VendorId;

/// What a replica asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Names the handover.
    pub id: Uuid,
    /// Whose lockbox.
    pub vendor: VendorId,
    /// At which epoch.
    pub epoch: i64,
    /// Who asks.
    pub replica: Uuid,
    /// When that replica started, by the database's clock.
    pub started_at: Timestamp,
}

impl Wanted {
    fn context(&self, purpose: &str, public_key: &[u8]) -> Context {
        let started = self.started_at.as_microsecond();
        Context::new(purpose)
            .with(self.id.as_bytes())
            .and(self.vendor.0)
            .and(self.epoch)
            .with(self.replica.as_bytes())
            .and(started)
            .with(public_key)
    }
}

/// A request as it lies in the database. Not to be believed before it was answered.
pub struct Request {
    /// What is asked for.
    pub wanted: Wanted,
    /// The asking replica's ephemeral key.
    pub public_key: Vec<u8>,
    /// Proves that a replica of this service wrote it.
    pub tag: Vec<u8>,
}

/// An answer as it lies in the database.
pub struct Answer {
    /// The answering replica's ephemeral key.
    pub public_key: Vec<u8>,
    /// The data key.
    pub sealed: Vec<u8>,
}

/// The secret half of a request. It opens one answer.
pub struct Asked {
    /// What was asked for.
    pub wanted: Wanted,
    private: EphemeralPrivateKey,
    public_key: Vec<u8>,
}

fn failed() -> Error {
    Error::Internal("the library for key agreement failed".to_owned())
}

fn ephemeral() -> Result<(EphemeralPrivateKey, Vec<u8>)> {
    let private = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new());
    let private = private.map_err(|_| failed())?;
    let public = private.compute_public_key().map_err(|_| failed())?;
    Ok((private, public.as_ref().to_vec()))
}

/// Asks for a key.
///
/// # Errors
/// Where the library fails.
pub fn ask(ring: &KeyRing, wanted: Wanted) -> Result<(Asked, Request)> {
    let (private, public_key) = ephemeral()?;
    let request = Request {
        wanted,
        tag: tag(ring, &wanted, &public_key).as_bytes().to_vec(),
        public_key: public_key.clone(),
    };
    let asked = Asked {
        wanted,
        private,
        public_key,
    };
    Ok((asked, request))
}

fn tag(ring: &KeyRing, wanted: &Wanted, public_key: &[u8]) -> crate::auth::KeyedDigest {
    let said = wanted.context("gatehouse lockbox handover", public_key);
    ring.handover_tag(said.as_bytes())
}

/// Seals a data key for whoever asked; `None` where the request was not made by a replica of this service.
///
/// # Errors
/// Where the library fails.
pub fn answer(ring: &KeyRing, request: &Request, key: &DataKey) -> Result<Option<Answer>> {
    let shown = crate::auth::KeyedDigest::from_bytes(&request.tag);
    let right = tag(ring, &request.wanted, &request.public_key);
    if !shown.is_some_and(|shown| right.matches(&shown)) {
        return Ok(None);
    }
    let (private, public_key) = ephemeral()?;
    let context = request
        .wanted
        .context("gatehouse lockbox key", &request.public_key);
    let context = context.with(&public_key);
    let theirs = UnparsedPublicKey::new(&X25519, &request.public_key);
    let over = agree_ephemeral(private, theirs, failed(), |shared| {
        Ok(ring.handover_key(shared, context.as_bytes()))
    })?;
    let mut said = Zeroizing::new(key.generation.to_be_bytes().to_vec());
    said.extend_from_slice(key.expose());
    let sealed = seal(&over, &context, &said).ok_or_else(failed)?;
    Ok(Some(Answer { public_key, sealed }))
}

impl Asked {
    /// Opens the answer.
    ///
    /// # Errors
    /// [`Error::Integrity`] where no replica of this service wrote it.
    pub fn open(self, ring: &KeyRing, answer: &Answer) -> Result<DataKey> {
        let broken = || Error::Integrity("the handover of a lockbox's key");
        let context = self
            .wanted
            .context("gatehouse lockbox key", &self.public_key);
        let context = context.with(&answer.public_key);
        let theirs = UnparsedPublicKey::new(&X25519, &answer.public_key);
        let over = agree_ephemeral(self.private, theirs, broken(), |shared| {
            Ok(ring.handover_key(shared, context.as_bytes()))
        })?;
        let said = open(&over, &context, &answer.sealed).ok_or_else(broken)?;
        let (generation, key) = said.split_at_checked(4).ok_or_else(broken)?;
        let generation = generation.try_into().map(i32::from_be_bytes);
        let generation = generation.map_err(|_| broken())?;
        DataKey::from_bytes(generation, key).ok_or_else(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Secret;

    fn ring(digit: &str) -> KeyRing {
        KeyRing::from_hex(&Secret::new(digit.repeat(64))).expect("a ring")
    }

    fn wanted() -> Wanted {
        Wanted {
            id: Uuid::now_v7(),
            vendor: VendorId(1),
            epoch: 3,
            replica: Uuid::now_v7(),
            started_at: Timestamp::from_second(1_800_000_000).expect("a time"),
        }
    }

    #[test]
    fn a_key_reaches_the_one_who_asked() {
        let (ring, key) = (ring("a"), DataKey::new(2));
        let (asked, request) = ask(&ring, wanted()).expect("asked");
        let answer = answer(&ring, &request, &key).expect("works");
        let got = asked.open(&ring, &answer.expect("an answer"));
        let got = got.expect("opened");
        assert_eq!((got.generation, got.expose()), (2, key.expose()));
    }

    #[test]
    fn forged_requests_get_no_key() {
        let (ours, key) = (ring("a"), DataKey::new(1));
        let (_, request) = ask(&ring("b"), wanted()).expect("asked");
        let refused = answer(&ours, &request, &key).expect("works");
        assert!(refused.is_none(), "another key of OpenBao's");
        let (_, right) = ask(&ours, wanted()).expect("asked");
        let forged = |change: &dyn Fn(&mut Request)| {
            let mut request = Request {
                wanted: right.wanted,
                public_key: right.public_key.clone(),
                tag: right.tag.clone(),
            };
            change(&mut request);
            answer(&ours, &request, &key).map(|answer| answer.is_some())
        };
        let (_, mine) = ephemeral().expect("a key");
        let changes: [&dyn Fn(&mut Request); 7] = [
            &|r| r.public_key.clone_from(&mine),
            &|r| r.wanted.epoch += 1,
            &|r| r.wanted.vendor = VendorId(2),
            &|r| r.wanted.started_at = Timestamp::UNIX_EPOCH,
            &|r| r.wanted.replica = Uuid::nil(),
            &|r| r.tag[0] ^= 1,
            &|r| r.tag.clear(),
        ];
        for change in changes {
            assert!(matches!(forged(change), Ok(false)));
        }
        assert!(matches!(forged(&|_| ()), Ok(true)));
    }

    #[test]
    fn forged_answers_are_not_taken() {
        let (ours, key) = (ring("a"), DataKey::new(1));
        for change in 0..2 {
            let (asked, request) = ask(&ours, wanted()).expect("asked");
            let mut answer = answer(&ours, &request, &key).expect("works").expect("one");
            match change {
                0 => answer.sealed[20] ^= 1,
                _ => answer.public_key = ephemeral().expect("a key").1,
            }
            assert!(asked.open(&ours, &answer).is_err());
        }
    }
}
