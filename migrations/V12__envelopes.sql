-- Envelopes that clients store through the service: who stores one now, and until when. What is found past that time was
-- left half done.
ALTER TABLE sites
    ADD COLUMN wp_user_id      bigint,
    ADD COLUMN client_version  text,
    -- The digest of the access key it is stored with.
    ADD COLUMN storing_key     bytea,
    ADD COLUMN storing_until   timestamptz;
CREATE INDEX sites_storing ON sites (storing_until) WHERE storing_until IS NOT NULL;
