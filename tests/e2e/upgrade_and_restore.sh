#!/usr/bin/env bash
# Dump and restore into another server, DROP EXTENSION, and the privileges of the database's owner and other roles.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

begin() { # begin NAME: a server with the sample's GeoIP files
    start "$1" "impossible_travel.geoip_path = '$SERVERS/$1/files/geoip'" 'impossible_travel.coverage_notice = off'
    server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
}

begin e2e-old
"$(pg_bin createdb)" audit
export PGDATABASE=audit
run_psql --quiet <<'SQL'
    CREATE EXTENSION impossible_travel;
    CREATE SCHEMA log;
    CREATE TABLE document (file text, body text);
SQL
ask "SELECT travel.create_events_table('log.\"Cloud Trail\"')" >/dev/null
load_documents "$WORK/sample/cloudtrail" document
ask "SELECT sum(i.inserted) > 0 FROM document, travel.ingest('log.\"Cloud Trail\"', body) AS i" >/dev/null
ask "SELECT travel.create_events_table('log.monthly', partitioned => true)" >/dev/null
ask "SELECT sum(i.inserted) > 0 FROM document, travel.ingest('log.monthly', body) AS i" >/dev/null
run_psql --quiet <<'SQL'
    DROP TABLE document;
    -- What users build: a view over the text of the query, a materialized view, a view with the window function, an
    -- index,
    -- columns of locations and legs.
    SELECT format('CREATE VIEW log.by_query AS %s', travel.detect_sql('log."Cloud Trail"')) \gexec
    CREATE MATERIALIZED VIEW log.found AS SELECT * FROM travel.detect('log."Cloud Trail"');
    CREATE UNIQUE INDEX ON log.found (leg_id);
    CREATE VIEW log.by_window AS SELECT access_key_id, (l).* FROM (
        SELECT access_key_id,
            travel.leg(event_time, source_ip, event_id)
                OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
        FROM log."Cloud Trail"
        WHERE access_key_id IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth' AND invoked_by IS NULL) AS s
    WHERE (l).impossible;
    CREATE TABLE log.raw (id int, body jsonb, at text,
        kind text GENERATED ALWAYS AS (travel.source_kind(body ->> 'sourceIPAddress')) STORED);
    INSERT INTO log.raw
    SELECT row_number() OVER (ORDER BY event_id), record, record ->> 'eventTime'
    FROM log."Cloud Trail";
    CREATE INDEX raw_time ON log.raw (travel.event_time(at));
    CREATE TABLE log.place AS SELECT DISTINCT source_ip, travel.locate(source_ip) AS place FROM log."Cloud Trail";
    CREATE TABLE log.leg AS SELECT access_key_id, unnest(travel.impossible_legs(event_time, source_ip)) AS leg
        FROM log."Cloud Trail" WHERE access_key_id IS NOT NULL GROUP BY 1;
SQL
answers="SELECT 'events', count(*), md5(string_agg(t::text, E'\\n' ORDER BY event_id)) FROM log.\"Cloud Trail\" AS t
UNION ALL SELECT 'partition', count(*), md5(string_agg(t.tableoid::regclass || t::text, E'\\n' ORDER BY event_id))
    FROM log.monthly AS t
UNION ALL SELECT 'view', count(*), md5(string_agg(t::text, E'\\n' ORDER BY leg_id)) FROM log.by_query AS t
UNION ALL SELECT 'materialized view', count(*), md5(string_agg(t::text, E'\\n' ORDER BY leg_id)) FROM log.found AS t
UNION ALL SELECT 'window view', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM log.by_window AS t
UNION ALL SELECT 'records', count(*), md5(string_agg(t::text, E'\\n' ORDER BY id)) FROM log.raw AS t
UNION ALL SELECT 'places', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM log.place AS t
UNION ALL SELECT 'legs', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM log.leg AS t ORDER BY 1"
wanted=$(ask "$answers")
note "$(cut -d '|' -f 1-2 <<<"$wanted" | paste -s -d ' ')"
same 'the views agree' 13,13,13 "$(awk -F '|' '/view/ { print $2 }' <<<"$wanted" | paste -s -d ,)"

rule 'a dump restores into another server, as an archive in one transaction and as plain SQL'
"$(pg_bin pg_dump)" --format custom --file "$SCRATCH/dump" audit
"$(pg_bin pg_dump)" --file "$SCRATCH/dump.sql" audit
ask 'DROP MATERIALIZED VIEW log.found' # so that it cannot be read from the wrong server
begin e2e-new
for how in custom plain; do
    "$(pg_bin createdb)" "$how"
    export PGDATABASE=$how
    if [ $how = custom ]; then
        "$(pg_bin pg_restore)" --exit-on-error --single-transaction --dbname custom "$SCRATCH/dump"
    else
        run_psql --quiet --single-transaction --output /dev/null --file "$SCRATCH/dump.sql"
    fi
    same "after a restore, $how" "$wanted" "$(ask "$answers")"
    ask 'REFRESH MATERIALIZED VIEW CONCURRENTLY log.found'
    same 'a refresh changes no row' "$wanted" "$(ask "$answers")"
    ask 'ANALYZE' >/dev/null
    case $(ask "SET enable_seqscan = off; EXPLAIN SELECT * FROM log.raw WHERE travel.event_time(at) > '2026-03-05'") in
    *raw_time*) ;;
    *) fail 'the index over travel.event_time is not used' ;;
    esac
    same 'the same event is a duplicate' '1|0|1|0' \
        "$(ask "SELECT (travel.ingest('log.\"Cloud Trail\"', (SELECT record FROM log.\"Cloud Trail\" LIMIT 1))).*")"
    ask "INSERT INTO log.\"Cloud Trail_inbox\" SELECT record FROM log.\"Cloud Trail\"
        UNION ALL SELECT '{\"eventID\": \"$how\", \"eventTime\": \"2020-01-01T00:00:00Z\"}'" >/dev/null
    same 'the inbox goes on' "$(($(sed -n 's/^events|\([0-9]*\).*/\1/p' <<<"$wanted") + 1))" \
        "$(ask 'SELECT count(*) FROM log."Cloud Trail"')"
    ask "DELETE FROM log.\"Cloud Trail\" WHERE event_id = '$how'"
    same 'a partition is made' log.monthly_2020_01 \
        "$(ask "BEGIN; INSERT INTO log.monthly_inbox VALUES ('{\"eventID\": \"x\", \"eventTime\": \"2020-01-01T00:00:00Z\"}');
            SELECT tableoid::regclass FROM log.monthly WHERE event_id = 'x'; ROLLBACK")"
    same 'a dump of the restored database is the same' 0 \
        "$("$(pg_bin pg_dump)" --schema-only "$how" | grep -v '^--' | diff <("$(pg_bin pg_restore)" --schema-only --file - "$SCRATCH/dump" | grep -v '^--') - | grep '^[<>] [^\\]' | grep -v -c 'REFRESH MATERIALIZED VIEW' || true)"
done

rule 'DROP EXTENSION requires CASCADE, which keeps the events, and the extension can be created again'
rows=$(ask 'SELECT count(*) FROM log."Cloud Trail"')
refused 2BP01 'DROP EXTENSION impossible_travel'
ask_all 'DROP EXTENSION impossible_travel CASCADE' >/dev/null
refused 55000 "INSERT INTO log.\"Cloud Trail_inbox\" VALUES ('{}')"
same 'events' "$rows" "$(ask 'SELECT count(*) FROM log."Cloud Trail"')"
same 'the rest of the raw table' "$(ask 'SELECT count(*) FROM log.raw')" "$rows"
same 'no function, type or schema is left' '0|0|0' \
    "$(ask "SELECT (SELECT count(*) FROM pg_proc WHERE probin LIKE '%impossible_travel%'),
    (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'travel%'), (SELECT count(*) FROM pg_type
        WHERE typname IN ('journey', 'finding'))")"
ask 'CREATE EXTENSION impossible_travel'
same 'the same findings' 13 "$(ask "SELECT count(*) FROM travel.detect('log.\"Cloud Trail\"')")"
same 'ingest goes on' '1|0|1|0' "$(ask "SELECT (travel.ingest('log.\"Cloud Trail\"', (SELECT record
    FROM log.\"Cloud Trail\" LIMIT 1))).*")"

rule 'CREATE EXTENSION fails if the schema travel exists or the encoding is not UTF8'
"$(pg_bin createdb)" taken
export PGDATABASE=taken
ask 'CREATE SCHEMA travel'
refused 42P06 'CREATE EXTENSION impossible_travel'
ask 'DROP SCHEMA travel; CREATE EXTENSION impossible_travel; DROP EXTENSION impossible_travel'
"$(pg_bin createdb)" --encoding LATIN1 --locale C --template template0 latin
PGDATABASE=latin refused 0A000 'CREATE EXTENSION impossible_travel'
same 'nothing is left of it' 0 "$(PGDATABASE=latin ask "SELECT count(*) FROM pg_namespace
    WHERE nspname LIKE 'travel%'")"

rule "a database's owner who is not a superuser can create, use, dump and drop the extension"
export PGDATABASE=postgres
run_psql --quiet <<'SQL'
    CREATE ROLE owner LOGIN;
    CREATE ROLE other LOGIN;
    CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
    CREATE DATABASE owned OWNER owner;
SQL
export PGDATABASE=owned
as() { local role=$1; shift; PGUSER=$role "$@"; }
as other refused 42501 'CREATE EXTENSION impossible_travel'
as owner ask 'CREATE EXTENSION impossible_travel'
same 'its objects belong to the bootstrap superuser' postgres \
    "$(ask "SELECT DISTINCT proowner::regrole FROM pg_proc
    WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])")"
same 'the owner sees the databases' t "$(as owner ask "SELECT count(*) = 4 FROM travel.geoip_databases()")"
same 'pg_monitor sees them' t "$(as watcher ask "SELECT count(*) = 4 FROM travel.geoip_databases()")"
as other refused 42501 'SELECT * FROM travel.geoip_databases()'
holds 'the owner dumps the database' as owner "$(pg_bin pg_dump)" --file "$SCRATCH/owned.sql" owned
as owner refused 42501 "INSERT INTO travel_internal.own_passes VALUES ('x', gen_random_uuid())"
run_psql --quiet --command 'CREATE SCHEMA others AUTHORIZATION other' --command "CREATE TABLE public.document (file text, body text); GRANT SELECT ON public.document TO PUBLIC"
load_documents "$WORK/sample/cloudtrail" document
use="SELECT sum(i.inserted) > 0 FROM document, travel.ingest('cloudtrail', body) AS i; SELECT count(*)
    FROM travel.detect('cloudtrail')"
ask 'GRANT CREATE ON SCHEMA public TO owner'
as owner ask "SELECT travel.create_events_table('public.cloudtrail')" >/dev/null
same 'the owner' $'t\n13' "$(as owner ask "$use")"
same "the table is the owner's" owner "$(ask "SELECT relowner::regrole FROM pg_class
    WHERE oid = 'public.cloudtrail'::regclass")"

rule 'another user can use the extension on his own tables, and only on those'
for statement in "SELECT * FROM travel.detect('public.cloudtrail')" "SELECT * FROM travel.coverage('public.cloudtrail')" \
    "SELECT travel.detect_sql('public.cloudtrail')" "SELECT travel.ingest('public.cloudtrail',
        '{\"eventTime\": \"2026-01-01T00:00:00Z\", \"eventID\": \"x\"}')" \
    "SELECT travel.create_events_table('public.mine')"; do
    as other refused 42501 "$statement"
done
as other ask "SELECT travel.create_events_table('others.cloudtrail')" >/dev/null
same 'his own table' $'t\n13' "$(as other ask "SET search_path = others, public; $use" )"
same 'another user locates addresses' London "$(as other ask "SELECT (travel.locate('192.0.2.1')).city")"
same 'no function of PUBLIC shows a path of the server or runs as its owner' '' \
    "$(ask "SELECT string_agg(proname, ',') FROM pg_proc
    WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
        AND has_function_privilege('other', oid, 'execute') AND (prosecdef
        OR proname IN ('geoip_databases', 'load_files'))")"
as other refused 42501 'DROP EXTENSION impossible_travel'
as other refused 42501 'CREATE FUNCTION travel.mine() RETURNS int LANGUAGE sql AS $$SELECT 1$$'
as owner ask_all 'DROP EXTENSION impossible_travel CASCADE' >/dev/null
same 'the owner dropped it' 0 "$(ask "SELECT count(*) FROM pg_extension WHERE extname = 'impossible_travel'")"
same 'the events of the owner are kept' t "$(ask 'SELECT count(*) > 0 FROM public.cloudtrail')"
no_crash
server_at e2e-old
no_crash
