-- Pauses of support by reports of lockdowns, and what clients report: log-ins that failed, and sealed messages.

ALTER TABLE vendors
    ADD COLUMN pause_on_lockdown       boolean NOT NULL DEFAULT false,
    ADD COLUMN lockdown_pause_minutes  integer NOT NULL DEFAULT 20 CHECK (lockdown_pause_minutes BETWEEN 1 AND 1440),
    -- Until then no report pauses support again.
    ADD COLUMN lockdown_rest_until     timestamptz;

-- A report of a lockdown names its site by URL only.
CREATE INDEX sites_by_url ON sites (vendor_id, md5(site_url)) WHERE state = 'registered';

CREATE TABLE login_attempts (
    vendor_id        bigint NOT NULL REFERENCES vendors (id),
    id               uuid NOT NULL,
    at               timestamptz NOT NULL,
    -- NULL for a lockdown of a site that is not known.
    secret_id        text,
    code             text NOT NULL,
    site_url         text,
    detailed_reason  text,
    user_agent       text,
    address          text,
    identifier_hash  text,
    -- By the client's clock.
    attempted_at     timestamptz,
    PRIMARY KEY (vendor_id, id)
);
CREATE INDEX login_attempts_of_site ON login_attempts (vendor_id, secret_id, id) WHERE secret_id IS NOT NULL;
CREATE INDEX login_attempts_at ON login_attempts (at);

-- From clients to their vendor, sealed for the vendor.
CREATE TABLE client_messages (
    vendor_id               bigint NOT NULL REFERENCES vendors (id),
    -- Counted for each vendor apart, so that it tells nothing of others.
    id                      bigint NOT NULL,
    created_at              timestamptz NOT NULL,
    envelope                text NOT NULL,
    nonce                   text NOT NULL,
    sender_public_key       text NOT NULL,
    key_fingerprint         text NOT NULL,
    action                  text NOT NULL,
    ref                     text,
    access_key_fingerprint  text,
    PRIMARY KEY (vendor_id, id)
);
CREATE INDEX client_messages_of_vendor ON client_messages (vendor_id, created_at, id);
CREATE INDEX client_messages_at ON client_messages (created_at);

CREATE TABLE client_message_counters (
    vendor_id  bigint PRIMARY KEY REFERENCES vendors (id),
    last_id    bigint NOT NULL
);
