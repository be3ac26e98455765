ALTER TABLE audit_positions ADD COLUMN checked_at timestamptz, ADD COLUMN failing_since timestamptz, ADD COLUMN problem text;

-- What tells a file from another of the same inode, and what was read, all in all.
ALTER TABLE audit_positions
    -- How the file begins: how many bytes, and their digest.
    ADD COLUMN head       text NOT NULL DEFAULT '',
    -- The times of the file's first line, and of the newest line that was stored.
    ADD COLUMN began_at   timestamptz,
    ADD COLUMN newest_at  timestamptz,
    -- What rotated files are known by that are not to be read any more: digests of their first lines.
    ADD COLUMN passed     text[],
    ADD COLUMN lines      bigint NOT NULL DEFAULT 0,
    ADD COLUMN malformed  bigint NOT NULL DEFAULT 0,
    ADD COLUMN late       bigint NOT NULL DEFAULT 0;

-- Who unwrapped each wrapped token. Apart from the ledger, whose rows others hold.
CREATE TABLE unwraps (
    issuance_id     uuid PRIMARY KEY REFERENCES issuances (id) ON DELETE CASCADE,
    vendor_id       bigint NOT NULL,
    at              timestamptz NOT NULL,
    -- OpenBao's digest of the wrapping token: by it a second try is known.
    digest          text NOT NULL,
    remote_address  text
);
CREATE INDEX unwraps_by_digest ON unwraps (digest) WHERE digest <> '';
CREATE INDEX issuances_wrapped ON issuances (wrap_accessor) WHERE wrap_accessor IS NOT NULL;

-- Addresses that were told of a token, so that each is told once: by the type of the event.
CREATE TABLE issuance_addresses (
    vendor_id    bigint NOT NULL,
    issuance_id  uuid NOT NULL REFERENCES issuances (id) ON DELETE CASCADE,
    what         text NOT NULL,
    address      text NOT NULL,
    first_at     timestamptz NOT NULL,
    PRIMARY KEY (issuance_id, what, address)
);

-- Counts by the hour, kept for some days: reads of each secret, and calls by tokens on no record. Those without a
-- valid token have no accessor.
CREATE TABLE secret_reads (
    vendor_id  bigint NOT NULL REFERENCES vendors (id),
    area       text NOT NULL,
    name       text NOT NULL,
    hour       timestamptz NOT NULL,
    reads      bigint NOT NULL,
    -- When it was told that these are too many.
    noted_at   timestamptz,
    PRIMARY KEY (vendor_id, area, name, hour)
);
CREATE INDEX secret_reads_by_hour ON secret_reads (hour);
CREATE TABLE unknown_tokens (
    vendor_id  bigint NOT NULL REFERENCES vendors (id),
    accessor   text NOT NULL,
    hour       timestamptz NOT NULL,
    lines      bigint NOT NULL,
    PRIMARY KEY (vendor_id, accessor, hour)
);
CREATE INDEX unknown_tokens_by_hour ON unknown_tokens (hour);
