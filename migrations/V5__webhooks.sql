-- Webhooks to vendors: where to, and the queue of what is to be said. Signing secrets are derived and not here.

CREATE TABLE webhook_endpoints (
    id                     bigint PRIMARY KEY,
    vendor_id              bigint NOT NULL REFERENCES vendors (id),
    url                    text NOT NULL,
    -- Names of types, or * alone for all.
    types                  text[] NOT NULL,
    -- Which secret signs, and until when the one before it does too.
    secret_generation      integer NOT NULL DEFAULT 1,
    former_secret_ends_at  timestamptz,
    disabled_at            timestamptz,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL
);
CREATE INDEX webhook_endpoints_by_vendor ON webhook_endpoints (vendor_id, id);

CREATE TABLE webhook_deliveries (
    -- Also the message's id.
    id               uuid PRIMARY KEY,
    vendor_id        bigint NOT NULL REFERENCES vendors (id),
    endpoint_id      bigint NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    type             text NOT NULL,
    -- Byte for byte what is signed and sent.
    body             text NOT NULL,
    created_at       timestamptz NOT NULL,
    attempts         integer NOT NULL DEFAULT 0,
    -- NULL where it is over: delivered, or dead.
    next_attempt_at  timestamptz,
    last_attempt_at  timestamptz,
    last_status      integer,
    last_problem     text,
    delivered_at     timestamptz,
    dead_at          timestamptz,
    CHECK (next_attempt_at IS NOT NULL OR delivered_at IS NOT NULL OR dead_at IS NOT NULL)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (vendor_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (coalesce(delivered_at, dead_at)) WHERE next_attempt_at IS NULL;
CREATE INDEX webhook_deliveries_forgotten ON webhook_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
