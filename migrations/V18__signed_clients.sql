-- JWTs that a vendor's client plugins carry, signed by keys that the vendor registered.

ALTER TABLE vendors
    -- Whether the public key alone may neither ask for write tokens nor store sites.
    ADD COLUMN signed_clients_only  boolean NOT NULL DEFAULT false;

CREATE TABLE jwt_keys (
    vendor_id     bigint NOT NULL REFERENCES vendors (id),
    id            bigint NOT NULL,
    -- Shown name.
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- The only one that is taken, whatever a token says of itself.
    algorithm     text NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    -- A public key, or where a set of them is.
    jwk           jsonb,
    jwks_url      text CHECK (length(jwks_url) <= 512),
    issuer        text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 512),
    -- NULL: the service's own.
    audience      text CHECK (length(audience) BETWEEN 1 AND 512),
    ends_at       timestamptz,
    last_used_at  timestamptz,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, id),
    CHECK ((jwk IS NULL) <> (jwks_url IS NULL))
);
-- Every replica keeps them in memory with the vendor.
CREATE TRIGGER jwt_keys_notify AFTER INSERT OR DELETE OR UPDATE OF name, ends_at ON jwt_keys
    FOR EACH ROW EXECUTE FUNCTION notify_registry();

-- Digests only. One row makes a token worthless on all replicas.
CREATE TABLE used_jwts (
    vendor_id   bigint NOT NULL REFERENCES vendors (id),
    -- Of issuer and jti: the same token is the same, whichever key it is verified with.
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, digest)
);
CREATE INDEX used_jwts_over ON used_jwts (expires_at);
