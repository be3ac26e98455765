-- Row-level security: the second wall behind the vendor that every statement names. A connection says which vendors' rows
-- it may see and write; one that says nothing sees none. The owner of the tables is held to it too; superusers and
-- roles with BYPASSRLS are not, so that the service's role must be neither.
--
-- `gatehouse.first_vendor` and `gatehouse.last_vendor`: the same number twice for one vendor, -1 and the highest number for
-- what looks across all of them. Rows of no vendor (NULL) are the platform's, as is -1. As a range, and not as a word of its
-- own for "all", because PostgreSQL can tell from it how many rows to expect.

CREATE FUNCTION first_vendor() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('gatehouse.first_vendor', true), '')::bigint $$;
CREATE FUNCTION last_vendor() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('gatehouse.last_vendor', true), '')::bigint $$;

-- Walls off one table, or one month of one.
CREATE FUNCTION wall_off(walled regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    named    text := CASE WHEN walled = 'vendors'::regclass THEN 'id' ELSE 'vendor_id' END;
    nullable boolean;
    seen     text;
BEGIN
    SELECT NOT attnotnull INTO STRICT nullable FROM pg_attribute WHERE attrelid = walled AND attname = named;
    seen := format('%I BETWEEN first_vendor() AND last_vendor()', named);
    IF nullable THEN
        seen := seen || format(' OR (%I IS NULL AND first_vendor() < 0)', named);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', walled);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', walled);
    EXECUTE format('CREATE POLICY of_vendor ON %s USING (%s)', walled, seen);
END $$;

DO $$
DECLARE
    walled regclass;
BEGIN
    FOR walled IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
          AND a.attname = CASE WHEN c.relname = 'vendors' THEN 'id' ELSE 'vendor_id' END
        ORDER BY c.relname
    LOOP
        PERFORM wall_off(walled);
    END LOOP;
END $$;

-- As it was (V8), and the new month is walled off: who names it instead of the whole table sees no more. Its caller sees all
-- vendors.
CREATE OR REPLACE FUNCTION make_month(parent text, moment timestamptz) RETURNS boolean
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
    PERFORM wall_off(part::regclass);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, first, after);
    RETURN true;
END $$;
