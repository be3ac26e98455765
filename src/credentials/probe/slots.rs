//! How many tests run at once, in all and of one vendor: each may hold a connection to somebody for seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::types::VendorId;

const AT_ONCE: usize = 16;
const OF_ONE_VENDOR: usize = 2;

/// The tests under way.
#[derive(Default)]
pub struct Slots(Mutex<HashMap<VendorId, usize>>);

/// A test under way.
pub struct Slot<'a> {
    slots: &'a Slots,
    vendor: VendorId,
}

impl Slots {
    /// A place for a test; `None` where too many are under way.
    #[must_use]
    pub fn take(&self, vendor: VendorId) -> Option<Slot<'_>> {
        let mut taken = self.lock();
        let all: usize = taken.values().sum();
        let of_vendor = taken.get(&vendor).copied().unwrap_or_default();
        if all >= AT_ONCE || of_vendor >= OF_ONE_VENDOR {
            return None;
        }
        taken.insert(vendor, of_vendor + 1);
        Some(Slot {
            slots: self,
            vendor,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VendorId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if let Some(count) = taken.get_mut(&self.vendor) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.vendor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vendor_leaves_room_for_others() {
        let slots = Slots::default();
        let mut held: Vec<_> = (0..2).map(|_| slots.take(VendorId(1))).collect();
        assert!(held.iter().all(Option::is_some) && slots.take(VendorId(1)).is_none());
        held.extend((2..16).map(|vendor| slots.take(VendorId(vendor))));
        assert!(held.iter().all(Option::is_some) && slots.take(VendorId(99)).is_none());
        held.truncate(1);
        assert!(slots.take(VendorId(1)).is_some() && slots.lock().len() == 1);
    }
}
