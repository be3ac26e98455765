-- Workload federation: who issues tokens that workloads prove themselves with, and vendors' policies on them.

CREATE TABLE issuers (
    id              bigint PRIMARY KEY,
    -- As tokens say it in `iss`, byte by byte.
    issuer          text COLLATE "C" NOT NULL CHECK (length(issuer) BETWEEN 1 AND 512),
    -- Where its keys are; NULL: where it says itself (OpenID Connect Discovery).
    key_set_url     text CHECK (length(key_set_url) <= 512),
    algorithms      text[] NOT NULL CHECK (cardinality(algorithms) > 0 AND algorithms <@ ARRAY['EdDSA', 'ES256', 'RS256']),
    -- Claims that say whose the workload is: each policy binds one of them.
    workload_claims text[] NOT NULL CHECK (cardinality(workload_claims) > 0),
    disabled_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX issuers_by_name ON issuers (issuer);

CREATE TABLE trust_policies (
    id            bigint PRIMARY KEY,
    vendor_id     bigint NOT NULL REFERENCES vendors (id),
    name          text NOT NULL,
    issuer_id     bigint NOT NULL REFERENCES issuers (id),
    audience      text COLLATE "C" NOT NULL CHECK (length(audience) BETWEEN 1 AND 512),
    -- From each claim to the patterns of which one must match.
    claims        jsonb NOT NULL,
    mode          text NOT NULL CHECK (mode IN ('enforce', 'audit')),
    -- What is handed out: a kind of token, and for which worker or site.
    kind          text NOT NULL CHECK (kind IN ('credentials', 'write', 'write_site', 'read', 'read_site')),
    worker_id     bigint REFERENCES workers (id),
    secret_id     text COLLATE "C",
    -- Life of its tokens, seconds.
    ttl           integer NOT NULL CHECK (ttl > 0),
    -- Whether a token of the issuer is exchanged once only.
    once          boolean NOT NULL,
    ends_at       timestamptz,
    -- Counts its changes: a token is handed out by the edition of the moment only.
    edition       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    CHECK ((kind = 'credentials') = (worker_id IS NOT NULL)),
    CHECK ((kind IN ('write_site', 'read_site')) = (secret_id IS NOT NULL))
);
CREATE UNIQUE INDEX trust_policies_by_name ON trust_policies (vendor_id, name);
CREATE INDEX trust_policies_of_issuer ON trust_policies (issuer_id);

-- Digests of tokens that were exchanged by policies that take each once.
CREATE TABLE spent_subject_tokens (
    vendor_id  bigint NOT NULL REFERENCES vendors (id),
    policy_id  bigint NOT NULL REFERENCES trust_policies (id) ON DELETE CASCADE,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    -- Until then the token could be shown again.
    until      timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, policy_id, digest)
);
CREATE INDEX spent_subject_tokens_over ON spent_subject_tokens (until);
