//! What is hashed, and how: every text here begins with what it is and its version, and each part with its length, so
//! that no two different things have the same bytes.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What stands where a chain begins.
pub const GENESIS: Hash = [0; 32];

/// What stands in a block for an event whose row was gone when its turn came.
pub const VANISHED: Hash = [0; 32];

/// An event as it is stored: every column that is not made from others. A column that is added to the table needs a new
/// version here, and rows from before must go on to be digested as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: i64,
    /// Microseconds since 1970.
    pub at: i64,
    /// Whose.
    pub vendor: Option<i64>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// How it ended.
    pub outcome: String,
    /// Why not.
    pub code: Option<String>,
    /// Which site.
    pub secret_id: Option<String>,
    /// Which token.
    pub issuance: Option<Uuid>,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// By which request.
    pub request_id: Option<String>,
    /// More, as PostgreSQL writes it.
    pub details: String,
}

impl Row {
    /// What stands in a block for this event.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut text = Text::new("gatehouse event 1");
        text.number(self.id).number(self.at);
        text.optional(self.vendor.map(i64::to_be_bytes));
        text.part(&self.actor)
            .part(&self.action)
            .part(&self.outcome);
        text.optional(self.code.as_deref());
        text.optional(self.secret_id.as_deref());
        text.optional(self.issuance.map(Uuid::into_bytes));
        text.optional(self.address.as_deref());
        text.optional(self.agent.as_deref());
        text.optional(self.request_id.as_deref());
        text.part(&self.details);
        text.hash()
    }
}

/// One block of a vendor's chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Whose; 0 for events of no vendor.
    pub vendor: i64,
    /// From 1 on, without a gap.
    pub seq: i64,
    /// Microseconds since 1970.
    pub chained_at: i64,
    /// The events, in order.
    pub ids: Vec<i64>,
    /// When each was, in microseconds since 1970.
    pub ats: Vec<i64>,
    /// The digest of each, 32 bytes.
    pub digests: Vec<u8>,
    /// The hash of the block before.
    pub previous: Vec<u8>,
}

impl Block {
    /// What the next block names, and checkpoints sign.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut text = Text::new("gatehouse event block 1");
        text.number(self.vendor)
            .number(self.seq)
            .number(self.chained_at);
        text.part(&self.previous);
        text.numbers(&self.ids).numbers(&self.ats);
        text.part(&self.digests);
        text.hash()
    }
}

/// The head of one chain, as a checkpoint names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose chain.
    pub vendor: i64,
    /// Its last block.
    pub seq: i64,
    /// The hash of that.
    pub hash: Vec<u8>,
}

/// A signed statement of where chains end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// From 1 on, without a gap.
    pub number: i64,
    /// Microseconds since 1970.
    pub at: i64,
    /// The hash of the checkpoint before.
    pub previous: Vec<u8>,
    /// The oldest checkpoint that is still needed.
    pub first: i64,
    /// Chains that moved.
    pub heads: Vec<Head>,
}

impl Checkpoint {
    /// What is signed, and what the next one names.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut text = Text::new("gatehouse event checkpoint 1");
        text.number(self.number).number(self.at).number(self.first);
        text.part(&self.previous);
        for head in &self.heads {
            text.number(head.vendor).number(head.seq).part(&head.hash);
        }
        text.hash()
    }
}

/// Where a chain begins since retention cut it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Whose; 0 for events of no vendor.
    pub vendor: i64,
    /// The last block that went.
    pub seq: i64,
    /// The hash of that.
    pub hash: Vec<u8>,
    /// Events before this may be gone: microseconds since 1970.
    pub removed_before: i64,
}

impl Base {
    /// What is signed.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut text = Text::new("gatehouse event base 1");
        text.number(self.vendor)
            .number(self.seq)
            .number(self.removed_before);
        text.part(&self.hash);
        text.hash()
    }
}

struct Text(Sha256);

impl Text {
    fn new(what: &str) -> Self {
        let mut text = Self(Sha256::new());
        text.part(what);
        text
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn part(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Tells what is absent from what is empty.
    fn optional(&mut self, bytes: Option<impl AsRef<[u8]>>) -> &mut Self {
        match bytes {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                self.part(bytes);
            }
        }
        self
    }

    fn numbers(&mut self, numbers: &[i64]) -> &mut Self {
        self.0.update((numbers.len() as u64).to_be_bytes());
        for number in numbers {
            self.number(*number);
        }
        self
    }

    fn hash(self) -> Hash {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: 7,
            at: 1_700_000_000_000_001,
            vendor: Some(3),
            actor: "vendor".to_owned(),
            action: "site.removed".to_owned(),
            outcome: "done".to_owned(),
            details: "{}".to_owned(),
            ..Row::default()
        }
    }

    #[test]
    fn digests_stay_what_they_are() {
        // What is stored by now was made with these: a change needs a new version beside the old one.
        assert_eq!(hex::encode(row().digest()), ROW);
        assert_eq!(hex::encode(block().hash()), BLOCK);
    }

    const ROW: &str = "83486915349c0aad35cd93d9e822cbb05f376a9b44c463fde76399befb3a95bc";
    const BLOCK: &str = "e890e0efaae2cc20b53a16eeb13b5d6dacce0f2d0f7e58feb69ab4ebde448325";

    fn block() -> Block {
        Block {
            vendor: 3,
            seq: 1,
            chained_at: 5,
            ids: vec![7],
            ats: vec![1_700_000_000_000_001],
            digests: row().digest().to_vec(),
            previous: GENESIS.to_vec(),
        }
    }

    #[test]
    fn each_column_counts() {
        let text = |text: &str| Some(text.to_owned());
        let others = [
            Row { id: 8, ..row() },
            Row { at: 1, ..row() },
            Row {
                vendor: None,
                ..row()
            },
            Row {
                vendor: Some(0),
                ..row()
            },
            Row {
                actor: "vendo".to_owned(),
                action: "rsite.removed".to_owned(),
                ..row()
            },
            Row {
                outcome: "failed".to_owned(),
                ..row()
            },
            Row {
                code: text(""),
                ..row()
            },
            Row {
                code: text("x"),
                ..row()
            },
            Row {
                secret_id: text("x"),
                ..row()
            },
            Row {
                issuance: Some(Uuid::nil()),
                ..row()
            },
            Row {
                address: text("x"),
                ..row()
            },
            Row {
                agent: text("x"),
                ..row()
            },
            Row {
                request_id: text("x"),
                ..row()
            },
            Row {
                details: "{\"a\": 1}".to_owned(),
                ..row()
            },
        ];
        let mut seen = std::collections::HashSet::from([row().digest()]);
        for other in others {
            assert!(seen.insert(other.digest()), "{other:?}");
        }
    }

    #[test]
    fn each_part_of_a_block_counts() {
        let two = Block {
            ids: vec![7, 8],
            ats: vec![1, 2],
            digests: vec![1; 64],
            ..block()
        };
        let others = [
            Block {
                vendor: 4,
                ..block()
            },
            Block { seq: 2, ..block() },
            Block {
                chained_at: 6,
                ..block()
            },
            Block {
                ids: vec![8],
                ..block()
            },
            Block {
                ats: vec![8],
                ..block()
            },
            Block {
                digests: vec![0; 32],
                ..block()
            },
            Block {
                previous: vec![1; 32],
                ..block()
            },
            Block {
                ids: vec![8, 7],
                ..two.clone()
            },
            Block {
                ids: vec![7, 8, 1],
                ats: vec![2],
                ..two.clone()
            },
            two,
        ];
        let mut seen = std::collections::HashSet::from([block().hash()]);
        for other in others {
            assert!(seen.insert(other.hash()), "{other:?}");
        }
    }
}
