-- What tokens did inside OpenBao, as its audit log tells it. Never a value.

CREATE TABLE access_logs (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    vendor_id           bigint NOT NULL REFERENCES vendors (id),
    at                  timestamptz NOT NULL,
    -- store: a site's secret, by its secret id; credentials: a credential, by its key.
    area                text NOT NULL CHECK (area IN ('store', 'credentials')),
    name                text NOT NULL,
    operation           text NOT NULL,
    -- done, refused or failed.
    outcome             text NOT NULL,
    issuance_id         uuid REFERENCES issuances (id),
    remote_address      text,
    openbao_request_id  text NOT NULL,
    PRIMARY KEY (vendor_id, at, id)
);
CREATE INDEX access_logs_of_name ON access_logs (vendor_id, area, name, at);

-- How far each node's audit log has been read: the file, by device and inode, and the place in it.
CREATE TABLE audit_positions (
    node        text PRIMARY KEY,
    file        text NOT NULL,
    place       bigint NOT NULL,
    updated_at  timestamptz NOT NULL
);
