//! The counts in memory: what the ledger held when it was counted last, and what came since.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use super::Exhausted;
use crate::types::VendorId;

/// Whom a token is counted for.
pub struct Whose {
    /// The vendor.
    pub vendor: VendorId,
    /// What counts as one client, where the public key was shown.
    pub network: Option<IpAddr>,
}

/// What the ledger held.
#[derive(Default)]
pub struct Counts {
    /// Tokens that the service uses itself, of all vendors.
    pub own: u32,
    /// All others.
    pub vendors: HashMap<VendorId, Live>,
    /// Those of client addresses that hold many.
    pub networks: HashMap<(VendorId, IpAddr), Live>,
}

/// Live tokens of somebody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live {
    /// How many.
    pub tokens: u32,
    /// When the next of them is over for good.
    pub next_end: Option<Timestamp>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    counted: Live,
    /// On record since the last count began.
    since: u32,
    /// On record before it began, and after the one before.
    before: u32,
    /// Asked for, and not on record yet. One of these may be counted twice until the next count.
    under_way: u32,
}

impl Tally {
    fn sum(&self) -> u32 {
        let all = [self.since, self.before, self.under_way];
        all.into_iter()
            .fold(self.counted.tokens, u32::saturating_add)
    }

    fn enter(&mut self) {
        self.under_way = self.under_way.saturating_add(1);
    }

    fn leave(&mut self, is_filled: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        self.since = self.since.saturating_add(u32::from(is_filled));
    }

    fn begin(&mut self) {
        self.before = self.before.saturating_add(self.since);
        self.since = 0;
    }

    fn replace(&mut self, counted: Live) {
        self.counted = counted;
        self.before = 0;
    }
}

/// All of them.
#[derive(Default)]
pub struct Tallies {
    all: Tally,
    vendors: HashMap<VendorId, Tally>,
    networks: HashMap<(VendorId, IpAddr), Tally>,
}

impl Tallies {
    /// Tokens that live, of all vendors and the service's own.
    pub fn of_all(&self) -> u32 {
        self.all.sum()
    }

    /// Those of a vendor.
    pub fn of_vendor(&self, vendor: VendorId) -> u32 {
        self.vendors.get(&vendor).map_or(0, Tally::sum)
    }

    /// Those of a client.
    pub fn of_network(&self, vendor: VendorId, network: IpAddr) -> u32 {
        self.networks.get(&(vendor, network)).map_or(0, Tally::sum)
    }

    fn each(&mut self, whose: &Whose, change: impl Fn(&mut Tally)) {
        change(&mut self.all);
        change(self.vendors.entry(whose.vendor).or_default());
        if let Some(network) = whose.network {
            change(self.networks.entry((whose.vendor, network)).or_default());
        }
    }

    /// A token is asked for.
    pub fn enter(&mut self, whose: &Whose) {
        self.each(whose, Tally::enter);
    }

    /// It is on record, or will not be.
    pub fn leave(&mut self, whose: &Whose, is_filled: bool) {
        self.each(whose, |tally| tally.leave(is_filled));
    }

    /// The ledger is about to be counted.
    pub fn begin(&mut self) {
        self.all.begin();
        self.vendors.values_mut().for_each(Tally::begin);
        self.networks.values_mut().for_each(Tally::begin);
    }

    /// The ledger was counted.
    pub fn replace(&mut self, counts: Counts) {
        let of_vendors = counts.vendors.values();
        let ends = of_vendors.clone().filter_map(|live| live.next_end);
        let all = Live {
            next_end: ends.min(),
            tokens: of_vendors.fold(counts.own, |sum, live| sum.saturating_add(live.tokens)),
        };
        self.all.replace(all);
        replace(&mut self.vendors, counts.vendors);
        replace(&mut self.networks, counts.networks);
    }

    /// When the next token of those ends whose budget is used up.
    pub fn next_end(
        &self,
        vendor: VendorId,
        network: Option<IpAddr>,
        reason: Exhausted,
    ) -> Option<Timestamp> {
        let tally = match (reason, network) {
            (Exhausted::Service, _) => Some(&self.all),
            (Exhausted::Address, Some(network)) => self.networks.get(&(vendor, network)),
            _ => self.vendors.get(&vendor),
        };
        tally.and_then(|tally| tally.counted.next_end)
    }
}

fn replace<K: Eq + std::hash::Hash>(tallies: &mut HashMap<K, Tally>, mut counts: HashMap<K, Live>) {
    tallies.retain(|key, tally| {
        tally.replace(counts.remove(key).unwrap_or_default());
        tally.sum() > 0
    });
    for (key, counted) in counts {
        tallies.entry(key).or_default().replace(counted);
    }
    if tallies.capacity() > 4 * tallies.len() + 64 {
        tallies.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose = Whose {
        vendor: VendorId(1),
        network: None,
    };

    fn counted(tokens: u32) -> Counts {
        let live = Live {
            tokens,
            next_end: None,
        };
        Counts {
            vendors: HashMap::from([(WHOSE.vendor, live)]),
            ..Counts::default()
        }
    }

    #[test]
    fn tokens_are_counted_from_the_asking_to_the_next_count() {
        let mut tallies = Tallies::default();
        tallies.enter(&WHOSE);
        tallies.enter(&WHOSE);
        assert_eq!(tallies.of_vendor(WHOSE.vendor), 2);
        tallies.leave(&WHOSE, false);
        assert_eq!(tallies.of_vendor(WHOSE.vendor), 1);
        tallies.begin();
        // On record after the count began: the count may have missed it.
        tallies.leave(&WHOSE, true);
        tallies.replace(counted(0));
        assert_eq!((tallies.of_all(), tallies.of_vendor(WHOSE.vendor)), (1, 1));
        tallies.begin();
        tallies.replace(counted(1));
        assert_eq!((tallies.of_all(), tallies.of_vendor(WHOSE.vendor)), (1, 1));
    }

    #[test]
    fn count_that_failed_forgets_nothing() {
        let mut tallies = Tallies::default();
        tallies.enter(&WHOSE);
        tallies.leave(&WHOSE, true);
        tallies.begin();
        tallies.begin();
        assert_eq!(tallies.of_vendor(WHOSE.vendor), 1);
        tallies.replace(counted(0));
        assert_eq!(tallies.of_vendor(WHOSE.vendor), 0);
        assert!(tallies.vendors.is_empty());
    }
}
