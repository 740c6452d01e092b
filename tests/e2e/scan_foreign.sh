#!/usr/bin/env bash
# Rows of another server carry the transaction ids of that server, which cannot tell a scan which rows are new.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

[ -f "$("$PG_CONFIG" --sharedir)/extension/postgres_fdw.control" ] ||
    skip "postgres_fdw is not installed for $PG_CONFIG"

scan_server e2e-scan-foreign
"$(pg_bin createdb)" far
"$(pg_bin createdb)" near
PGDATABASE=far scan_database
PGDATABASE=far ask "SELECT journey('far')" >/dev/null
export PGDATABASE=near
scan_database
run_psql --quiet --output /dev/null <<SQL
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$PGHOST', port '$PGPORT', dbname 'far');
    CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres');
    CREATE SCHEMA far;
    IMPORT FOREIGN SCHEMA public LIMIT TO (cloudtrail) FROM SERVER far INTO far;
    CREATE VIEW public.over_far AS SELECT * FROM far.cloudtrail;
    CREATE VIEW public.both AS SELECT * FROM public.cloudtrail UNION ALL SELECT * FROM far.cloudtrail;
    CREATE TABLE public.parts (LIKE public.cloudtrail) PARTITION BY RANGE (event_time);
    CREATE TABLE public.part PARTITION OF public.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SQL

rule 'a foreign table, a view over one, and a foreign partition are refused, and the hint names arrival_column'
for source in far.cloudtrail over_far both; do
    over "$source"
    same 'a warning' 1 "$(grep -c 'cannot find new rows by the column "ingest_xid"' "$SCRATCH/said")"
    exact_cursor_refused "$source" 'the source reads the foreign table far.cloudtrail'
done
over parts
ask "SELECT travel.check_rule('parts'); CALL travel.scan('parts')" >/dev/null 2>&1
same 'without the foreign partition the table is accepted' '' "$(error_of parts)"
ask "CREATE FOREIGN TABLE public.old PARTITION OF public.parts FOR VALUES
    FROM ('2025-01-01') TO ('2026-01-01') SERVER far OPTIONS (table_name 'cloudtrail')"
exact_cursor_refused parts 'the source reads the foreign table public.old'

rule 'with arrival_column every row of another server is read'
ask "UPDATE travel.rules SET arrival_column = 'ingested_at'
    WHERE name IN ('far.cloudtrail', 'over_far', 'both',
    'parts'); SELECT travel.check_rule('over_far'); CALL travel.scan()" >/dev/null 2>&1
for source in far.cloudtrail over_far both; do
    same "alerts of $source" far "$(alerts_of "$source")"
    same "errors of $source" '' "$(error_of "$source")"
done

rule 'conditions on an adopted view of a foreign table reach the other server'
ask "SELECT travel.adopt('far.cloudtrail', 'public.adopted')" >/dev/null
plan=$(ask "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM public.adopted WHERE access_key_id = 'AKIA1' AND event_time > '2026-03-02'")
case $plan in
*'Remote SQL:'*'WHERE'*'event_time >'*"access_key_id = 'AKIA1'"* | *'Remote SQL:'*'WHERE'*"access_key_id = 'AKIA1'"*'event_time >'*) ;;
*) fail "the plan sends no conditions: $plan" ;;
esac
no_crash
