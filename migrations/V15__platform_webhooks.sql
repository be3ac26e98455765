-- Webhooks of the platform itself, beside those of vendors, and whether a vendor has a means of payment on file.

-- Whose it is: a vendor's, or 0 for the platform's. No vendor has this id.
ALTER TABLE webhook_endpoints
    ALTER COLUMN vendor_id DROP NOT NULL,
    ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (coalesce(vendor_id, 0)) STORED;
CREATE INDEX webhook_endpoints_of_owner ON webhook_endpoints (owner, id);
DROP INDEX webhook_endpoints_by_vendor;

ALTER TABLE webhook_deliveries
    ALTER COLUMN vendor_id DROP NOT NULL,
    ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (coalesce(vendor_id, 0)) STORED,
    -- The pair whose public key is put into the body when it is sent. None is stored.
    ADD COLUMN key_id bigint;
-- In the order in which they are claimed.
CREATE INDEX webhook_deliveries_to_send ON webhook_deliveries (owner, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
DROP INDEX webhook_deliveries_due;

ALTER TABLE vendors
    ADD COLUMN has_card boolean NOT NULL DEFAULT false,
    -- Where TrustedLogin's clients are to send webhooks of their own. Nothing is sent there from here.
    ADD COLUMN client_webhook_url text CHECK (length(client_webhook_url) <= 2048);
