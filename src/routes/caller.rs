//! Who may call a route.

/// Who may call a route. The handler's signature holds the same, as a type; this is what people and tests read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anyone.
    Anyone,
    /// The billing system, by signature.
    Billing,
    /// Whoever holds a claim token.
    ClaimHolder,
    /// A client plugin (public key), or the vendor.
    PluginOrVendor,
    /// The same, with the public key in the body too.
    StorerOrBody,
    /// The same, or the holder of the site's delete key, in every status of the vendor.
    Remover,
    /// The vendor.
    Vendor,
    /// The vendor, or a worker of it.
    Reader,
    /// Whoever knows a worker's name and key, or a user's name and password.
    LogIn,
    /// A user.
    User,
    /// The same, also with a session that is good for setting up a second factor only.
    EnrollingUser,
    /// The vendor, or a user in `Administrators`.
    UserAdmin,
    /// The vendor, in TrustedLogin's dialect.
    Connector,
    /// An operator.
    Operator,
    /// An operator who logged in: no token for scripts.
    Person,
    /// The same, also with a temporary password, or before there is a second factor.
    EnrollingPerson,
    /// A user in the group `Administrators`, for the lockbox.
    LockboxAdmin,
    /// Whoever has a browser. The console's, like those below: no bearer is one.
    Visitor,
    /// An operator, or a user of a vendor, who signed in to the console, whatever is still to be done at the first sign-in.
    Entrant,
    /// The same with all that done: one's own account.
    Holder,
    /// An operator who signed in to the console.
    SignedIn,
    /// The same, or an administrator of the vendor that the path names, who signed in to the console.
    Member,
    /// The same, or any other user of that vendor.
    Agent,
    /// A user of a vendor who signed in to the console: their lockbox. No operator.
    Colleague,
    /// The same, in the group `Administrators`: the vendor's own secrets.
    Steward,
}
