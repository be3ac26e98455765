//! What a verification says.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A row holds something else than was chained.
    RowChanged,
    /// A row holds what another one held.
    RowsSwapped,
    /// A row is gone, and not by retention.
    RowRemoved,
    /// A row was gone before it was chained.
    RowVanished,
    /// A row that neither a block nor the queue knows.
    RowUnknown,
    /// A block holds something else than it was made of.
    BlockChanged,
    /// A block stands where another one was.
    BlocksSwapped,
    /// A block is gone, and not by retention.
    BlockMissing,
    /// A block that no chain leads to.
    BlockUnknown,
    /// A block is whole, and not the one that a checkpoint signed: the chain was made anew from some place before.
    ChainRewritten,
    /// A chain ends before a block that a checkpoint signed.
    TailCut,
    /// A chain ends elsewhere than its head says.
    HeadWrong,
    /// Where a chain begins is not signed.
    BaseForged,
    /// A checkpoint holds something else than was signed, or was signed by somebody else.
    CheckpointForged,
    /// A checkpoint does not follow the one before it.
    CheckpointUnlinked,
    /// A checkpoint is gone.
    CheckpointMissing,
    /// The checkpoint that OpenBao remembers is not there, or another one is: the end was cut with its checkpoints.
    CheckpointsCut,
}

/// Where something is wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// What.
    pub fault: Fault,
    /// Whose chain: 0 for events of no vendor, `None` where it is about all.
    pub vendor_id: Option<i64>,
    /// The vendor's namespace.
    pub namespace: Option<String>,
    /// Which block.
    pub block: Option<i64>,
    /// Which event.
    pub event_id: Option<i64>,
    /// When that was.
    pub event_at: Option<Timestamp>,
    /// What it was, as its row says now.
    pub action: Option<String>,
    /// The event whose content its row holds.
    pub holds_event_id: Option<i64>,
    /// Which checkpoint.
    pub checkpoint: Option<i64>,
    /// When the block, the checkpoint or, where there is none, the row was made, in microseconds: the first place is
    /// the earliest.
    #[serde(skip)]
    pub(super) made: i64,
}

impl Place {
    pub(super) fn new(fault: Fault, made: i64) -> Self {
        Self {
            fault,
            vendor_id: None,
            namespace: None,
            block: None,
            event_id: None,
            event_at: None,
            action: None,
            holds_event_id: None,
            checkpoint: None,
            made,
        }
    }

    pub(super) fn of(mut self, vendor: i64, namespace: Option<&str>) -> Self {
        self.vendor_id = Some(vendor);
        self.namespace = namespace.map(str::to_owned);
        self
    }

    pub(super) fn at_block(mut self, seq: i64) -> Self {
        self.block = Some(seq);
        self
    }

    pub(super) fn at_event(mut self, id: i64, at: Option<Timestamp>) -> Self {
        self.event_id = Some(id);
        self.event_at = at;
        self
    }

    pub(super) fn at_checkpoint(mut self, number: i64) -> Self {
        self.checkpoint = Some(number);
        self
    }
}

impl Fault {
    fn sentence(self) -> &'static str {
        match self {
            Self::RowChanged => "a row was changed",
            Self::RowsSwapped => "rows were exchanged",
            Self::RowRemoved => "a row was removed",
            Self::RowVanished => "a row was removed before it was chained",
            Self::RowUnknown => "a row was slipped in, or taken out of the queue",
            Self::BlockChanged => "a block was changed",
            Self::BlocksSwapped => "blocks were exchanged",
            Self::BlockMissing => "a block is missing",
            Self::BlockUnknown => "a block belongs to no chain",
            Self::ChainRewritten => {
                "the chain was made anew: a block is not the one that was signed"
            }
            Self::TailCut => "the end of the chain was cut: a block that was signed is missing",
            Self::HeadWrong => "the head of the chain is not its last block",
            Self::BaseForged => "the beginning of the chain is not signed",
            Self::CheckpointForged => "a checkpoint is not what was signed",
            Self::CheckpointUnlinked => "a checkpoint does not follow the one before it",
            Self::CheckpointMissing => "a checkpoint is missing",
            Self::CheckpointsCut => {
                "the end was cut with its checkpoints: the one that OpenBao remembers is not here"
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault.sentence())?;
        match (&self.namespace, self.vendor_id) {
            (Some(namespace), _) => write!(f, "; vendor {namespace}")?,
            (None, Some(0)) => write!(f, "; events of no vendor")?,
            (None, Some(id)) => write!(f, "; vendor number {id}")?,
            (None, None) => {}
        }
        if let Some(id) = self.event_id {
            write!(f, "; event {id}")?;
        }
        if let Some(at) = self.event_at {
            write!(f, " of {at}")?;
        }
        if let Some(action) = &self.action {
            write!(f, ", {action:?}")?;
        }
        if let Some(id) = self.holds_event_id {
            write!(f, ", holds what event {id} held")?;
        }
        if let Some(seq) = self.block {
            write!(f, "; block {seq}")?;
        }
        if let Some(number) = self.checkpoint {
            write!(f, "; checkpoint {number}")?;
        }
        Ok(())
    }
}

/// Before when a chain's events may be gone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Whose chain; 0 for events of no vendor.
    pub vendor_id: i64,
    /// The vendor's namespace.
    pub namespace: Option<String>,
    /// When.
    pub removed_before: Option<Timestamp>,
}

/// What a verification found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Chains that were gone through.
    pub chains: u64,
    /// Blocks.
    pub blocks: u64,
    /// Events whose rows are what was chained.
    pub events: u64,
    /// Events whose rows retention removed.
    pub removed: u64,
    /// Checkpoints whose signatures and links are good.
    pub checkpoints: u64,
    /// When the newest of them was made.
    pub last_checkpoint_at: Option<Timestamp>,
    /// The number of the one that OpenBao remembers.
    pub remembered: Option<i64>,
    /// Before when events may be gone, by chain: those that retention came by.
    pub removed_before: Vec<Removed>,
    /// Events that wait to be chained.
    pub waiting: i64,
    /// Events in blocks that no checkpoint covers yet.
    pub unsigned: u64,
    /// The first place where something is wrong.
    pub first: Option<Place>,
    /// Others: the first of each chain, and of the checkpoints.
    pub others: Vec<Place>,
}

impl Found {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn settle(mut self, mut places: Vec<Place>) -> Self {
        places.sort_by_key(|place| place.made);
        let mut places = places.into_iter();
        self.first = places.next();
        self.others = places.take(MOST).collect();
        self
    }
}

/// More places than this are not told.
const MOST: usize = 100;
