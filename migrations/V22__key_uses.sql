-- When each API key was last shown, apart from the keys themselves: those are read by every replica whenever they change.

CREATE TABLE api_key_uses (
    key_id      bigint PRIMARY KEY REFERENCES api_keys (id),
    vendor_id   bigint NOT NULL REFERENCES vendors (id),
    public_at   timestamptz,
    private_at  timestamptz
);
