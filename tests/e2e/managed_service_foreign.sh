#!/usr/bin/env bash
# A server of one's own evaluates events that are in a managed service through a foreign table, which is one of the three
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

no_crash
