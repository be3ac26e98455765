-- When each vendor was last compared with what OpenBao has of it, and what was found that the service leaves alone.

CREATE TABLE vendor_checks (
    vendor_id   bigint PRIMARY KEY REFERENCES vendors (id),
    checked_at  timestamptz NOT NULL
);

CREATE TABLE findings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- `engine`, `policy` or `role`.
    what        text NOT NULL,
    -- As OpenBao names it.
    name        text NOT NULL,
    -- Whose, where it stands in a vendor's place.
    vendor_id   bigint REFERENCES vendors (id),
    says        text NOT NULL,
    since       timestamptz NOT NULL,
    UNIQUE (what, name)
);
CREATE INDEX findings_by_vendor ON findings (vendor_id);
