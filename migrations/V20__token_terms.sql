-- What vendors say of the tokens handed out in their names, and how many of them may live at once.

ALTER TABLE vendors
    -- Lives, uses and wrapping, by kind; what is left out is the kind's own.
    ADD COLUMN token_settings  jsonb NOT NULL DEFAULT '{}',
    -- How many tokens may live at once, by an operator; NULL: as many as the service's settings say.
    ADD COLUMN lease_cap       integer CHECK (lease_cap >= 0);

ALTER TABLE issuances
    -- How many calls the token is good for; NULL: any number.
    ADD COLUMN uses            integer,
    -- Its longest life is shorter than its role's, and OpenBao holds renewals to the role's alone: the service ends it.
    ADD COLUMN cut_short       boolean NOT NULL DEFAULT false,
    -- What counts as one client, of those that the public key was handed tokens by.
    ADD COLUMN client_network  text;
CREATE INDEX issuances_cut_short ON issuances (max_expires_at)
    WHERE cut_short AND revoked_at IS NULL AND revoke_asked_at IS NULL;
-- Live tokens are counted by it, without a look at the rows.
CREATE INDEX issuances_live ON issuances (max_expires_at) INCLUDE (vendor_id, client_network, kind) WHERE revoked_at IS NULL;
