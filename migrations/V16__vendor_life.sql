-- Vendors' whole life: what was told of each and when, and how far its cancellation has come.

ALTER TABLE vendors
    -- Of each field that the billing system or an operator told of: when that was said, and by which message.
    ADD COLUMN told            jsonb NOT NULL DEFAULT '{}',
    -- Made by a message that overtook the one that it was created by.
    ADD COLUMN awaits_created  boolean NOT NULL DEFAULT false;
-- Until now one time stood for all fields. It is written no more.
UPDATE vendors SET told = (
    SELECT jsonb_object_agg(field, jsonb_build_array(
        to_char(last_event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), last_event_id))
    FROM unnest(ARRAY['name', 'owner_name', 'owner_email', 'plan', 'subscription', 'has_card']) AS field)
WHERE last_event_at IS NOT NULL;

CREATE TABLE cancellations (
    vendor_id        bigint PRIMARY KEY REFERENCES vendors (id),
    -- What is at work: all before it is done.
    stage            text NOT NULL CHECK (stage IN ('tokens', 'secrets', 'engines', 'policies', 'entities', 'records', 'done')),
    -- Tokens that were to be revoked when it began.
    tokens           bigint NOT NULL,
    secrets_removed  bigint NOT NULL DEFAULT 0,
    started_at       timestamptz NOT NULL,
    tried_at         timestamptz,
    -- The code of what stopped it last; NULL while it goes on.
    last_problem     text,
    finished_at      timestamptz,
    -- Once more after all that was under way when it began has ended.
    checked_at       timestamptz,
    CHECK ((stage = 'done') = (finished_at IS NOT NULL))
);
CREATE INDEX cancellations_open ON cancellations (tried_at NULLS FIRST) WHERE checked_at IS NULL;
