#!/usr/bin/env bash
# Events on another server, behind postgres_fdw: that server evaluates them, and only legs or journeys cross.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

[ -f "$("$PG_CONFIG" --sharedir)/extension/postgres_fdw.control" ] ||
    skip "postgres_fdw is not installed for $PG_CONFIG"

scan_server e2e-far
run_psql --quiet --output /dev/null <<'SQL'
    CREATE EXTENSION impossible_travel;
    SELECT travel.create_events_table('public.cloudtrail');
    CREATE TABLE document (file text, body text);
SQL
load_documents "$WORK/sample/cloudtrail" document
ask "SELECT sum(i.inserted) > 0 FROM document, travel.ingest('cloudtrail', body) AS i; ANALYZE" >/dev/null
far_host=$PGHOST far_port=$PGPORT
where="WHERE access_key_id IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth' AND invoked_by IS NULL"
legs="SELECT access_key_id, unnest(travel.impossible_legs(event_time, source_ip, event_id)) AS leg FROM cloudtrail $where GROUP BY 1"
wanted=$(ask "SELECT md5(string_agg(l::text, ' ' ORDER BY l::text)) FROM ($legs) AS l")
keys=$(ask "SELECT count(DISTINCT access_key_id) FROM cloudtrail $where")
events=$(ask "SELECT count(*) FROM cloudtrail $where")
traveling=$(ask "SELECT count(DISTINCT access_key_id) FROM ($legs) AS l")
note "$events events of $keys keys, $traveling of them with impossible legs"
holds 'there is something to save' test "$events" -gt $((keys * 10)) -a "$keys" -gt "$traveling" -a "$traveling" -gt 1

scan_server e2e-near
run_psql --quiet --output /dev/null <<SQL
    CREATE EXTENSION impossible_travel;
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '$far_host', port '$far_port', dbname 'postgres', extensions 'impossible_travel');
    CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres');
    IMPORT FOREIGN SCHEMA public LIMIT TO (cloudtrail) FROM SERVER far INTO public;
    -- What a query sends, and the number of rows that it receives.
    CREATE FUNCTION scans(query text) RETURNS SETOF jsonb LANGUAGE plpgsql AS \$\$
    DECLARE
        plan jsonb;
    BEGIN
        EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || query INTO plan;
        RETURN QUERY SELECT jsonb_path_query(plan, 'strict \$.** ? (@."Node Type" == "Foreign Scan")');
    END
    \$\$;
    CREATE FUNCTION sent(query text) RETURNS text LANGUAGE sql AS
        \$\$SELECT string_agg(s ->> 'Remote SQL', ' ') FROM scans(query) AS s\$\$;
    CREATE FUNCTION received(query text) RETURNS bigint LANGUAGE sql AS
        \$\$SELECT sum((s ->> 'Actual Rows')::numeric * (s ->> 'Actual Loops')::numeric) FROM scans(query) AS s\$\$;
SQL

# crosses WHAT ROWS SENT QUERY: fails unless the query sends a text that is like SENT and receives that many rows.
crosses() {
    local sent
    sent=$(ask "SELECT sent(\$_\$$4\$_\$)")
    case $sent in
    *$3*) ;;
    *) fail "$1 is not sent: $sent" ;;
    esac
    same "$1: the rows that cross" "$2" "$(ask "SELECT received(\$_\$$4\$_\$)")"
}

rule 'the array of legs is a member of the extension, once, with the type of its elements'
same 'members' 'travel.leg travel.leg[]' "$(ask "SELECT string_agg(objid::regtype::text, ' ' ORDER BY objid::regtype::text)
    FROM pg_depend WHERE classid = 'pg_type'::regclass AND deptype = 'e'
        AND objid IN ('travel.leg'::regtype, 'travel.leg[]'::regtype)")"

rule 'the other server evaluates the aggregate, and one row per key crosses'
crosses impossible_legs "$keys" 'travel.impossible_legs(event_time, source_ip, event_id)' "$legs"
same 'the legs' "$wanted" "$(ask "SELECT md5(string_agg(l::text, ' ' ORDER BY l::text)) FROM ($legs) AS l")"

rule 'with HAVING only the keys that traveled cross'
having="SELECT access_key_id, travel.impossible_legs(event_time, source_ip, event_id) AS legs FROM cloudtrail $where
    GROUP BY 1 HAVING cardinality(travel.impossible_legs(event_time, source_ip, event_id)) > 0"
crosses HAVING "$traveling" 'HAVING ((cardinality(travel.impossible_legs(event_time, source_ip, event_id)) > 0))' "$having"
same 'the legs' "$wanted" "$(ask "SELECT md5(string_agg(l::text, ' ' ORDER BY l::text))
    FROM (SELECT access_key_id, unnest(legs) AS leg FROM ($having) AS h) AS l")"

rule 'the other server makes journeys, which this server reads with its own thresholds and locations'
journeys="SELECT access_key_id, travel.journey(event_time, source_ip, event_id) AS journey FROM cloudtrail $where GROUP BY 1"
crosses journey "$keys" 'travel.journey(event_time, source_ip, event_id) FROM public.cloudtrail WHERE' "$journeys"
same 'the legs' "$wanted" "$(ask "SELECT md5(string_agg(l::text, ' ' ORDER BY l::text))
    FROM (SELECT access_key_id, unnest(travel.impossible_legs(journey)) AS leg FROM ($journeys) AS j) AS l")"

rule 'the other server merges stored journeys'
PGHOST=$far_host PGPORT=$far_port ask "CREATE TABLE key_days AS
    SELECT access_key_id, event_time::date AS day, travel.journey(event_time, source_ip, event_id) AS journey
    FROM cloudtrail $where GROUP BY 1, 2"
ask 'IMPORT FOREIGN SCHEMA public LIMIT TO (key_days) FROM SERVER far INTO public'
months='SELECT access_key_id, travel.rollup(journey) AS journey FROM key_days GROUP BY 1'
crosses rollup "$keys" 'travel.rollup(journey) FROM public.key_days GROUP BY' "$months"
same 'the legs' "$wanted" "$(ask "SELECT md5(string_agg(l::text, ' ' ORDER BY l::text))
    FROM (SELECT access_key_id, unnest(travel.impossible_legs(journey)) AS leg FROM ($months) AS j) AS l")"

rule 'a server that does not name the extension sends every event'
ask "ALTER SERVER far OPTIONS (DROP extensions)"
crosses 'every event' "$events" 'SELECT event_id, event_time, source_ip, access_key_id FROM public.cloudtrail WHERE' "$legs"
ask "ALTER SERVER far OPTIONS (ADD extensions 'impossible_travel')"

rule 'the array is a member after a restore and after it was added again, and is dropped with the extension'
"$(pg_bin createdb)" restored
"$(pg_bin pg_dump)" --schema-only postgres | run_psql --quiet --output /dev/null --dbname restored
PGDATABASE=restored crosses 'after a restore' "$keys" 'travel.impossible_legs(' "$legs"
# What pg_upgrade leaves before PostgreSQL 18, and the statement that docs/operate.md has for it.
PGDATABASE=restored ask 'ALTER EXTENSION impossible_travel DROP TYPE travel.leg[]'
PGDATABASE=restored crosses 'without the member' "$events" 'SELECT event_id' "$legs"
PGDATABASE=restored ask 'ALTER EXTENSION impossible_travel ADD TYPE travel.leg[]'
PGDATABASE=restored crosses 'with the member' "$keys" 'travel.impossible_legs(' "$legs"
PGDATABASE=restored ask 'DROP EXTENSION impossible_travel CASCADE' 2>/dev/null
same 'types left behind' '' "$(PGDATABASE=restored ask "SELECT string_agg(typname, ' ') FROM pg_type
    WHERE typname IN ('leg', '_leg')")"
no_crash
