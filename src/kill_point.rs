//! Places where a test ends the process as a crash would, in debug builds only: a release has none of it.
//!
//! `GATEHOUSE_KILL_AT` names one place. Each call to OpenBao has two, `before POST sys/mounts/acme1-store` and `after
//! POST sys/mounts/acme1-store`; what is written to PostgreSQL has them around the commit. Nothing else leaves the
//! process, so what a crash can leave is what is found after one of these.

use std::fmt::Display;

/// Ends the process here with SIGKILL, if a test has chosen this place.
#[inline]
pub fn kill_point(place: impl Display) {
    #[cfg(debug_assertions)]
    chosen::kill(&place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

#[cfg(debug_assertions)]
mod chosen {
    use std::fmt::Display;
    use std::sync::LazyLock;

    use rustix::process::{Signal, getpid, kill_process};

    static PLACE: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("GATEHOUSE_KILL_AT").ok());

    pub fn kill(place: &impl Display) {
        let Some(chosen) = PLACE.as_ref() else { return };
        if *chosen == place.to_string() {
            kill_process(getpid(), Signal::KILL).ok();
            // The signal is on its way: nothing more is done meanwhile.
            std::thread::park();
        }
    }
}
