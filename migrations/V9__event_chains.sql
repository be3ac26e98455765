-- The trail is chained: each block holds digests of events and the hash of the block before it, and the heads of all
-- chains are signed with a key of OpenBao. How it goes together stands in `src/events/chain/mod.rs`.

-- What is not chained yet. A queue, as ids are drawn before their transactions commit: whoever follows the highest id
-- passes over those that commit late.
CREATE TABLE events_to_chain (
    event_id   bigint NOT NULL,
    event_at   timestamptz NOT NULL,
    vendor_id  bigint,
    PRIMARY KEY (event_id, event_at)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);

CREATE FUNCTION queue_for_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO events_to_chain (event_id, event_at, vendor_id) SELECT id, at, vendor_id FROM added;
    RETURN NULL;
END $$;
-- Nobody else puts it on a table of their own. Who adds events needs no right to it.
REVOKE EXECUTE ON FUNCTION queue_for_chain() FROM PUBLIC;
CREATE TRIGGER events_queue_for_chain AFTER INSERT ON events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION queue_for_chain();

-- Where each vendor's chain ends, and where it begins after retention has cut it. Vendor 0: events of no vendor.
CREATE TABLE event_chains (
    vendor_id         bigint PRIMARY KEY,
    head_seq          bigint NOT NULL,
    head_hash         bytea NOT NULL,
    -- The head that the newest checkpoint names.
    named_seq         bigint NOT NULL DEFAULT 0,
    -- The last block that went; everything from here to the signature is signed.
    base_seq          bigint NOT NULL DEFAULT 0,
    base_hash         bytea NOT NULL,
    -- Events before this may be gone.
    removed_before    timestamptz,
    base_signature    bytea,
    base_key_version  integer
);
CREATE INDEX event_chains_moved ON event_chains (vendor_id) WHERE head_seq <> named_seq;

-- What one pass chained of one vendor, in order.
CREATE TABLE event_blocks (
    vendor_id   bigint NOT NULL,
    seq         bigint NOT NULL,
    chained_at  timestamptz NOT NULL,
    event_ids   bigint[] NOT NULL,
    -- Microseconds since 1970.
    event_ats   bigint[] NOT NULL,
    -- 32 bytes each.
    digests     bytea NOT NULL,
    previous    bytea NOT NULL,
    hash        bytea NOT NULL,
    PRIMARY KEY (vendor_id, seq)
);
-- Digests do not compress.
ALTER TABLE event_blocks ALTER COLUMN digests SET STORAGE EXTERNAL;

-- Signed statements of which chain ends where. One chain of their own.
CREATE TABLE event_checkpoints (
    number       bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    previous     bytea NOT NULL,
    -- The oldest checkpoint that is still needed.
    first        bigint NOT NULL,
    -- The chains that moved since the checkpoint before, and their heads.
    vendor_ids   bigint[] NOT NULL,
    seqs         bigint[] NOT NULL,
    hashes       bytea[] NOT NULL,
    hash         bytea NOT NULL,
    key_version  integer NOT NULL,
    signature    bytea NOT NULL
);

-- Which one named a chain last: asked for once for each chain after a start.
CREATE INDEX event_checkpoints_of_chain ON event_checkpoints USING gin (vendor_ids);

CREATE TRIGGER event_blocks_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON event_blocks
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER event_checkpoints_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON event_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();

INSERT INTO events_to_chain (event_id, event_at, vendor_id) SELECT id, at, vendor_id FROM events;
