-- What was asked for once with an Idempotency-Key, and what was answered. Nothing here can be read without the service's
-- own key, which lies in OpenBao, and the caller's: ids and fingerprints are keyed digests, answers are sealed.

CREATE TABLE idempotency_keys (
    -- Of the caller, its credentials and its key.
    id             bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    -- NULL where an operator asked.
    vendor_id      bigint REFERENCES vendors (id),
    -- Of method, path, query and body.
    fingerprint    bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The try at work, and until when it is believed to be.
    owner          bigint NOT NULL,
    claimed_until  timestamptz NOT NULL,
    -- All tries, by the ids of their requests.
    request_ids    text[] NOT NULL,
    -- Of the first try.
    claimed_at     timestamptz NOT NULL,
    done_at        timestamptz,
    replay_until   timestamptz,
    reply          bytea,
    CHECK ((done_at IS NULL) = (replay_until IS NULL)),
    CHECK (reply IS NULL OR done_at IS NOT NULL)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (claimed_at);
CREATE INDEX idempotency_keys_to_wipe ON idempotency_keys (replay_until) WHERE reply IS NOT NULL;
CREATE INDEX idempotency_keys_of_vendor ON idempotency_keys (vendor_id);
