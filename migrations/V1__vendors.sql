-- Vendors, their API keys, and the operators who run the platform.

CREATE TABLE vendors (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace             text NOT NULL UNIQUE CHECK (namespace ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(namespace) BETWEEN 5 AND 96),
    name                  text NOT NULL,
    owner_name            text,
    owner_email           text,
    plan                  text,
    subscription          text NOT NULL DEFAULT 'active' CHECK (subscription IN ('active', 'trial', 'unpaid')),
    status                text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'cancelled')),
    support_paused_until  timestamptz,
    store_wide_writes     boolean NOT NULL DEFAULT true,
    provisioned_at        timestamptz,
    -- The newest sign-up event applied: order is the event's own time, then its id.
    last_event_at         timestamptz,
    last_event_id         text,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);

-- A pair of API keys. The public key is derived from the id; of the private one there are keyed digests only.
CREATE TABLE api_keys (
    id                    bigint PRIMARY KEY,
    vendor_id             bigint NOT NULL REFERENCES vendors (id),
    generation            integer NOT NULL,
    private_digest        bytea,
    bearer_digest         bytea,
    pair_digest           bytea,
    claimed_at            timestamptz,
    private_first_used_at timestamptz,
    created_at            timestamptz NOT NULL,
    ends_at               timestamptz,
    UNIQUE (vendor_id, generation)
);

CREATE TABLE operator_tokens (
    id            bigint PRIMARY KEY,
    name          text NOT NULL,
    digest        bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);

-- Inbound webhooks that were handled, so that a repeat gets the same answer.
CREATE TABLE webhook_receipts (
    id            text PRIMARY KEY,
    body_digest   bytea NOT NULL,
    vendor_id     bigint NOT NULL REFERENCES vendors (id),
    answer        jsonb NOT NULL,
    received_at   timestamptz NOT NULL
);
CREATE INDEX webhook_receipts_received ON webhook_receipts (received_at);

-- Every replica hears of each change to what it keeps in memory.
CREATE FUNCTION notify_registry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF TG_TABLE_NAME = 'vendors' THEN
        changed := coalesce(NEW.id, OLD.id);
    ELSE
        changed := coalesce(NEW.vendor_id, OLD.vendor_id);
    END IF;
    PERFORM pg_notify('gatehouse_vendors', changed::text);
    RETURN NULL;
END $$;
CREATE TRIGGER vendors_notify AFTER INSERT OR UPDATE OR DELETE ON vendors FOR EACH ROW EXECUTE FUNCTION notify_registry();
CREATE TRIGGER api_keys_notify AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION notify_registry();

CREATE FUNCTION notify_operators() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gatehouse_operators', '');
    RETURN NULL;
END $$;
CREATE TRIGGER operator_tokens_notify AFTER INSERT OR UPDATE OR DELETE ON operator_tokens FOR EACH STATEMENT EXECUTE FUNCTION notify_operators();
