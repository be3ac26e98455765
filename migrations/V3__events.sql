-- The service's own trail: append-only, written in the transaction of what it records.

CREATE TABLE events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    vendor_id   bigint REFERENCES vendors (id),
    actor       text NOT NULL,
    action      text NOT NULL,
    outcome     text NOT NULL,
    secret_id   text,
    issuance_id uuid,
    request_id  text,
    details     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_by_vendor ON events (vendor_id, id);
