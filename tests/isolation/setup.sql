-- The objects that the specs share: the extension, a table of events, and functions that insert events and compare the
-- results of rules.
CREATE EXTENSION impossible_travel;
SELECT travel.create_events_table('public.cloudtrail');

-- Inserts one event of an access key.
CREATE PROCEDURE public.event(key text, at timestamptz, address inet) LANGUAGE sql AS $$
    INSERT INTO public.cloudtrail (event_id, event_time, event_name, event_source, source_ip, access_key_id)
    VALUES (
        format('%s %s %s', key, extract(epoch FROM at), address), at, 'GetObject', 's3.amazonaws.com', address, key
    )
$$;

-- Inserts an event in London and, ten minutes later, one in Tokyo: an impossible leg.
CREATE PROCEDURE public.journey(key text, at timestamptz DEFAULT '2026-03-01 12:00Z') LANGUAGE sql AS $$
    CALL public.event(key, at, '192.0.2.1');
    CALL public.event(key, at + interval '10 minutes', '203.0.113.1')
$$;

-- Inserts the journeys of several access keys, PREFIX 1, PREFIX 2 and so on, a minute after one another.
CREATE PROCEDURE public.journeys(prefix text, count int, at timestamptz DEFAULT '2026-03-01 12:00Z')
LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. count LOOP
        CALL public.journey(format('%s %s', prefix, n), at + n * interval '1 minute');
    END LOOP;
END $$;

-- A CloudTrail document with one record.
CREATE FUNCTION public.document_of(event_id text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('Records', jsonb_build_array(
        jsonb_build_object('eventID', event_id, 'eventTime', '2026-01-01T00:00:00Z')))
$$;

-- Adds a rule over cloudtrail without a baseline.
CREATE PROCEDURE public.add_rule(name text) LANGUAGE sql AS $$
    INSERT INTO travel.rules (name, owner, source, baseline)
    VALUES (name, current_user, 'public.cloudtrail', false)
$$;

-- The entities with an alert of a rule, once for each alert.
CREATE FUNCTION public.alerts_of(rule text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(a.entity, ', ' ORDER BY a.entity, a.id), 'none')
    FROM travel.alerts AS a
    WHERE a.rule = alerts_of.rule AND a.withdrawn_at IS NULL
$$;

-- All that the scans of a rule have written, one line for each value, without ids, times of writing, the work of
-- analysts and withdrawn alerts.
CREATE FUNCTION public.results_of(rule text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s: %s', r.name, j.key, j.value)
    FROM (
        SELECT 'verdict ' || v.leg_id AS name,
            to_jsonb(v) - '{rule,alert_id}'::text[] || jsonb_build_object('alert', a.leg_id) AS body
        FROM travel.verdicts AS v
        LEFT JOIN travel.alerts AS a ON a.id = v.alert_id
        WHERE v.rule = results_of.rule
        UNION ALL
        SELECT 'alert ' || a.leg_id,
            to_jsonb(a)
                - '{rule,id,status,archive_reason,assignee,raised_at,updated_at,archived_at,reopened_at}'::text[]
        FROM travel.alerts AS a
        WHERE a.rule = results_of.rule AND a.withdrawn_at IS NULL
        UNION ALL
        SELECT 'leg ' || l.leg_id, to_jsonb(l) - 'alert_id' || jsonb_build_object('alert', a.leg_id)
        FROM travel_internal.alert_legs AS l
        JOIN travel.alerts AS a ON a.id = l.alert_id
        WHERE a.rule = results_of.rule AND a.withdrawn_at IS NULL
        UNION ALL
        SELECT 'entity ' || s.entity, to_jsonb(s) - '{rule,pass,evaluated_from}'::text[]
        FROM travel_internal.entity_states AS s
        WHERE s.rule = results_of.rule AND s.valid_until = 'infinity'
    ) AS r, jsonb_each(r.body) AS j
$$;

-- What the scans of one rule have written and those of the other have not.
CREATE FUNCTION public.differences(one text, other text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.results_of(one)) THEN
        RAISE EXCEPTION 'the rule "%" has no results to compare', one;
    END IF;
    RETURN QUERY (SELECT 'only ' || one || ': ' || r FROM public.results_of(one) AS r
        EXCEPT ALL SELECT 'only ' || one || ': ' || r FROM public.results_of(other) AS r);
    RETURN QUERY (SELECT 'only ' || other || ': ' || r FROM public.results_of(other) AS r
        EXCEPT ALL SELECT 'only ' || other || ': ' || r FROM public.results_of(one) AS r);
END $$;

CREATE FUNCTION public.relations_of_the_extension(kind "char") RETURNS SETOF regclass LANGUAGE sql AS $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_class AS c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
    JOIN pg_catalog.pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE d.deptype = 'e' AND e.extname = 'impossible_travel' AND c.relkind = kind
$$;

-- Empties cloudtrail and every table of the extension, and starts their ids at 1 again.
CREATE PROCEDURE public.start_over() LANGUAGE plpgsql AS $$
DECLARE
    tables text;
    name regclass;
BEGIN
    SELECT string_agg(r.name::text, ', ') INTO STRICT tables FROM public.relations_of_the_extension('r') AS r (name);
    -- Alerts are kept forever, except from a superuser who switches the triggers off.
    PERFORM set_config('session_replication_role', 'replica', true);
    EXECUTE 'TRUNCATE public.cloudtrail, ' || tables;
    PERFORM set_config('session_replication_role', 'origin', true);
    FOR name IN SELECT public.relations_of_the_extension('S') LOOP
        EXECUTE format('ALTER SEQUENCE %s RESTART', name);
    END LOOP;
END $$;

-- Cancels the scan of another session, once that session waits for a lock.
CREATE PROCEDURE public.cancel_scan() LANGUAGE plpgsql AS $$
DECLARE
    scan int;
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT pid INTO scan
        FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CALL travel.scan(%' AND state = 'active'
            AND cardinality(pg_blocking_pids(pid)) > 0;
        EXIT WHEN FOUND;
        PERFORM pg_sleep(0.01);
    END LOOP;
    PERFORM pg_cancel_backend(scan);
END $$;
