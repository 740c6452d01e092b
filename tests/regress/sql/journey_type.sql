-- The type travel.journey: its text and binary forms, and partial states of the aggregate as values, which can be
-- stored, sent, and combined elsewhere.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'

-- Aggregates over the support functions of travel.impossible_legs: one returns the state, one combines states.
CREATE AGGREGATE partial_legs(timestamptz, inet, text) (SFUNC = travel_internal.legs_add,
    STYPE = travel.journey, COMBINEFUNC = travel_internal.legs_combine, PARALLEL = SAFE);
CREATE AGGREGATE bare_legs(timestamptz, inet, float8, float8, boolean) (SFUNC = travel_internal.legs_add,
    STYPE = travel.journey);
CREATE AGGREGATE coordinate_legs(timestamptz, float8, float8, float8, float8,
    boolean) (SFUNC = travel_internal.legs_add, STYPE = travel.journey);
CREATE AGGREGATE combined_legs(travel.journey) (SFUNC = travel_internal.legs_combine,
    STYPE = travel.journey, FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE);

CREATE TEMP TABLE rows AS
    SELECT n, n % 3 AS who, timestamptz '2026-03-02 00:00Z' + (n * 7919 % 5000) * interval '1 second' AS event_time,
           ('{192.0.2.1,203.0.113.1,2001:db8:1000::1,10.0.0.1}'::inet[])[1 + n * n % 4] AS ip, 'id-' || n AS id
    FROM generate_series(1, 5000) AS n;
CREATE TABLE states AS
SELECT who, n % 5 AS part, partial_legs(event_time, ip, id) AS state
FROM rows
GROUP BY who, part;

-- Stored states, compressed or with a short header, combine in any order to the result of the aggregate over all rows.
INSERT INTO states
SELECT 9, 0, partial_legs('2026-03-02 09:00Z', '192.0.2.1', 'x')
UNION ALL SELECT 9, 1, partial_legs('2026-03-02 09:10Z', '203.0.113.1', 'y')
UNION ALL SELECT 9, 2, NULL;
SELECT who, combined_legs(state ORDER BY part) = whole AS up, combined_legs(state ORDER BY part DESC) = whole AS down,
    cardinality(whole) > 100 AS many
FROM states
JOIN (SELECT who, travel.impossible_legs(event_time, ip, id) AS whole FROM rows GROUP BY who) AS w USING (who)
GROUP BY who, whole ORDER BY who;
SELECT l.from_event_id, l.to_event_id, l.from_city, l.to_city
FROM (SELECT combined_legs(state) AS legs FROM states WHERE who = 9) AS s, unnest(legs) AS l;
SELECT combined_legs(NULL) AS of_nothing, partial_legs(NULL, NULL, NULL) IS NULL AS no_rows_no_state
FROM states
WHERE false;
-- Combining does not change the stored states.
CREATE TEMP TABLE texts AS SELECT who, part, state::text AS t FROM states;
SELECT count(*) FILTER (WHERE cardinality(combined_legs) >= 0) AS ran
FROM (SELECT combined_legs(state) FROM states GROUP BY who) AS s;
SELECT count(*) AS changed FROM states JOIN texts USING (who, part) WHERE state::text IS DISTINCT FROM t;

-- The text form converts back to the same bytes and legs.
SELECT count(*) FILTER (WHERE t::travel.journey::text IS NOT DISTINCT FROM t) AS same, count(*) FROM texts;
SELECT who, combined_legs(t::travel.journey) = combined_legs(state) AS equal
FROM texts
JOIN states USING (who, part)
GROUP BY who
ORDER BY who;
SELECT left(t, 2) AS begins, t ~ '^\\x([0-9a-f]{2})+$' AS hex, substr(t, 3, 2) AS version
FROM texts
WHERE who = 9 AND part = 0;

-- The binary form, by COPY BINARY and by the send function, does too.
CREATE TABLE received (who int, part int, state travel.journey);
DO $$ BEGIN
    EXECUTE format('COPY states TO %L (FORMAT binary)', current_setting('data_directory') || '/journey_type.copy');
    EXECUTE format('COPY received FROM %L (FORMAT binary)', current_setting('data_directory') || '/journey_type.copy');
END $$;
SELECT count(*) FILTER (WHERE r.state::text IS NOT DISTINCT FROM s.state::text) AS same, count(*)
FROM states AS s
FULL JOIN received AS r USING (who, part);
SELECT who, combined_legs(r.state) = combined_legs(s.state) AS equal
FROM states AS s
JOIN received AS r USING (who, part)
GROUP BY who
ORDER BY who;
SELECT bool_and('\x' || encode(travel_internal.journey_send(state), 'hex') = state::text) AS text_is_the_bytes
FROM states;

-- An invalid text is 22P02. Every truncation and nearly every changed byte is detected, and none crashes the server.
CREATE FUNCTION pg_temp.said(t text) RETURNS text
    LANGUAGE sql AS $$ SELECT error_of(format('SELECT %L::travel.journey', t)) $$;
SELECT what, split_part(pg_temp.said(t), ':', 1) AS code, substring(pg_temp.said(t) FROM 'detail: ([^\n]*)') AS detail
FROM (SELECT t AS good FROM texts WHERE who = 9 AND part = 0) AS g
CROSS JOIN LATERAL (VALUES
    (1, 'empty', ''),
    (2, 'no prefix', substr(good, 3)),
    (3, 'prefix alone', '\x'),
    (4, 'odd digits', good || '0'),
    (5, 'no hex', left(good, -1) || 'g'),
    (6, 'cut', left(good, -2)),
    (7, 'longer', good || '00'),
    (8, 'another version', '\xff' || substr(good, 5)),
    (9, 'version 0', '\x00' || substr(good, 5)),
    (10, 'upper case is fine', '\x' || upper(substr(good, 3)))
) AS v (n, what, t)
ORDER BY n;
\pset format unaligned
SELECT pg_temp.said('nonsense');
SELECT regexp_replace(pg_temp.said('\xff' || substr(t, 5)), '[0-9]+ bytes', 'n bytes')
FROM texts
WHERE who = 9 AND part = 0;
\pset format aligned
SELECT count(*) FILTER (WHERE code = '22P02') = count(*) AS every_cut_is_found
FROM texts, generate_series(2, length(t) / 2 - 1) AS n,
    sqlstate_of(format('SELECT %L::travel.journey', left(t, n * 2))) AS code
WHERE who = 9;
-- Any byte, changed in any of three ways, gives an error or a state that can be used.
CREATE FUNCTION pg_temp.try(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM combined_legs(t::travel.journey);
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SELECT code, count(*) > 0 AS some
FROM (
    SELECT t
    FROM texts
    WHERE who = 9 AND t IS NOT NULL
    UNION ALL SELECT bare_legs(event_time, ip, 500, 1000, false)::text
    FROM rows
    WHERE n < 40
) AS s,
     generate_series(0, (length(t) - 2) / 2 - 1) AS n, unnest('{0,127,255}'::int[]) AS b,
     pg_temp.try(overlay(t PLACING lpad(to_hex(b), 2, '0') FROM 3 + 2 * n FOR 2)) AS code
WHERE code NOT IN ('22P02', 'fine')
GROUP BY code ORDER BY code;

-- An invalid binary form is 22P03.
CREATE FUNCTION pg_temp.receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    path text := current_setting('data_directory') || '/journey_type.copy';
    file oid;
BEGIN
    file := lo_from_bytea(0,
        '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea || int4send(length(bytes)) || bytes
            || '\xffff'::bytea);
    PERFORM lo_export(file, path), lo_unlink(file);
    RETURN error_of(format('COPY received (state) FROM %L (FORMAT binary)', path));
END $$;
SELECT what, split_part(pg_temp.receive(bytes), ':', 1) AS code
FROM (SELECT travel_internal.journey_send(state) AS good FROM states WHERE who = 9 AND part = 0) AS g
CROSS JOIN LATERAL (VALUES (1, 'as it was', good), (2, 'empty', ''), (3, 'another version', set_byte(good, 0, 255)),
    (4, 'cut', substr(good, 1, length(good) - 1)), (5, 'longer', good || '\x00'))
    AS v (n, what, bytes)
ORDER BY n;
\pset format unaligned
SELECT regexp_replace(pg_temp.receive('\xff'), '[0-9]+', 'n', 'g');
\pset format aligned

-- States with different thresholds, or with and without ids, cannot be combined. Nor can a state of coordinates and one
-- of addresses.
SELECT pg_temp.try(NULL) AS nothing, sqlstate_of($$SELECT combined_legs(s) FROM (
    SELECT bare_legs('2026-03-02 09:00Z', '192.0.2.1', 500, 1000, false) AS s
    UNION ALL SELECT bare_legs('2026-03-02 09:10Z', '203.0.113.1', 400, 1000, false)) AS v$$) AS thresholds,
    sqlstate_of($$SELECT combined_legs(s) FROM (
    SELECT bare_legs('2026-03-02 09:00Z', '192.0.2.1', 500, 1000, false) AS s
    UNION ALL SELECT partial_legs('2026-03-02 09:10Z', '203.0.113.1', 'x')) AS v$$) AS ids;
SELECT l.from_ip, l.from_latitude, l.to_ip, l.to_latitude FROM (SELECT combined_legs(s) AS legs FROM (
    SELECT bare_legs('2026-03-02 09:00Z', '192.0.2.1', 500, 1000, false) AS s
    UNION ALL SELECT bare_legs('2026-03-02 09:10Z', '203.0.113.1', 500, 1000, false)
    UNION ALL SELECT coordinate_legs('2026-03-02 09:20Z', 0, 0, 500, 1000, false)) AS v) AS c, unnest(legs) AS l
    ORDER BY l.to_time;

-- The support functions are immutable, except the final function, which locates addresses.
SELECT proname, provolatile, proparallel, count(*)
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND proname ~ '^(legs|journey)_(?!of_entity)'
GROUP BY 1, 2, 3
ORDER BY 1;
SELECT typlen, typalign, typstorage, typcategory FROM pg_type WHERE oid = 'travel.journey'::regtype;
DROP TABLE states, received;
DROP AGGREGATE combined_legs(travel.journey), partial_legs(timestamptz, inet, text),
    bare_legs(timestamptz, inet, float8, float8, boolean),
    coordinate_legs(timestamptz, float8, float8, float8, float8, boolean);

-- A state that is toasted, compressed or has a short header is read correctly.
CREATE TABLE kept_states (kind text, s travel.journey);
CREATE AGGREGATE collect(timestamptz, inet) (SFUNC = travel_internal.legs_add, STYPE = travel.journey);
CREATE FUNCTION second(travel.journey, travel.journey) RETURNS travel.journey
    LANGUAGE plpgsql AS 'BEGIN RETURN $2; END';
CREATE AGGREGATE last_state(travel.journey) (SFUNC = second, STYPE = travel.journey,
    FINALFUNC = travel_internal.legs_final);
CREATE AGGREGATE all_states(travel.journey) (SFUNC = travel_internal.legs_combine,
    STYPE = travel.journey, FINALFUNC = travel_internal.legs_final);
INSERT INTO kept_states
SELECT 'large',
    collect('2026-01-01Z'::timestamptz + g * interval '1 hour', ('198.18.' || g % 200 || '.' || g % 251)::inet)
FROM generate_series(1, 20000) AS g;
INSERT INTO kept_states SELECT 'small', collect('2026-01-01Z'::timestamptz, '192.0.2.1');
ALTER TABLE kept_states ALTER s SET STORAGE external;
INSERT INTO kept_states SELECT 'external', s FROM kept_states WHERE kind = 'large';
SELECT kind, cardinality(last_state(s)) = (
    SELECT cardinality(travel.impossible_legs('2026-01-01Z'::timestamptz + g * interval '1 hour',
        ('198.18.' || g % 200 || '.' || g % 251)::inet))
    FROM generate_series(1, 20000) AS g
) AS same
FROM kept_states
WHERE kind <> 'small'
GROUP BY kind
ORDER BY kind;
SELECT cardinality(last_state(s)) FROM kept_states WHERE kind = 'small';
SELECT cardinality(all_states(s)) > 0 AS combined FROM kept_states;
DROP TABLE kept_states;

-- An id may have any length.
SELECT length(((travel.impossible_legs(t, ip, id))[1]).to_event_id)
FROM (VALUES ('2026-03-02 09:00Z'::timestamptz, '192.0.2.1'::inet, 'a'),
    ('2026-03-02 09:01Z', '203.0.113.1', repeat('x', 300000)))
    AS e (t, ip, id);
