-- Typed credentials and the workers that read them. Values lie in OpenBao; here is what, who and when.

-- How much of what belongs to a vendor in OpenBao is there: 1 the store and its policies, 2 the credentials' too.
ALTER TABLE vendors ADD COLUMN provisioned_level integer NOT NULL DEFAULT 0;
UPDATE vendors SET provisioned_level = 1 WHERE provisioned_at IS NOT NULL;
CREATE INDEX vendors_to_provision ON vendors (provisioned_level, id) WHERE status <> 'cancelled';

CREATE TABLE credentials (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor_id      bigint NOT NULL REFERENCES vendors (id),
    key            text COLLATE "C" NOT NULL CHECK (key ~ '^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$'),
    type           text NOT NULL,
    -- The newest version in OpenBao; 0 while the first is being written, and then nobody sees the row.
    version        integer NOT NULL DEFAULT 0,
    rotate_by      timestamptz,
    -- Whether somebody was reminded of that date.
    reminded_at    timestamptz,
    -- Whether OpenBao has the policy for tokens that read this one key.
    policy_at      timestamptz,
    -- One writer at a time, from before it calls OpenBao until it has noted what came of it.
    claim          uuid,
    claimed_until  timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    last_used_at   timestamptz,
    -- Can be undeleted.
    deleted_at     timestamptz,
    -- Cannot: the key is free again, and this row only names what was.
    destroyed_at   timestamptz
);
CREATE UNIQUE INDEX credentials_by_key ON credentials (vendor_id, key) WHERE destroyed_at IS NULL;
CREATE INDEX credentials_unfinished ON credentials (claimed_until) WHERE version = 0 AND destroyed_at IS NULL;
CREATE INDEX credentials_to_rotate ON credentials (rotate_by)
    WHERE rotate_by IS NOT NULL AND reminded_at IS NULL AND destroyed_at IS NULL AND deleted_at IS NULL;

CREATE TABLE workers (
    id              bigint PRIMARY KEY,
    vendor_id       bigint NOT NULL REFERENCES vendors (id),
    name            text NOT NULL,
    -- Which credentials it may read: keys, beginnings followed by *, or * alone.
    patterns        text[] NOT NULL,
    -- First life of its tokens, seconds.
    token_ttl       integer NOT NULL,
    -- The policy in OpenBao follows the patterns: which edition is wanted, and which was written.
    policy_wanted   integer NOT NULL DEFAULT 1,
    policy_written  integer NOT NULL DEFAULT 0,
    -- One replica at a time writes it.
    policy_claimed_until timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    removed_at      timestamptz,
    policy_gone_at  timestamptz
);
CREATE INDEX workers_by_vendor ON workers (vendor_id, id) WHERE removed_at IS NULL;
CREATE INDEX workers_to_follow ON workers (id)
    WHERE (removed_at IS NULL AND policy_written <> policy_wanted) OR (removed_at IS NOT NULL AND policy_gone_at IS NULL);

-- What a worker logs in with, and what it gets for it. Both are known by keyed digests only.
CREATE TABLE worker_keys (
    id            bigint PRIMARY KEY,
    vendor_id     bigint NOT NULL REFERENCES vendors (id),
    worker_id     bigint NOT NULL REFERENCES workers (id),
    digest        bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    ends_at       timestamptz
);
CREATE INDEX worker_keys_of_worker ON worker_keys (worker_id, created_at);

CREATE TABLE worker_sessions (
    id          bigint PRIMARY KEY,
    vendor_id   bigint NOT NULL REFERENCES vendors (id),
    worker_id   bigint NOT NULL REFERENCES workers (id),
    key_id      bigint NOT NULL REFERENCES worker_keys (id),
    digest      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX worker_sessions_ended ON worker_sessions (expires_at);
CREATE INDEX worker_sessions_of_worker ON worker_sessions (worker_id);

ALTER TABLE issuances
    ADD COLUMN worker_id      bigint REFERENCES workers (id),
    ADD COLUMN credential_id  integer REFERENCES credentials (id),
    -- Renewed by the service, by its first life each time.
    ADD COLUMN keep_alive     boolean NOT NULL DEFAULT false,
    ADD COLUMN first_life_seconds integer,
    -- When next; NULL where nothing more can be gained.
    ADD COLUMN renew_at       timestamptz,
    -- Whether an event said that the end of a token which is kept alive is near.
    ADD COLUMN end_noted_at   timestamptz;
CREATE INDEX issuances_of_worker ON issuances (worker_id) WHERE revoked_at IS NULL AND worker_id IS NOT NULL;
CREATE INDEX issuances_of_credential ON issuances (credential_id) WHERE revoked_at IS NULL AND credential_id IS NOT NULL;
CREATE INDEX issuances_to_renew ON issuances (renew_at) WHERE renew_at IS NOT NULL AND revoked_at IS NULL AND revoke_asked_at IS NULL;
CREATE INDEX issuances_kept_alive ON issuances (max_expires_at) WHERE keep_alive AND end_noted_at IS NULL AND revoked_at IS NULL;
