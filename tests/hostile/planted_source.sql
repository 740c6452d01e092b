-- Creates a table of mallory, a view of it, and rules over the view. They contain code that could run whenever a row is
-- read, converted or compared.
SET ROLE mallory;
SET client_min_messages = error;
CREATE FUNCTION mallory.noted(what text, value anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS 'BEGIN PERFORM mallory.note(what); RETURN value; END';
CREATE DOMAIN mallory.checked AS text CHECK (mallory.noted('a domain', VALUE) IS NOT NULL);
CREATE DOMAIN mallory.moment AS timestamptz CHECK (mallory.noted('a domain', VALUE) IS NOT NULL);
CREATE DOMAIN mallory.address AS inet CHECK (mallory.noted('a domain', VALUE) IS NOT NULL);
CREATE TYPE mallory.pair AS (a text);
SELECT format('CREATE FUNCTION mallory.%1$s_of(mallory.pair) RETURNS %1$s LANGUAGE plpgsql AS '
    '''BEGIN PERFORM mallory.note(''''a cast''''); RETURN NULL; END''; '
    'CREATE CAST (mallory.pair AS %1$s) WITH FUNCTION mallory.%1$s_of(mallory.pair) AS IMPLICIT', type)
FROM unnest('{text,inet,timestamptz,float8,bool,jsonb}'::text[]) AS type
\gexec
-- Rows could be compared by these operators for her types.
CREATE FUNCTION mallory.compare(mallory.pair, mallory.pair) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN PERFORM mallory.note(''an operator''); RETURN true; END';
SELECT format('CREATE OPERATOR mallory.%s (LEFTARG = mallory.pair, RIGHTARG = mallory.pair, FUNCTION = mallory.compare)', name)
FROM unnest('{=,<>,<,<=,>,>=,||}'::text[]) AS name
\gexec
CREATE TABLE mallory.trail (
    event_id mallory.checked, event_time mallory.moment, source_ip mallory.address, access_key_id mallory.checked, outcome text,
    generated text GENERATED ALWAYS AS (mallory.noted('a generated column', outcome)) STORED,
    invoked_by text DEFAULT mallory.noted('a default', NULL::text),
    CHECK (mallory.noted('a constraint', outcome) IS NULL)
);
CREATE TABLE mallory.of_pairs (event_time mallory.pair, source_ip mallory.pair, access_key_id mallory.pair, event_id mallory.pair,
    record mallory.pair, latitude mallory.pair, longitude mallory.pair);
INSERT INTO mallory.trail (event_id, event_time, source_ip, access_key_id)
VALUES ('1', '2026-03-02 09:00Z', '192.0.2.1', 'hers'), ('2', '2026-03-02 09:10Z', '203.0.113.1', 'hers');
INSERT INTO mallory.of_pairs SELECT p, p, p, p, p, p, p FROM (VALUES ('(x)'::mallory.pair)) AS v (p);
CREATE INDEX ON mallory.trail (mallory.noted('an index', outcome));
CREATE STATISTICS mallory.of_trail ON mallory.noted('statistics', outcome), event_id FROM mallory.trail;
ANALYZE mallory.trail;
CREATE TABLE mallory.child () INHERITS (mallory.trail);
CREATE TRIGGER planted BEFORE INSERT OR UPDATE OR DELETE ON mallory.trail FOR EACH ROW EXECUTE FUNCTION mallory.trigger();
CREATE RULE planted AS ON INSERT TO mallory.trail DO ALSO SELECT mallory.noted('a rule');
CREATE POLICY planted ON mallory.trail USING (mallory.noted('a policy', event_id) IS NOT NULL);
ALTER TABLE mallory.trail ENABLE ROW LEVEL SECURITY;
CREATE VIEW mallory.view WITH (security_barrier) AS
SELECT event_id, event_time, source_ip, mallory.noted('view of mallory', access_key_id::text) AS access_key_id
FROM mallory.trail;
GRANT SELECT ON mallory.trail, mallory.of_pairs, mallory.view TO PUBLIC;
RESET ROLE;
INSERT INTO travel.rules (name, owner, source, baseline, condition)
VALUES ('hers', 'mallory', 'mallory.view', false, 'mallory.noted(''condition of mallory'', access_key_id) IS NOT NULL'),
    ('kept_hers', 'keeper', 'mallory.view', false, NULL), ('super_hers', 'postgres', 'mallory.view', false, NULL);
