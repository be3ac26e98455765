-- Access tokens that the service signs: those that were revoked before their end, and how all of a vendor's are ended.

ALTER TABLE vendors
    -- Counts how often all access tokens of the vendor were ended: those of an earlier count are worth nothing.
    ADD COLUMN token_epoch  integer NOT NULL DEFAULT 0;

CREATE TABLE revoked_access_tokens (
    vendor_id   bigint NOT NULL REFERENCES vendors (id),
    -- Names the token. It opens nothing.
    jti         uuid NOT NULL,
    -- Its own end: after that the row is not needed.
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, jti)
);
CREATE INDEX revoked_access_tokens_over ON revoked_access_tokens (expires_at);

-- Every replica keeps these in memory.
CREATE FUNCTION notify_revoked_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gatehouse_revoked_tokens',
        NEW.vendor_id || ' ' || NEW.jti || ' ' || ceil(extract(epoch FROM NEW.expires_at))::bigint);
    RETURN NULL;
END $$;
CREATE TRIGGER revoked_access_tokens_notify AFTER INSERT ON revoked_access_tokens
    FOR EACH ROW EXECUTE FUNCTION notify_revoked_token();
