//! Places where a test ends the process as a crash would, in debug builds only: a release has none of it.
//!
//! `GATEHOUSE_KILL_AT` names one place. Each call to OpenBao has two, `before POST sys/mounts/acme1-store` and `after
//! POST sys/mounts/acme1-store`; what is written to PostgreSQL has them around the commit, and an answer that is kept has them
//! around its first byte. Nothing else leaves the process, so what a crash can leave is what is found after one of these.
//!
//! With `GATEHOUSE_KILL_IN` only what a background task does itself counts. That task begins at once then, and again and
//! again. `GATEHOUSE_KILL_AHEAD` says by how many seconds the service's clock is ahead, so that what the task waits for is
//! due.

use std::fmt::Display;

/// Ends the process here with SIGKILL, if a test has chosen this place.
#[inline]
pub fn kill_point(place: impl Display) {
    #[cfg(debug_assertions)]
    chosen::kill(&place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

/// Whether a test has chosen this place.
#[must_use]
pub fn is_chosen(place: &str) -> bool {
    #[cfg(debug_assertions)]
    return chosen::is(&place);
    #[cfg(not(debug_assertions))]
    {
        let _ = place;
        false
    }
}

/// What a background task does: the places in it are the task's.
pub async fn within<T>(task: &'static str, work: impl Future<Output = T>) -> T {
    #[cfg(debug_assertions)]
    return chosen::TASK.scope(task, work).await;
    #[cfg(not(debug_assertions))]
    {
        let _ = task;
        work.await
    }
}

/// Whether a test has chosen this task, which begins at once then.
#[must_use]
pub fn is_chosen_task(task: &str) -> bool {
    #[cfg(debug_assertions)]
    return chosen::CHOICE.task.as_deref() == Some(task);
    #[cfg(not(debug_assertions))]
    {
        let _ = task;
        false
    }
}

/// By how many seconds a test has the service's clock ahead.
#[must_use]
pub fn seconds_ahead() -> i64 {
    #[cfg(debug_assertions)]
    return chosen::CHOICE.ahead;
    #[cfg(not(debug_assertions))]
    0
}

#[cfg(debug_assertions)]
mod chosen {
    use std::fmt::Display;
    use std::sync::LazyLock;

    use rustix::process::{Signal, getpid, kill_process};

    pub struct Choice {
        place: Option<String>,
        pub task: Option<String>,
        pub ahead: i64,
    }

    pub static CHOICE: LazyLock<Choice> = LazyLock::new(|| {
        let chosen = |name: &str| std::env::var(name).ok();
        let ahead = chosen("GATEHOUSE_KILL_AHEAD");
        Choice {
            place: chosen("GATEHOUSE_KILL_AT"),
            task: chosen("GATEHOUSE_KILL_IN"),
            ahead: ahead.and_then(|ahead| ahead.parse().ok()).unwrap_or(0),
        }
    });

    tokio::task_local! {
        pub static TASK: &'static str;
    }

    pub fn is(place: &impl Display) -> bool {
        let Some(chosen) = &CHOICE.place else {
            return false;
        };
        let is_here = CHOICE
            .task
            .as_deref()
            .is_none_or(|task| TASK.try_with(|here| *here == task).unwrap_or(false));
        is_here && *chosen == place.to_string()
    }

    pub fn kill(place: &impl Display) {
        if is(place) {
            kill_process(getpid(), Signal::KILL).ok();
            // The signal is on its way: nothing more is done meanwhile.
            std::thread::park();
        }
    }
}
