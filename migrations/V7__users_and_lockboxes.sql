-- Users of vendors, and the lockboxes they share. No value of an entry and no key to one stands here in the clear.

CREATE TABLE users (
    id                   bigint PRIMARY KEY,
    vendor_id            bigint NOT NULL REFERENCES vendors (id),
    name                 text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    groups               text[] NOT NULL DEFAULT '{}',
    -- Argon2id in the PHC form. A key from OpenBao is mixed in, which the form does not tell.
    password             text NOT NULL,
    -- Counts passwords: what a replica remembers of an older one is worth nothing.
    password_edition     integer NOT NULL DEFAULT 1,
    password_changed_at  timestamptz NOT NULL,
    -- The second factor: sealed under a key from OpenBao, and in force once a code of it was shown.
    totp_sealed          bytea,
    totp_confirmed_at    timestamptz,
    -- The 30 seconds whose code was used last: none is good twice.
    totp_last_step       bigint,
    disabled_at          timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    last_login_at        timestamptz,
    removed_at           timestamptz
);
CREATE UNIQUE INDEX users_by_name ON users (vendor_id, name) WHERE removed_at IS NULL;
CREATE INDEX users_by_vendor ON users (vendor_id, id) WHERE removed_at IS NULL;

-- Sessions, and access tokens that users make for their scripts. Both are known by keyed digests only.
CREATE TABLE user_sessions (
    id            bigint PRIMARY KEY,
    vendor_id     bigint NOT NULL REFERENCES vendors (id),
    user_id       bigint NOT NULL REFERENCES users (id),
    kind          text NOT NULL CHECK (kind IN ('session', 'token')),
    -- Shown name of an access token.
    name          text,
    digest        bytea NOT NULL,
    -- Good for setting up a second factor and for nothing else.
    enrolling     boolean NOT NULL DEFAULT false,
    address       text NOT NULL,
    user_agent    text NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX user_sessions_of_user ON user_sessions (vendor_id, user_id, id);
CREATE INDEX user_sessions_ended ON user_sessions (expires_at);

-- Tries to log in under a name, known or not, by a keyed digest of it. The source is the network of a client this name
-- logged in from before, or empty for all others together, so that strangers do not lock an owner out.
CREATE TABLE login_tries (
    -- 0 for names of no vendor.
    vendor_id      bigint NOT NULL,
    name_digest    bytea NOT NULL,
    source         text NOT NULL,
    -- In a row, without a success. Counted before the password is looked at, so that many at once gain nothing.
    failures       integer NOT NULL DEFAULT 0,
    blocked_until  timestamptz,
    known_until    timestamptz,
    last_at        timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, name_digest, source)
);
CREATE INDEX login_tries_old ON login_tries (last_at);

-- What a vendor demands of its users.
CREATE TABLE user_rules (
    vendor_id     bigint PRIMARY KEY REFERENCES vendors (id),
    require_totp  boolean NOT NULL DEFAULT false,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE lockboxes (
    vendor_id          bigint PRIMARY KEY REFERENCES vendors (id),
    -- Settings. Seconds without use until it locks itself; NULL for never.
    auto_lock_seconds  integer CHECK (auto_lock_seconds BETWEEN 60 AND 604800),
    -- Whether passwords must be strong in RPort's dialect too.
    strong_passwords   boolean NOT NULL DEFAULT false,
    -- Whether a replica that started after the unlock gets the key too.
    join_unlocked      boolean NOT NULL DEFAULT false,
    -- Moves with every lock, unlock and change of the data key: a key held in memory is good for one epoch.
    epoch              bigint NOT NULL DEFAULT 0,
    locked             boolean NOT NULL DEFAULT true,
    unlocked_at        timestamptz,
    -- The data key under the password and the secret in OpenBao, and what was done to the password to get there.
    -- NULL until the lockbox is initialized. The edition counts wraps.
    wrap_edition       integer NOT NULL DEFAULT 0,
    wrapped_key        bytea,
    kdf_memory_kib     integer,
    kdf_passes         integer,
    kdf_lanes          integer,
    salt               bytea,
    secret_version     integer,
    -- Which data key. The former one is kept under the new one until no entry needs it.
    generation         integer NOT NULL DEFAULT 0,
    former_key         bytea,
    -- Wrong passwords in a row, and when the next try may begin.
    unlock_failures    integer NOT NULL DEFAULT 0,
    unlock_failed_at   timestamptz,
    unlock_next_at     timestamptz,
    next_entry_id      bigint NOT NULL DEFAULT 1,
    initialized_at     timestamptz,
    created_at         timestamptz NOT NULL,
    CHECK (locked OR wrapped_key IS NOT NULL),
    CHECK ((wrapped_key IS NULL) = (initialized_at IS NULL))
);

CREATE TABLE lockbox_entries (
    vendor_id       bigint NOT NULL REFERENCES lockboxes (vendor_id),
    -- From 1 in each lockbox, never given out again.
    id              bigint NOT NULL,
    client_id       text COLLATE "C" NOT NULL,
    required_group  text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    type            text NOT NULL CHECK (type IN ('text', 'secret', 'markdown', 'string')),
    -- Nonce, ciphertext and tag, bound to vendor, generation, and all that stands beside it but the times.
    sealed          bytea NOT NULL,
    generation      integer NOT NULL,
    version         integer NOT NULL,
    -- Whole seconds, as they are shown and filtered by.
    created_at      timestamptz NOT NULL,
    created_by      text COLLATE "C" NOT NULL,
    updated_at      timestamptz NOT NULL,
    updated_by      text COLLATE "C" NOT NULL,
    PRIMARY KEY (vendor_id, id)
);
-- '' and '0' both mean any client.
CREATE UNIQUE INDEX lockbox_entries_unique ON lockbox_entries
    (vendor_id, (CASE client_id WHEN '0' THEN '' ELSE client_id END), key);
-- Each order that lists are asked for, alone and within one client or creator: the first page reads its own rows only,
-- whatever PostgreSQL knows of the rest.
CREATE INDEX lockbox_entries_by_key ON lockbox_entries (vendor_id, key, id);
CREATE INDEX lockbox_entries_by_creation ON lockbox_entries (vendor_id, created_at, id);
CREATE INDEX lockbox_entries_by_client ON lockbox_entries (vendor_id, client_id, id);
CREATE INDEX lockbox_entries_by_client_and_key ON lockbox_entries (vendor_id, client_id, key, id);
CREATE INDEX lockbox_entries_by_client_and_creation ON lockbox_entries
    (vendor_id, client_id, created_at DESC, id DESC);
CREATE INDEX lockbox_entries_by_creator ON lockbox_entries (vendor_id, created_by, id);
CREATE INDEX lockbox_entries_by_creator_and_key ON lockbox_entries (vendor_id, created_by, key, id);
CREATE INDEX lockbox_entries_by_creator_and_creation ON lockbox_entries
    (vendor_id, created_by, created_at DESC, id DESC);
CREATE INDEX lockbox_entries_by_folded_key ON lockbox_entries (vendor_id, lower(key) text_pattern_ops);
CREATE INDEX lockbox_entries_to_reseal ON lockbox_entries (vendor_id, generation, id);

-- What an entry was called and whose it was, never its value.
CREATE TABLE lockbox_history (
    vendor_id       bigint NOT NULL REFERENCES lockboxes (vendor_id),
    entry_id        bigint NOT NULL,
    version         integer NOT NULL,
    action          text NOT NULL CHECK (action IN ('created', 'updated', 'deleted', 'restored')),
    client_id       text NOT NULL,
    required_group  text NOT NULL,
    key             text NOT NULL,
    type            text NOT NULL,
    at              timestamptz NOT NULL,
    by              text NOT NULL,
    PRIMARY KEY (vendor_id, entry_id, version)
);

-- Replicas of the service, and which lockboxes each has the key of.
CREATE TABLE replicas (
    id          uuid PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL
);
CREATE TABLE lockbox_holders (
    vendor_id   bigint NOT NULL REFERENCES lockboxes (vendor_id),
    replica_id  uuid NOT NULL REFERENCES replicas (id) ON DELETE CASCADE,
    epoch       bigint NOT NULL,
    used_at     timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, replica_id)
);
CREATE INDEX lockbox_holders_of_replica ON lockbox_holders (replica_id);

-- A replica asks for the key of a lockbox; one that holds it answers, once, within seconds. The request is
-- authenticated and the answer sealed with a key from OpenBao: a row forged here gets nothing.
CREATE TABLE lockbox_handovers (
    id                 uuid PRIMARY KEY,
    vendor_id          bigint NOT NULL REFERENCES lockboxes (vendor_id),
    epoch              bigint NOT NULL,
    replica_id         uuid NOT NULL,
    started_at         timestamptz NOT NULL,
    public_key         bytea NOT NULL,
    tag                bytea NOT NULL,
    created_at         timestamptz NOT NULL,
    answer_public_key  bytea,
    answer             bytea,
    answered_at        timestamptz
);
CREATE INDEX lockbox_handovers_old ON lockbox_handovers (created_at);

-- Every replica hears of locks, unlocks and handovers at once; one that does not finds out by asking.
CREATE FUNCTION notify_lockbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gatehouse_lockbox', NEW.vendor_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER lockboxes_notify AFTER UPDATE OF epoch, locked, unlocked_at ON lockboxes
    FOR EACH ROW EXECUTE FUNCTION notify_lockbox();
CREATE TRIGGER lockbox_handovers_notify AFTER INSERT OR UPDATE ON lockbox_handovers
    FOR EACH ROW EXECUTE FUNCTION notify_lockbox();
