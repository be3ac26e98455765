-- Tokens that work from some networks only. OpenBao binds them by their role, so each set has one, of each kind.

CREATE TABLE bound_roles (
    -- A part of the role's name: one that is made anew has another.
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor_id      bigint NOT NULL REFERENCES vendors (id),
    -- Of the tokens.
    kind           text NOT NULL,
    -- In their one order and form.
    networks       text[] NOT NULL CHECK (cardinality(networks) BETWEEN 1 AND 8),
    -- When it stood in OpenBao; NULL: it is still to be made.
    made_at        timestamptz,
    -- Looked at now and then only.
    last_used_at   timestamptz NOT NULL,
    -- From then on no token is recorded that it made.
    removing_at    timestamptz
);
CREATE UNIQUE INDEX bound_roles_by_set ON bound_roles (vendor_id, kind, networks) WHERE removing_at IS NULL;
CREATE INDEX bound_roles_unused ON bound_roles (last_used_at) WHERE removing_at IS NULL;
CREATE INDEX bound_roles_removing ON bound_roles (id) WHERE removing_at IS NOT NULL;

ALTER TABLE issuances
    -- The role that made it, which stays while the token lives; NULL: the kind's.
    ADD COLUMN bound_role_id   bigint,
    -- From where it works; NULL: from everywhere.
    ADD COLUMN bound_cidrs     text[];
CREATE INDEX issuances_bound ON issuances (bound_role_id, max_expires_at)
    WHERE bound_role_id IS NOT NULL AND revoked_at IS NULL;
