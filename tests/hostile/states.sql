-- Aggregates of the support functions, which take states as they are.
CREATE AGGREGATE hostile.partial(timestamptz, inet) (SFUNC = travel_internal.legs_add, STYPE = travel.journey);
CREATE AGGREGATE hostile.combined(travel.journey) (SFUNC = travel_internal.legs_combine, STYPE = travel.journey,
    FINALFUNC = travel_internal.legs_final);
CREATE AGGREGATE hostile.combined_journey(travel.journey) (SFUNC = travel_internal.legs_combine, STYPE = travel.journey,
    FINALFUNC = travel_internal.journey_final);

-- Values of travel.journey from elsewhere: the text and the binary form of good ones, damaged at each byte.
CREATE TABLE hostile.damaged AS
WITH good AS (
    SELECT n, decode(substr(j::text, 3), 'hex') AS form
    FROM (VALUES (1, (SELECT travel.journey(event_time, source_ip) FROM hostile.few)),
                 (2, (SELECT travel.journey(event_time, source_ip, event_id) FROM hostile.few)),
                 (3, (SELECT travel.journey(event_time, 51.5, 0.1 * extract(minute FROM event_time)::float8) FROM hostile.few)),
                 (4, (SELECT hostile.partial(event_time, source_ip) FROM hostile.few))) AS v (n, j)
)
SELECT row_number() OVER (ORDER BY n, i, how) AS n, CASE how
           WHEN 'cut' THEN substr(form, 1, i)
           WHEN 'longer' THEN substr(form, 1, i) || '\x00' || substr(form, i + 1)
           WHEN 'zero' THEN set_byte(form, i, 0)
           WHEN 'all' THEN set_byte(form, i, 255)
           ELSE set_byte(form, i, get_byte(form, i) # 1) END AS form
FROM good, generate_series(0, length(form) - 1) AS i, unnest('{cut,longer,zero,all,flip}'::text[]) AS how;

-- The functions and aggregates of one or two journeys. Their other arguments have defaults. The subscripts of the types
-- begin with 0, so no array literal equals them.
CREATE TABLE hostile.takes_journeys AS
SELECT * FROM hostile.routine
WHERE required BETWEEN 1 AND 2 AND types[0:required - 1] <@ '{travel.journey}'::regtype[];
DO $$
BEGIN
    IF NOT '{travel.legs,travel.impossible_legs,travel.rollup,travel.event_count,travel_internal.legs_combine}'::text[]
        <@ ARRAY(SELECT name FROM hostile.takes_journeys) THEN
        RAISE 'functions of journeys are missing: %', ARRAY(SELECT name FROM hostile.takes_journeys);
    END IF;
END $$;
-- Passes a journey to each function and aggregate of one or two journeys. An error must be about the data, unless the
-- routine refuses good arguments. Any other error is raised as an internal one.
CREATE FUNCTION hostile.feed(j travel.journey) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT * FROM hostile.takes_journeys LOOP
        BEGIN
            EXECUTE format('SELECT %s(%s)', r.name, CASE r.required WHEN 2 THEN '$1, $1' ELSE '$1' END) USING j;
        EXCEPTION WHEN OTHERS THEN
            IF sqlstate !~ '^22' AND NOT hostile.may_refuse(r.oid, sqlstate, sqlerrm) THEN
                RAISE '% %: % of %', sqlstate, sqlerrm, r.name, j USING ERRCODE = 'XX000';
            END IF;
        END;
    END LOOP;
    BEGIN
        PERFORM hostile.combined(s), hostile.combined_journey(s), travel.rollup(s)
        FROM (SELECT j UNION ALL SELECT travel.journey(event_time, source_ip) FROM hostile.few UNION ALL SELECT j) AS u (s);
    EXCEPTION WHEN OTHERS THEN
        IF sqlstate !~ '^22' THEN
            RAISE '% %: aggregates of %', sqlstate, sqlerrm, j USING ERRCODE = 'XX000';
        END IF;
    END;
END $$;

-- Receives a value by COPY. The portions of the test run side by side, so each session has a file of its own.
CREATE TABLE hostile.received (j travel.journey);
CREATE FUNCTION hostile.receive(form bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    path text := current_setting('data_directory') || '/hostile.copy.' || pg_backend_pid();
    large oid := lo_from_bytea(0, 'PGCOPY\n'::bytea || '\xff0d0a00' || '\x0000000000000000' || '\x0001' || int4send(length(form))
        || form || '\xffff');
BEGIN
    PERFORM lo_export(large, path), lo_unlink(large);
    TRUNCATE hostile.received;
    EXECUTE format('COPY hostile.received FROM %L BINARY', path);
    PERFORM hostile.feed(j) FROM hostile.received;
END $$;
CREATE VIEW hostile.state_statement AS
SELECT 'text ' || n AS key, format('SELECT hostile.feed(%L)', form) AS statement FROM hostile.damaged
UNION ALL
SELECT 'binary ' || n, format('SELECT hostile.receive(%L)', form) FROM hostile.damaged;
