//! Whose accounts: a vendor's users, or the platform's own operators. They lie in tables apart which are alike, so that
//! each statement on an account is written once.

use jiff::SignedDuration;

use crate::types::VendorId;

/// Stands where a vendor stands with users: the platform itself, whose accounts are the operators. No vendor has it.
pub const PLATFORM: VendorId = VendorId(-1);

/// Where accounts of one kind lie, and the few words in which statements on them differ.
#[derive(Clone, Copy)]
pub struct Tables {
    /// The accounts, called `u` where a statement names more than one table.
    pub people: &'static str,
    /// Their sessions, called `s`.
    pub sessions: &'static str,
    /// The column of a session that names its account.
    pub holder: &'static str,
    /// What equals the vendor.
    pub vendor: &'static str,
    /// The same of a session beside its account.
    pub session_vendor: &'static str,
    /// Columns of a new session that say whose it is, and their values of `$1` and `$2`.
    pub owner: (&'static str, &'static str),
    /// That a session's account is of the same vendor.
    pub same_vendor: &'static str,
    /// The columns of an account.
    pub columns: &'static str,
    /// Whether accounts `u` must have a second factor.
    pub demanded: &'static str,
    /// What a password that its owner chose changes besides.
    pub chosen: &'static str,
    /// What the use of a session at `$3` changes besides.
    pub used: &'static str,
    /// How long a session lasts, or lasts after each use.
    pub life: SignedDuration,
}

/// Of vendors' users.
pub const USERS: Tables = Tables {
    people: "users",
    sessions: "user_sessions",
    holder: "user_id",
    vendor: "vendor_id",
    session_vendor: "s.vendor_id",
    owner: ("vendor_id, user_id", "$1, $2"),
    same_vendor: " AND u.vendor_id = s.vendor_id",
    columns: "u.id, u.vendor_id, u.name, u.groups, u.password_edition, u.password_changed_at, \
              false AS password_temporary, u.totp_confirmed_at, u.disabled_at, u.created_at, u.updated_at, \
              u.last_login_at",
    demanded: "EXISTS (SELECT 1 FROM user_rules r WHERE r.vendor_id = u.vendor_id AND r.require_totp)",
    chosen: "",
    used: "",
    life: SignedDuration::from_hours(12),
};

/// Of operators. Their sessions end 30 minutes after they were used last, and 12 hours after the log-in.
pub const OPERATORS: Tables = Tables {
    people: "operators",
    sessions: "operator_sessions",
    holder: "operator_id",
    vendor: "(-1)::bigint",
    session_vendor: "(-1)::bigint",
    owner: ("operator_id", "CASE $1::bigint WHEN -1 THEN $2::bigint END"),
    same_vendor: "",
    columns: "u.id, (-1)::bigint AS vendor_id, u.name, '{}'::text[] AS groups, u.password_edition, \
              u.password_changed_at, u.password_temporary, u.totp_confirmed_at, u.disabled_at, u.created_at, \
              u.updated_at, u.last_login_at",
    demanded: "true",
    chosen: ", password_temporary = false",
    used: ", expires_at = least(created_at + interval '12 hours', $3::timestamptz + interval '30 minutes')",
    life: SignedDuration::from_mins(30),
};

/// Where the accounts of a vendor, or of [`PLATFORM`], lie.
#[must_use]
pub fn tables(vendor: VendorId) -> Tables {
    if vendor == PLATFORM { OPERATORS } else { USERS }
}
