#!/usr/bin/env bash
# A server of one's own evaluates events that are in a managed service through a foreign table, which is one of the
# ways of docs/install.md. managed_service.sh tests the others.
# shellcheck source=tests/e2e/managed_service_lib.sh
. "$(dirname "$0")/managed_service_lib.sh"

[ -f "$("$PG_CONFIG" --sharedir)/extension/postgres_fdw.control" ] ||
    skip "postgres_fdw is not installed for $PG_CONFIG"

managed_service e2e-managed-service-foreign
"$(pg_bin createdb)" foreign

rule 'a foreign table is detected in, and the service selects the time'
export PGDATABASE=foreign
ask "CREATE EXTENSION impossible_travel;
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER service FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$PGHOST', dbname 'service', fetch_size '10000');
    CREATE USER MAPPING FOR CURRENT_USER SERVER service OPTIONS (user 'postgres');
    CREATE SCHEMA service;
    IMPORT FOREIGN SCHEMA public LIMIT TO (cloudtrail) FROM SERVER service INTO service"
same 'the leg' 'New York' \
    "$(ask "SELECT string_agg(to_city, ',') FROM travel.detect('service.cloudtrail')" 2>/dev/null)"
query=$(ask "SELECT travel.detect_sql('service.cloudtrail', since => '2026-03-01')")
explained=$(ask "EXPLAIN (VERBOSE) $query")
case $explained in *'Remote SQL: SELECT '*' WHERE '*'event_time >= '*) ;; *) fail "the service reads all times: $explained" ;; esac

rule 'events that are copied through the foreign table raise alerts, and the copy goes on with what is new'
ask "SELECT travel.create_events_table('cloudtrail'); SELECT travel.create_rule('access_key', 'cloudtrail')" >/dev/null
# The statements of docs/install.md.
copy=$(awk '/^### A copy through/ { inside = 1 } /^### A dump/ { inside = 0 } inside' "$ROOT/docs/install.md" |
    awk '/^```/ { in_block = !in_block; next } in_block && /^INSERT/ { found = 1 } in_block && found; /;$/ { if (found) exit }')
holds 'the documentation has the statement' grep -q '^INSERT INTO cloudtrail' <<<"$copy"
ask "$copy"
ask 'CALL travel.scan()' 2>/dev/null
same 'the alert' 1 "$(ask 'SELECT count(*) FROM travel.alerts')"
PGDATABASE=service ask "INSERT INTO cloudtrail VALUES
    ('c', '2026-03-01 21:00Z', 'GetObject', '192.0.2.5', 'AKIABOB000001EXAMPLE'),
    ('d', '2026-03-01 21:10Z', 'GetObject', '198.51.100.13', 'AKIABOB000001EXAMPLE')"
ask "$copy"
ask 'CALL travel.scan()' 2>/dev/null
same 'the alerts' 2 "$(ask 'SELECT count(*) FROM travel.alerts')"
same 'the rows' 4 "$(ask 'SELECT count(*) FROM cloudtrail')"
same 'the service selects the time' 1 "$(ask "EXPLAIN (VERBOSE, COSTS off) $copy" | grep -c 'Remote SQL: .*event_time >= ')"

no_crash
