//! What is done to the servers and to the service, by name.

mod database;
mod openbao;
mod service;

use std::pin::Pin;
use std::time::Duration;

use crate::place::Place;

/// A step of a fault.
pub type Step = for<'a> fn(&'a mut Place) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A fault.
pub struct Fault {
    pub name: &'static str,
    /// Where it stands in the fault matrix.
    pub id: &'static str,
    pub what: &'static str,
    pub begin: Step,
    pub end: Step,
    pub lasts: Duration,
    /// Whether connections to the service break, as it is the service that is hurt.
    pub breaks_connections: bool,
}

impl Fault {
    const fn new(
        name: &'static str,
        id: &'static str,
        what: &'static str,
        begin: Step,
        end: Step,
    ) -> Self {
        Self {
            name,
            id,
            what,
            begin,
            end,
            lasts: Duration::from_secs(10),
            breaks_connections: false,
        }
    }
}

/// All of them, in the order they are done: the last leaves another server behind.
pub fn all() -> Vec<Fault> {
    let mut all = service::faults();
    all.extend(openbao::faults());
    all.extend(database::faults());
    all
}
