-- Vendors' Connectors: where each answers, the key it signs nonces with, and the nonces that were used.

CREATE TABLE connectors (
    vendor_id      bigint PRIMARY KEY REFERENCES vendors (id),
    endpoint       text NOT NULL CHECK (length(endpoint) <= 2048),
    -- As last seen there: public, in hexadecimal digits.
    signature_key  text CHECK (signature_key ~ '^[0-9a-f]{64}$'),
    key_seen_at    timestamptz,
    updated_at     timestamptz NOT NULL
);
-- Every replica keeps the endpoint in memory with the vendor.
CREATE TRIGGER connectors_notify AFTER INSERT OR DELETE OR UPDATE OF endpoint ON connectors FOR EACH ROW EXECUTE FUNCTION notify_registry();

-- Digests only. One row makes a nonce worthless on all replicas.
CREATE TABLE signed_nonces (
    vendor_id  bigint NOT NULL REFERENCES vendors (id),
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    spent_at   timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, digest)
);
CREATE INDEX signed_nonces_spent ON signed_nonces (spent_at);
