-- The trail and the access logs, by month: what is past its time goes by dropping a month. Both are only ever added to.

ALTER TABLE vendors
    -- How long its trail and access logs are kept; NULL: as long as the service's own.
    ADD COLUMN log_retention_days integer CHECK (log_retention_days BETWEEN 1 AND 3650);

ALTER TABLE issuances
    -- Where the caller was.
    ADD COLUMN client_address   text,
    -- Names the wrapping token, where the token was handed out wrapped.
    ADD COLUMN wrap_accessor    text,
    -- Who asked for its end; the reason stands beside it.
    ADD COLUMN revoke_actor     text,
    ADD COLUMN last_used_at     timestamptz;
CREATE INDEX issuances_of_secret ON issuances (vendor_id, secret_id, id) WHERE secret_id IS NOT NULL;

ALTER TABLE events RENAME TO events_before;
ALTER TABLE events_before RENAME CONSTRAINT events_pkey TO events_before_pkey;
ALTER INDEX events_by_vendor RENAME TO events_before_by_vendor;
CREATE SEQUENCE event_ids;
CREATE TABLE events (
    id                  bigint NOT NULL DEFAULT nextval('event_ids'),
    at                  timestamptz NOT NULL,
    vendor_id           bigint REFERENCES vendors (id),
    actor               text NOT NULL,
    caller_kind         text GENERATED ALWAYS AS (split_part(actor, ':', 1)) STORED,
    action              text NOT NULL,
    outcome             text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    -- Why not, where it was refused or failed.
    code                text CHECK ((code IS NULL) = (outcome = 'done')),
    secret_id           text,
    issuance_id         uuid,
    client_address      text,
    user_agent          text,
    request_id          text,
    details             jsonb NOT NULL DEFAULT '{}',
    -- OpenBao's id of the call that the service made for the actor.
    openbao_request_id  text GENERATED ALWAYS AS (details ->> 'openbaoRequestId') STORED,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX events_by_vendor ON events (vendor_id, at, id);
CREATE INDEX events_of_site ON events (vendor_id, secret_id, at, id) WHERE secret_id IS NOT NULL;
CREATE INDEX events_of_issuance ON events (vendor_id, issuance_id, at, id) WHERE issuance_id IS NOT NULL;
CREATE INDEX events_by_openbao ON events (vendor_id, openbao_request_id) WHERE openbao_request_id IS NOT NULL;

ALTER TABLE access_logs RENAME TO access_logs_before;
ALTER TABLE access_logs_before RENAME CONSTRAINT access_logs_pkey TO access_logs_before_pkey;
ALTER INDEX access_logs_of_name RENAME TO access_logs_before_of_name;
CREATE SEQUENCE access_log_ids;
CREATE TABLE access_logs (
    id                  bigint NOT NULL DEFAULT nextval('access_log_ids'),
    vendor_id           bigint NOT NULL REFERENCES vendors (id),
    at                  timestamptz NOT NULL,
    -- store: a site's secret, by its secret id; credentials: a credential, by its key.
    area                text NOT NULL CHECK (area IN ('store', 'credentials')),
    name                text NOT NULL,
    operation           text NOT NULL,
    outcome             text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    issuance_id         uuid,
    remote_address      text,
    openbao_request_id  text NOT NULL,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX access_logs_by_vendor ON access_logs (vendor_id, at, id);
CREATE INDEX access_logs_of_name ON access_logs (vendor_id, area, name, at, id);
CREATE INDEX access_logs_of_issuance ON access_logs (vendor_id, issuance_id, at, id) WHERE issuance_id IS NOT NULL;

-- What lies in no month that was made: nothing is refused because a clock is wrong.
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE access_logs_rest PARTITION OF access_logs DEFAULT;

-- Rows are never changed, and go by retention only.
CREATE FUNCTION only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('gatehouse.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
-- A statement's triggers are those of the table that it names: each month has its own.
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON events_rest
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON access_logs_rest
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();

-- Makes the month of `moment` where there is none yet, with what lies in the rest of it. Where that is much, it stays
-- there and the month is not made. Who adds rows does not wait: where one comes in between, this fails and is to be
-- repeated. The service may run it without owning the tables.
CREATE FUNCTION make_month(parent text, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first timestamptz := date_trunc('month', moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    after timestamptz := (date_trunc('month', moment AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    part  text := parent || to_char(first AT TIME ZONE 'UTC', '"_"YYYY"_"MM');
    rest  text := parent || '_rest';
    was   text := coalesce(current_setting('gatehouse.retention', true), '');
    many  integer := 10000;
    named text;
    lying integer;
BEGIN
    IF parent NOT IN ('events', 'access_logs') THEN
        RAISE EXCEPTION 'no table by months: %', parent;
    END IF;
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %I WHERE at >= $1 AND at < $2 LIMIT $3 + 1) AS lying', rest)
        INTO lying USING first, after, many;
    IF lying > many THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
    IF lying > 0 THEN
        SELECT string_agg(quote_ident(attname), ', ') INTO named FROM pg_attribute
        WHERE attrelid = parent::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        PERFORM set_config('gatehouse.retention', 'on', true);
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE at >= $1 AND at < $2 RETURNING *) INSERT INTO %I (%s) SELECT %s FROM moved',
            rest, part, named, named) USING first, after;
        PERFORM set_config('gatehouse.retention', was, true);
    END IF;
    EXECUTE format('CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION only_added_to()', part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, first, after);
    RETURN true;
END $$;

-- Drops the months that ended before `moment`, and gives their names. By retention only, and none that is not over,
-- whatever the service's clock says.
CREATE FUNCTION drop_months(parent text, moment timestamptz) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part    text;
    dropped text[] := '{}';
    month   text := to_char(date_trunc('month', moment AT TIME ZONE 'UTC'), '"_"YYYY"_"MM');
BEGIN
    IF parent NOT IN ('events', 'access_logs') THEN
        RAISE EXCEPTION 'no table by months: %', parent;
    END IF;
    IF current_setting('gatehouse.retention', true) IS DISTINCT FROM 'on'
        OR moment IS NULL OR moment > date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION '% is only ever added to', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent::regclass AND c.relname ~ ('^' || parent || '_\d{4}_\d{2}$')
          AND c.relname COLLATE "C" < parent || month ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped || part;
    END LOOP;
    RETURN dropped;
END $$;

-- They run with their owner's rights.
REVOKE EXECUTE ON FUNCTION make_month(text, timestamptz), drop_months(text, timestamptz) FROM PUBLIC;

DO $$
BEGIN
    FOR months IN 0..2 LOOP
        PERFORM make_month('events', now() + make_interval(months => months));
        PERFORM make_month('access_logs', now() + make_interval(months => months));
    END LOOP;
    PERFORM make_month('events', at) FROM (
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS at FROM events_before WHERE isfinite(at)) AS months;
    PERFORM make_month('access_logs', at) FROM (
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS at FROM access_logs_before WHERE isfinite(at)) AS months;
END $$;
INSERT INTO events (id, at, vendor_id, actor, action, outcome, code, secret_id, issuance_id, request_id, details)
SELECT id, at, vendor_id, actor, action,
       CASE WHEN outcome IN ('done', 'failed') THEN outcome ELSE 'refused' END,
       CASE WHEN outcome <> 'done' THEN outcome END,
       secret_id, issuance_id, request_id, details
FROM events_before;
INSERT INTO access_logs (id, vendor_id, at, area, name, operation, outcome, issuance_id, remote_address, openbao_request_id)
SELECT id, vendor_id, at, area, name, operation, outcome, issuance_id, remote_address, openbao_request_id
FROM access_logs_before;
SELECT setval('event_ids', (SELECT coalesce(max(id), 0) + 1 FROM events), false);
SELECT setval('access_log_ids', (SELECT coalesce(max(id), 0) + 1 FROM access_logs), false);
DROP TABLE events_before;
DROP TABLE access_logs_before;

CREATE TRIGGER events_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER access_logs_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON access_logs
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();

-- Which tokens touched what in OpenBao: the way from a site to the tokens for a whole store that reached it.
CREATE TABLE issuance_uses (
    vendor_id    bigint NOT NULL,
    issuance_id  uuid NOT NULL REFERENCES issuances (id) ON DELETE CASCADE,
    area         text NOT NULL,
    name         text NOT NULL,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (issuance_id, area, name)
);
CREATE INDEX issuance_uses_of_name ON issuance_uses (vendor_id, area, name, issuance_id);
