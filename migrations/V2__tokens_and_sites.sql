-- The ledger of issued tokens, the sites they are for, and the entities behind site-scoped tokens.

CREATE SEQUENCE site_generations;

CREATE TABLE sites (
    vendor_id          bigint NOT NULL REFERENCES vendors (id),
    secret_id          text NOT NULL CHECK (secret_id ~ '^[a-z0-9_-]{16,128}$'),
    -- Taken anew from the sequence whenever the site is stored again after a removal; never used twice.
    generation         bigint NOT NULL,
    -- reserved: a token names it; registered; removing: refused everywhere, OpenBao is still to follow; removed.
    state              text NOT NULL CHECK (state IN ('reserved', 'registered', 'removing', 'removed')),
    site_url           text,
    access_key_digest  bytea,
    delete_key_digest  bytea,
    metadata           jsonb NOT NULL DEFAULT '{}',
    expires_at         timestamptz,
    created_at         timestamptz NOT NULL,
    registered_at      timestamptz,
    removal_asked_at   timestamptz,
    -- By one worker at a time; and when the task tries again.
    removal_claimed_until timestamptz,
    removal_after      timestamptz,
    removal_attempts   integer NOT NULL DEFAULT 0,
    removed_at         timestamptz,
    touched_at         timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, secret_id)
);
CREATE INDEX sites_by_access_key ON sites (vendor_id, access_key_digest) WHERE state = 'registered';
CREATE INDEX sites_by_delete_key ON sites (delete_key_digest) WHERE delete_key_digest IS NOT NULL;
CREATE INDEX sites_by_time ON sites (vendor_id, registered_at, secret_id) WHERE state = 'registered';
CREATE INDEX sites_expiring ON sites (expires_at) WHERE state = 'registered' AND expires_at IS NOT NULL;
CREATE INDEX sites_removing ON sites (removal_after NULLS FIRST, removal_asked_at) WHERE state = 'removing';
CREATE INDEX sites_removed ON sites (removed_at) WHERE state = 'removed';

CREATE TABLE entities (
    entity_id     text PRIMARY KEY,
    alias         text NOT NULL,
    last_used_at  timestamptz NOT NULL,
    deleted_at    timestamptz,
    gone_at       timestamptz
);
CREATE INDEX entities_live ON entities (last_used_at) WHERE deleted_at IS NULL;
CREATE INDEX entities_going ON entities (deleted_at) WHERE deleted_at IS NOT NULL AND gone_at IS NULL;

CREATE TABLE issuances (
    id                  uuid PRIMARY KEY,
    -- In the order of recording; of one site, in the order its row was locked.
    seq                 bigint GENERATED ALWAYS AS IDENTITY,
    vendor_id           bigint NOT NULL REFERENCES vendors (id),
    kind                text NOT NULL,
    accessor            text NOT NULL UNIQUE,
    api_key_id          bigint REFERENCES api_keys (id),
    caller              text NOT NULL,
    request_id          text NOT NULL,
    secret_id           text,
    generation          bigint,
    entity_id           text REFERENCES entities (entity_id),
    issued_at           timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    max_expires_at      timestamptz NOT NULL,
    revoke_asked_at     timestamptz,
    revoke_reason       text,
    revoke_attempts     integer NOT NULL DEFAULT 0,
    revoke_after        timestamptz,
    revoked_at          timestamptz
);
CREATE INDEX issuances_of_site ON issuances (vendor_id, secret_id) WHERE revoked_at IS NULL AND secret_id IS NOT NULL;
CREATE INDEX issuances_of_entity ON issuances (entity_id) WHERE revoked_at IS NULL AND entity_id IS NOT NULL;
CREATE INDEX issuances_to_revoke ON issuances (revoke_after) WHERE revoke_asked_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX issuances_by_vendor ON issuances (vendor_id, id);
