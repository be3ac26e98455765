//! Rate limits: per client address, per vendor, and for refused credentials. Each replica counts for itself.

mod fields;

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

pub use fields::Counted;

use super::client_address;
use crate::app::App;
use crate::config::{LimitConfig, Rate};
use crate::error::{Error, Result};
use crate::telemetry;
use crate::types::VendorId;

/// Whose requests in a vendor's name are counted together, so that one kind cannot use up another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// By the private key.
    Vendor,
    /// By the public key, which is printed in every copy of a plugin.
    Plugin,
    /// By tokens that the vendor signed for its client plugins.
    SignedClients,
    /// Removals by the public key.
    PluginRemovals,
    /// By workers.
    Workers,
    /// By users.
    Users,
    /// By workloads that a trust policy lets in.
    Workloads,
}

impl Share {
    fn policy(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Plugin => "plugin",
            Self::PluginRemovals => "plugin-removals",
            Self::Workers => "workers",
            Self::Users => "users",
            Self::Workloads => "workloads",
            Self::SignedClients => "signed-clients",
        }
    }
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

/// A limit by key, and its name in the `RateLimit` fields.
struct Limit<K: Hash + Eq + Clone> {
    policy: &'static str,
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(policy: &'static str, quota: Quota) -> Self {
        let limiter = RateLimiter::keyed(quota).with_middleware();
        Self { policy, limiter }
    }

    /// Counts, and says in the answer under this name what is left.
    fn count(&self, policy: &'static str, key: &K) -> Result<()> {
        let (quota, left) = match self.limiter.check_key(key) {
            Ok(state) => (state.quota(), Ok(state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                (
                    until.quota(),
                    Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
                )
            }
        };
        let each = quota.replenish_interval();
        let burst = quota.burst_size().get();
        let seconds = |of: u32| (each * of).as_secs_f64().ceil();
        let (remaining, reset) = match left {
            Ok(remaining) => (remaining, whole(seconds(burst - remaining.min(burst)))),
            Err(wait) => (0, wait),
        };
        telemetry::current().limits.note(fields::Left {
            policy,
            burst,
            window: whole(seconds(burst)).max(1),
            remaining,
            reset,
        });
        left.map(|_| ()).map_err(|retry_after| {
            metrics::counter!("gatehouse_rate_limited_total", "limit" => policy).increment(1);
            Error::RateLimited { retry_after }
        })
    }

    fn check(&self, key: &K) -> Result<()> {
        self.count(self.policy, key)
    }

    fn tidy(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds of a quota: small, and never negative"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// The limiters.
pub struct Limits {
    address: Limit<IpAddr>,
    refused: Limit<IpAddr>,
    vendor: Limit<(VendorId, Share)>,
    passwords: Limit<IpAddr>,
    tests: Limit<VendorId>,
    refusals: Limit<VendorId>,
    workloads: Limit<VendorId>,
    reports: Limit<(VendorId, Report)>,
    reporters: Limit<(VendorId, Report, IpAddr)>,
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
            address: Limit::new("address", quota(config.address)),
            refused: Limit::new("refused-credentials", quota(config.refused)),
            vendor: Limit::new("vendor", quota(config.vendor)),
            passwords: Limit::new("passwords", quota(config.refused)),
            tests: Limit::new("tests", quota(TESTS)),
            refusals: Limit::new("refusals", quota(REFUSALS)),
            workloads: Limit::new("workloads", quota(REFUSALS)),
            reports: Limit::new("reports", quota(REPORTS)),
            reporters: Limit::new("reporters", reporter()),
        }
    }

    /// Counts a request of this address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        self.address.check(&network(address))
    }

    /// Counts refused credentials of this address. Right ones are never held back by it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_refused(&self, address: IpAddr) -> Result<()> {
        self.refused.check(&network(address))
    }

    /// Counts a password of this address that is to be looked at, right or wrong: that takes memory and time. One that
    /// was right a moment ago is not looked at again.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_password(&self, address: IpAddr) -> Result<()> {
        self.passwords.check(&network(address))
    }

    /// Counts a request in this vendor's name.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_vendor(&self, vendor: VendorId, share: Share) -> Result<()> {
        self.vendor.count(share.policy(), &(vendor, share))
    }

    /// Counts a test of a credential of this vendor.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_test(&self, vendor: VendorId) -> Result<()> {
        self.tests.check(&vendor)
    }

    /// Counts a report about this vendor from this address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] over the limit.
    pub fn check_report(&self, vendor: VendorId, report: Report, from: IpAddr) -> Result<()> {
        self.reporters.check(&(vendor, report, network(from)))?;
        self.reports.check(&(vendor, report))
    }

    /// Whether a refusal of this vendor's public key is a row of its own still; else it is only counted.
    #[must_use]
    pub fn may_tell(&self, vendor: VendorId) -> bool {
        self.refusals.limiter.check_key(&vendor).is_ok()
    }

    /// The same of tokens of workloads: everybody can have one of a public issuer.
    #[must_use]
    pub fn may_tell_workload(&self, vendor: VendorId) -> bool {
        self.workloads.limiter.check_key(&vendor).is_ok()
    }

    /// Forgets who has not called for a while.
    pub fn tidy(&self) {
        for limit in [&self.address, &self.refused, &self.passwords] {
            limit.tidy();
        }
        for limit in [&self.tests, &self.refusals, &self.workloads] {
            limit.tidy();
        }
        self.vendor.tidy();
        self.reports.tidy();
        self.reporters.tidy();
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
