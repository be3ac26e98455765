//! The words that code chooses: notices after an action, names of states, of checks and of errors. Those of pages stand in
//! their templates.

/// What is said of an action that was done, by the word behind `?done=`.
#[must_use]
pub fn notice(done: &str) -> Option<&'static str> {
    Some(match done {
        "suspended" => "The vendor is suspended. Its tokens are being revoked.",
        "resumed" => "The vendor is active again.",
        "cancelled" => "The vendor is cancelled. What is left of it is being removed.",
        "pair-ended" => "The key pair has ended.",
        "site-removed" => "The site is removed, and its tokens are dead.",
        "site-queued" => {
            "The site is refused everywhere. OpenBao did not answer: its secret is removed as soon as it does."
        }
        "revoked" => "The token is dead.",
        "revoke-queued" => {
            "The token is to end. OpenBao did not answer: it is revoked as soon as it does."
        }
        "replayed" => "The message is sent again.",
        "password" => "Your password is changed. Your other sessions have ended.",
        "totp" => "Your second factor is set up.",
        "one-ended" => "It has ended.",
        "all-ended" => "They have ended.",
        "session-ended" => "The session has ended.",
        "signed-out" => "You are signed out.",
        "task-run" => "The task has made a pass.",
        "task-failed" => "The pass failed. The log says why, and the task repeats it by itself.",
        "task-busy" => "Another replica is at this task just now.",
        "credential-made" => "The credential is there. Workers who may read it can ask for it.",
        "credential-changed" => "The new version is there.",
        "credential-deleted" => "The credential is deleted. It can be brought back.",
        "credential-back" => "The credential is back.",
        "credential-destroyed" => "The credential is gone for good. Its key is free again.",
        "hook-changed" => "The webhook is changed.",
        "hook-on" => "Messages are sent to it again, from now on.",
        "hook-off" => "The webhook is paused, and what waited for it is given up.",
        "hook-tested" => "A test is on its way. See below what comes of it.",
        "hook-removed" => "The webhook is removed.",
        "user-changed" => "The user is changed.",
        "user-removed" => "The user is removed.",
        "user-rules" => "It is as you wanted, from the next sign-in on.",
        "lockbox-made" => "The lockbox has its password, and is unlocked.",
        "lockbox-open" => "The lockbox is unlocked.",
        "lockbox-locked" => "The lockbox is locked, everywhere.",
        "entry-made" => "The entry is added.",
        "entry-changed" => "The entry is changed.",
        "entry-deleted" => "The entry is deleted.",
        "renewed" => "The app tokens are renewed.",
        _ => return None,
    })
}

/// A check of the readiness.
#[must_use]
pub fn check(name: &str) -> &str {
    match name {
        "database" => "PostgreSQL",
        "openbao" => "OpenBao",
        "app_tokens" => "App tokens",
        "keys" => "Keys of the service",
        "clock" => "Clocks",
        "running" => "This replica",
        other => other,
    }
}

/// What is wrong with it.
#[must_use]
pub fn problem(word: &str) -> &str {
    match word {
        "out_of_sight" => "out of sight",
        "unavailable" => "does not answer",
        "timeout" => "answers too slowly",
        "sealed" => "is sealed",
        "no_app_token" => "no app token is held",
        "app_token_refused" => "refuses the app token",
        "expiring" => "about to end",
        "not_loaded" => "not read yet",
        "apart" => "too far apart",
        "stopping" => "is stopping",
        other => other,
    }
}

/// The colour that goes with a state: a class of the style sheet. The word always stands beside it.
#[must_use]
pub fn tone(state: &str) -> &'static str {
    match state {
        "active" | "live" | "done" | "delivered" | "enabled" => "good",
        "suspended" | "ending" | "waiting" | "refused" | "unpaid" => "warn",
        "cancelled" | "dead" | "failed" | "revoked" => "bad",
        _ => "plain",
    }
}

/// The heading of an error page, and what whoever reads it can do.
#[must_use]
pub fn error(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("That address does not work", "Go back and try again."),
        403 => (
            "This is not allowed",
            "Go back, load the page again, and try once more.",
        ),
        404 => (
            "Nothing is here",
            "It may have been removed, or the address is wrong.",
        ),
        405 => (
            "That address does not work",
            "It is there for forms of these pages only.",
        ),
        409 | 412 => (
            "It has changed meanwhile",
            "Go back, load the page again, and see how it stands now.",
        ),
        422 => ("Something is wrong with the form", "Go back and mend it."),
        423 => (
            "Locked",
            "Whoever may unlock it does so on its own page. Then try again.",
        ),
        429 => ("Too many requests", "Wait a moment, then try again."),
        503 => (
            "Not available just now",
            "PostgreSQL or OpenBao does not answer. Try again in a moment.",
        ),
        _ => (
            "Something went wrong",
            "Try again. If it stays so, look into the log for the request named here.",
        ),
    }
}

/// What is said at a sign-in that was refused.
#[must_use]
pub fn sign_in(code: &str) -> &'static str {
    match code {
        "totp_required" => {
            "The password is right. Type it again, with a code of your authenticator app."
        }
        "locked_out" => {
            "Too many wrong tries. Whoever looks after your account must reset your password."
        }
        "credentials_invalid" => "The name, the password or the code is wrong.",
        _ => "Signing in is not possible just now. Try again in a moment.",
    }
}

/// What is said of a password or a code that was refused.
#[must_use]
pub fn proof(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "password_wrong" => ("password", "is not your password"),
        "totp_wrong" => ("code", "is wrong, or was used: wait for the next one"),
        _ => return None,
    })
}
