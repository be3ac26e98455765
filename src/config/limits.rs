//! Rate limits.

use std::str::FromStr;

use super::env::invalid;
use super::{Env, Result};

/// Rate limits, in requests per second with a burst. Each replica counts for itself.
#[derive(Clone, Copy, Debug)]
pub struct LimitConfig {
    /// All requests of one client address: `GATEHOUSE_LIMIT_ADDRESS`, default `50/200`.
    pub address: Rate,
    /// All requests in one vendor's name: `GATEHOUSE_LIMIT_VENDOR`, default `100/400`.
    pub vendor: Rate,
    /// Refused credentials of one client address, and passwords of users that are looked at for it, right or wrong:
    /// `GATEHOUSE_LIMIT_REFUSED`, default `5/20`.
    pub refused: Rate,
    /// How many tokens may live at once.
    pub leases: LeaseCaps,
}

/// How many tokens may live at once: each is a lease of OpenBao's, which is advised to hold 256,000 at most.
#[derive(Clone, Copy, Debug)]
pub struct LeaseCaps {
    /// Of all vendors: `GATEHOUSE_LEASES`, default 256000.
    pub all: u32,
    /// Of one vendor, where an operator set no other: `GATEHOUSE_LEASES_VENDOR`, default 25600.
    pub vendor: u32,
    /// Of one client address that shows a vendor's public key: `GATEHOUSE_LEASES_ADDRESS`, default 2560.
    pub address: u32,
    /// How much of the first two is kept from public keys, in percent: `GATEHOUSE_LEASES_RESERVE`, 0 to 90, default 10.
    pub reserve_percent: u32,
}

/// So many per second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Per second, at least 1.
    pub per_second: u32,
    /// At once, at least 1.
    pub burst: u32,
}

impl Rate {
    /// So many per second, and so many at once.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

impl FromStr for Rate {
    type Err = &'static str;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let problem = "must be <per second>/<burst>, both at least 1";
        let (per_second, burst) = text.split_once('/').ok_or(problem)?;
        let read = |part: &str| {
            part.trim()
                .parse::<u32>()
                .ok()
                .filter(|n| *n > 0)
                .ok_or(problem)
        };
        Ok(Self {
            per_second: read(per_second)?,
            burst: read(burst)?,
        })
    }
}

impl LimitConfig {
    pub(super) const SERVE: Self = Self {
        address: Rate::new(50, 200),
        vendor: Rate::new(100, 400),
        refused: Rate::new(5, 20),
        leases: LeaseCaps {
            all: 256_000,
            vendor: 25_600,
            address: 2560,
            reserve_percent: 10,
        },
    };
    /// Wide enough for a load test on one machine.
    pub(super) const DEV: Self = Self {
        address: Rate::new(20_000, 20_000),
        vendor: Rate::new(20_000, 20_000),
        refused: Rate::new(20_000, 20_000),
        leases: LeaseCaps::WIDE,
    };

    pub(super) fn from_env(env: &Env, default: Self) -> Result<Self> {
        Ok(Self {
            address: env.parsed("GATEHOUSE_LIMIT_ADDRESS", default.address)?,
            vendor: env.parsed("GATEHOUSE_LIMIT_VENDOR", default.vendor)?,
            refused: env.parsed("GATEHOUSE_LIMIT_REFUSED", default.refused)?,
            leases: LeaseCaps::from_env(env, default.leases)?,
        })
    }
}

impl LeaseCaps {
    /// None that a load test on one machine comes near to.
    pub const WIDE: Self = Self {
        all: 10_000_000,
        vendor: 10_000_000,
        address: 10_000_000,
        reserve_percent: 10,
    };

    fn from_env(env: &Env, default: Self) -> Result<Self> {
        let name = "GATEHOUSE_LEASES_RESERVE";
        let reserve_percent = env.parsed(name, default.reserve_percent)?;
        if reserve_percent > 90 {
            return Err(invalid(name, &"must be 0 to 90"));
        }
        Ok(Self {
            all: env.parsed("GATEHOUSE_LEASES", default.all)?,
            vendor: env.parsed("GATEHOUSE_LEASES_VENDOR", default.vendor)?,
            address: env.parsed("GATEHOUSE_LEASES_ADDRESS", default.address)?,
            reserve_percent,
        })
    }
}
