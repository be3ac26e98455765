//! Words in statements that no line of the source names: parameters of functions, and texts that grow.

/// What stands for an expression.
pub enum Words {
    /// One of these texts.
    Any(&'static [&'static str]),
    /// One of these constants.
    Constants(&'static [&'static str]),
    /// Any literal or `format!` of the function.
    Pieces,
}

const KINDS: Words = Words::Constants(&[
    "crate::users::accounts::whose::USERS",
    "crate::users::accounts::whose::OPERATORS",
]);
const LOGS: Words = Words::Any(&["events", "access_logs"]);
const FORGOTTEN: Words = Words::Any(&["sites"]);
const TIMELINE: &str = "access_logs/timeline/store.rs";
const RETENTION: &str = "access_logs/retention/store.rs";
const SESSIONS: &str = "users/accounts/sessions/store.rs";

/// The file, the function, the expression as it is written without spaces, and what stands for it.
pub const WORDS: &[(&str, &str, &str, Words)] = &[
    (RETENTION, "has_rows", "table", LOGS),
    (RETENTION, "end_of_batch", "table", LOGS),
    (RETENTION, "delete_rows", "table", LOGS),
    (TIMELINE, "value", "self.values.len()", Words::Any(&["9"])),
    (TIMELINE, "tried", "all", Words::Pieces),
    (TIMELINE, "rows", "most", Words::Any(&["50"])),
    (TIMELINE, "most_scanned", "SCAN", Words::Any(&["100"])),
    (
        TIMELINE,
        "most_scanned",
        "SCAN_JOINED",
        Words::Any(&["100"]),
    ),
    (
        TIMELINE,
        "edge",
        "most_scanned(lane,reading)-1",
        Words::Any(&["99"]),
    ),
    (SESSIONS, "by_id", "of", KINDS),
    (SESSIONS, "purge", "of", KINDS),
    ("vendors/cancel/store.rs", "forget", "table", FORGOTTEN),
    (
        "tokens/revoke/store.rs",
        "mark_of_site",
        "which",
        Words::Any(&["AND kind <> 'delete'", ""]),
    ),
];
