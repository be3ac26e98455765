//! Rate limits: per client address, per vendor, and for refused credentials. Each replica counts for itself.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::client_address;
use crate::app::App;
use crate::config::{LimitConfig, Rate};
use crate::error::{Error, Result};
use crate::types::VendorId;

/// Whose requests in a vendor's name are counted together, so that one kind cannot use up another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// By the private key.
    Vendor,
    /// By the public key, which is printed in every copy of a plugin.
    Plugin,
    /// Removals by the public key.
    PluginRemovals,
    /// By workers.
    Workers,
    /// By users.
    Users,
}

/// What clients report of their own accord, with the public key that everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Report {
    /// A lockdown.
    Lockdown,
    /// A log-in that failed.
    Attempt,
    /// A sealed message.
    Message,
}

/// The limiters.
pub struct Limits {
    address: DefaultKeyedRateLimiter<IpAddr>,
    refused: DefaultKeyedRateLimiter<IpAddr>,
    vendor: DefaultKeyedRateLimiter<(VendorId, Share)>,
    passwords: DefaultKeyedRateLimiter<IpAddr>,
    tests: DefaultKeyedRateLimiter<VendorId>,
    refusals: DefaultKeyedRateLimiter<VendorId>,
    reports: DefaultKeyedRateLimiter<(VendorId, Report)>,
    reporters: DefaultKeyedRateLimiter<(VendorId, Report, IpAddr)>,
}

/// Tests of credentials of one vendor: they are tries to log in somewhere else.
const TESTS: Rate = Rate {
    per_second: 1,
    burst: 10,
};

/// Refusals of a vendor's public key, which everybody has, that are a row each.
const REFUSALS: Rate = Rate {
    per_second: 1,
    burst: 60,
};

/// Reports of one kind about one vendor: each is a row that is kept for weeks.
const REPORTS: Rate = Rate {
    per_second: 10,
    burst: 600,
};

/// The same from one client address, behind which many sites may be: so many at once, and then one every 5 seconds.
const REPORTER_BURST: u32 = 120;
const REPORTER_PAUSE: Duration = Duration::from_secs(5);

impl Limits {
    /// Empty limiters.
    #[must_use]
    pub fn new(config: &LimitConfig) -> Self {
        Self {
            address: RateLimiter::keyed(quota(config.address)),
            refused: RateLimiter::keyed(quota(config.refused)),
            vendor: RateLimiter::keyed(quota(config.vendor)),
            passwords: RateLimiter::keyed(quota(config.refused)),
            tests: RateLimiter::keyed(quota(TESTS)),
            refusals: RateLimiter::keyed(quota(REFUSALS)),
            reports: RateLimiter::keyed(quota(REPORTS)),
            reporters: RateLimiter::keyed(reporter()),
        }
    }

    /// Counts a request of this address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        check(&self.address, &network(address))
    }

    /// Counts refused credentials of this address. Right ones are never held back by it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_refused(&self, address: IpAddr) -> Result<()> {
        check(&self.refused, &network(address))
    }

    /// Counts a password of this address that is to be looked at, right or wrong: that takes memory and time. One that
    /// was right a moment ago is not looked at again.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_password(&self, address: IpAddr) -> Result<()> {
        check(&self.passwords, &network(address))
    }

    /// Counts a request in this vendor's name.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_vendor(&self, vendor: VendorId, share: Share) -> Result<()> {
        check(&self.vendor, &(vendor, share))
    }

    /// Counts a test of a credential of this vendor.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_test(&self, vendor: VendorId) -> Result<()> {
        check(&self.tests, &vendor)
    }

    /// Counts a report about this vendor from this address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_report(&self, vendor: VendorId, report: Report, from: IpAddr) -> Result<()> {
        check(&self.reporters, &(vendor, report, network(from)))?;
        check(&self.reports, &(vendor, report))
    }

    /// Whether a refusal of this vendor's public key is a row of its own still; else it is only counted.
    #[must_use]
    pub fn may_tell(&self, vendor: VendorId) -> bool {
        self.refusals.check_key(&vendor).is_ok()
    }

    /// Forgets who has not called for a while.
    pub fn tidy(&self) {
        for limiter in [&self.address, &self.refused, &self.passwords] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.vendor.retain_recent();
        self.vendor.shrink_to_fit();
        for limiter in [&self.tests, &self.refusals] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.reports.retain_recent();
        self.reports.shrink_to_fit();
        self.reporters.retain_recent();
        self.reporters.shrink_to_fit();
    }
}

/// Middleware: counts each request against its client address.
///
/// # Errors
/// [`Error::RateLimited`] over the limit.
pub async fn by_address(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> std::result::Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if let Some(app) = request.app_data::<web::Data<App>>() {
        // Machines that watch the service are not clients of it.
        if !matches!(request.path(), "/healthz" | "/readyz") {
            app.limits
                .check_address(client_address(app, request.request()))?;
        }
    }
    next.call(request).await
}

fn reporter() -> Quota {
    let burst = NonZeroU32::new(REPORTER_BURST).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(REPORTER_PAUSE).unwrap_or(Quota::per_minute(burst));
    quota.allow_burst(burst)
}

fn quota(rate: Rate) -> Quota {
    let some = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(some(rate.per_second)).allow_burst(some(rate.burst))
}

fn check<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<()> {
    limiter.check_key(key).map_err(|until| {
        metrics::counter!("gatehouse_rate_limited_total").increment(1);
        let wait = until.wait_time_from(DefaultClock::default().now());
        Error::RateLimited {
            retry_after: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        }
    })
}

/// What counts as one client: one subscriber has a whole /64 of IPv6.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let s = v6.segments();
            let network = IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0));
            v6.to_ipv4_mapped().map_or(network, IpAddr::V4)
        }
    }
}
