//! The rights of each app token.

use super::Need;

pub const fn need(path: &'static str, capability: &'static str, purpose: &'static str) -> Need {
    Need {
        path,
        capability,
        purpose,
    }
}

pub const ITSELF: &[Need] = &[
    need("auth/token/lookup-self", "read", "know itself"),
    need("auth/token/renew-self", "update", "renew itself"),
    need("sys/capabilities-self", "update", "know what it may do"),
];
pub const ISSUER: &[Need] = &[
    need(
        "auth/token/create/gatehouse-write",
        "update",
        "write tokens of a store",
    ),
    need(
        "auth/token/create/gatehouse-write-site",
        "update",
        "write tokens of a site",
    ),
    need(
        "auth/token/create/gatehouse-read",
        "update",
        "read tokens of a store",
    ),
    need(
        "auth/token/create/gatehouse-read-site",
        "update",
        "read tokens of a site",
    ),
    need(
        "auth/token/create/gatehouse-delete",
        "update",
        "delete tokens",
    ),
    need(
        "auth/token/create/gatehouse-credentials",
        "update",
        "tokens that read credentials",
    ),
    need(
        "auth/token/create/gatehouse-credentials-write",
        "update",
        "tokens that write credentials",
    ),
    need(
        "auth/token/create/gatehouse-purge",
        "update",
        "tokens that empty a cancelled vendor's stores",
    ),
    need(
        "auth/token/create/gatehouse-bound.write.any",
        "update",
        "tokens for some networks only",
    ),
    need(
        "auth/token/create/gatehouse-bound.write-site.any",
        "update",
        "tokens for some networks only",
    ),
    need(
        "auth/token/create/gatehouse-bound.read.any",
        "update",
        "tokens for some networks only",
    ),
    need(
        "auth/token/create/gatehouse-bound.read-site.any",
        "update",
        "tokens for some networks only",
    ),
    need(
        "auth/token/create/gatehouse-bound.credentials.any",
        "update",
        "tokens for some networks only",
    ),
    need("gatehouse-keys/data/digest", "read", "digests of API keys"),
    need("gatehouse-keys/data/lockbox", "read", "lockboxes"),
    need(
        "gatehouse-keys/data/event-chain",
        "read",
        "signing the trail",
    ),
    need(
        "gatehouse-keys/data/envelope-signing",
        "read",
        "signing envelopes",
    ),
    need(
        "gatehouse-keys/data/token-signing",
        "read",
        "signing access tokens",
    ),
    need(
        "gatehouse-keys/data/event-head",
        "read",
        "the trail's newest checkpoint",
    ),
    need(
        "gatehouse-keys/data/event-head",
        "update",
        "the trail's newest checkpoint",
    ),
    need(
        "gatehouse-keys/data/event-head",
        "create",
        "the trail's newest checkpoint",
    ),
];
pub const REVOKER: &[Need] = &[
    need("auth/token/revoke-accessor", "update", "ending tokens"),
    need("auth/token/renew-accessor", "update", "renewing tokens"),
    need("auth/token/lookup-accessor", "update", "looking tokens up"),
    need(
        "auth/token/accessors/",
        "list",
        "finding tokens on no record",
    ),
    need(
        "auth/token/accessors/",
        "sudo",
        "finding tokens on no record",
    ),
    need(
        "identity/entity/id/any",
        "delete",
        "removing unused entities",
    ),
];
pub const PROVISIONER: &[Need] = &[
    need("sys/mounts/any-store", "update", "making stores"),
    need("sys/mounts/any-store", "read", "looking at stores"),
    need("sys/mounts/any-store", "delete", "removing stores"),
    need(
        "sys/mounts/any-credentials/secret",
        "update",
        "making credentials' engines",
    ),
    need(
        "sys/mounts/any-credentials/secret",
        "read",
        "looking at credentials' engines",
    ),
    need(
        "sys/mounts/any-credentials/secret",
        "delete",
        "removing credentials' engines",
    ),
    need(
        "sys/policies/acl/any-write-policy",
        "update",
        "writing vendors' policies",
    ),
    need(
        "sys/policies/acl/any-write-policy",
        "read",
        "looking at vendors' policies",
    ),
    need(
        "sys/policies/acl/any-write-policy",
        "delete",
        "removing vendors' policies",
    ),
    need("sys/policies/acl", "list", "finding foreign policies"),
    need(
        "auth/token/roles/gatehouse-write",
        "read",
        "comparing token roles",
    ),
    need(
        "auth/token/roles/gatehouse-bound.write.any",
        "update",
        "roles of networks",
    ),
    need(
        "auth/token/roles/gatehouse-bound.write-site.any",
        "update",
        "roles of networks",
    ),
    need(
        "auth/token/roles/gatehouse-bound.read.any",
        "update",
        "roles of networks",
    ),
    need(
        "auth/token/roles/gatehouse-bound.read-site.any",
        "update",
        "roles of networks",
    ),
    need(
        "auth/token/roles/gatehouse-bound.credentials.any",
        "update",
        "roles of networks",
    ),
    need(
        "auth/token/roles/gatehouse-bound.write.any",
        "delete",
        "removing roles of networks",
    ),
    need(
        "auth/token/roles",
        "list",
        "finding roles of networks that are nobody's",
    ),
    need(
        "sys/internal/ui/mounts/auth/token",
        "read",
        "the accessor in vendors' policies",
    ),
    need(
        "gatehouse-keys/data/token-signing",
        "update",
        "replacing the key of access tokens",
    ),
];
