-- Operators as people: with a password, a second factor, and sessions. Tokens for scripts stay in operator_tokens. The
-- tables are like those of vendors' users, so that each statement is written once; nobody's vendor stands in them.

CREATE TABLE operators (
    id                   bigint PRIMARY KEY,
    name                 text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    -- Argon2id in the PHC form. A key from OpenBao is mixed in, which the form does not tell.
    password             text NOT NULL,
    password_edition     integer NOT NULL DEFAULT 1,
    password_changed_at  timestamptz NOT NULL,
    -- Made by the service, and to be changed at the first log-in.
    password_temporary   boolean NOT NULL,
    -- The second factor: sealed under a key from OpenBao, and in force once a code of it was shown.
    totp_sealed          bytea,
    totp_confirmed_at    timestamptz,
    totp_last_step       bigint,
    -- Since when the operator is suspended.
    disabled_at          timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    last_login_at        timestamptz,
    removed_at           timestamptz
);
CREATE UNIQUE INDEX operators_by_name ON operators (name) WHERE removed_at IS NULL;

CREATE TABLE operator_sessions (
    id            bigint PRIMARY KEY,
    operator_id   bigint NOT NULL REFERENCES operators (id),
    kind          text NOT NULL CHECK (kind = 'session'),
    name          text,
    digest        bytea NOT NULL,
    -- Good for setting up a second factor and for nothing else.
    enrolling     boolean NOT NULL DEFAULT false,
    address       text NOT NULL,
    user_agent    text NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    -- Moves with each use, and never past the 12th hour.
    expires_at    timestamptz NOT NULL
);
CREATE INDEX operator_sessions_of_operator ON operator_sessions (operator_id, id);
CREATE INDEX operator_sessions_ended ON operator_sessions (expires_at);

-- What logs in once in the place of a code of the second factor, by keyed digests.
CREATE TABLE operator_recovery_codes (
    operator_id  bigint NOT NULL REFERENCES operators (id),
    digest       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    used_at      timestamptz,
    PRIMARY KEY (operator_id, digest)
);
