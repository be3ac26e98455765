-- Envelopes that clients store through the service: who stores one now, and until when. What is found past that time was
-- left half done.
ALTER TABLE sites
    ADD COLUMN wp_user_id      bigint,
    ADD COLUMN client_version  text,
    -- By which request.
    ADD COLUMN storing_by      uuid,
    ADD COLUMN storing_until   timestamptz;
CREATE INDEX sites_storing ON sites (storing_until) WHERE storing_until IS NOT NULL;
