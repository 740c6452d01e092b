#!/usr/bin/env bash
# Rows of another server carry the transaction ids of that server, which cannot tell a scan which rows are new.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-foreign 'wal_level = logical'
"$(pg_bin createdb)" far
"$(pg_bin createdb)" near
PGDATABASE=far scan_database
PGDATABASE=far ask "SELECT journey('far'); CREATE PUBLICATION all_events FOR TABLE public.cloudtrail" >/dev/null
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
    CREATE TABLE public.copied (LIKE public.cloudtrail INCLUDING ALL);
    CREATE MATERIALIZED VIEW public.stored AS SELECT * FROM public.cloudtrail;
SQL

error_of() { ask "SELECT coalesce(last_error, '') FROM travel.status WHERE rule = '$1'"; }
over() { ask "INSERT INTO travel.rules (name, source, baseline) VALUES ('$1', '$1', false)" 2>"$SCRATCH/said"; }
is_refused() { # is_refused RULE WHY
    refused 0A000 "SELECT travel.check_rule('$1')"
    case $SAID in *'cannot find new rows by the column "ingest_xid"'*"$2"*arrival_column*) ;; *) fail "no words to act on: $SAID" ;; esac
    ask "CALL travel.scan('$1')" 2>"$SCRATCH/said"
    same "the scan of $1 says so" "rule \"$1\" cannot find new rows by the column \"ingest_xid\" (0A000)" "$(error_of "$1")"
    same "nothing of $1 was scanned" '' "$(alerts_of "$1")"
}

rule 'a foreign table, a view over one, and a foreign partition are refused, and the hint names arrival_column'
for source in far.cloudtrail over_far both; do
    over "$source"
    same 'a warning' 1 "$(grep -c 'cannot find new rows by the column "ingest_xid"' "$SCRATCH/said")"
    is_refused "$source" 'the source reads the foreign table far.cloudtrail'
done
over parts
ask "SELECT travel.check_rule('parts'); CALL travel.scan('parts')" >/dev/null 2>&1
same 'without the foreign partition the table is accepted' '' "$(error_of parts)"
ask "CREATE FOREIGN TABLE public.old PARTITION OF public.parts FOR VALUES
    FROM ('2025-01-01') TO ('2026-01-01') SERVER far OPTIONS (table_name 'cloudtrail')"
is_refused parts 'the source reads the foreign table public.old'

rule 'with arrival_column every row of another server is read'
ask "UPDATE travel.rules SET arrival_column = 'ingested_at'
    WHERE name IN ('far.cloudtrail', 'over_far', 'both',
    'parts'); SELECT travel.check_rule('over_far'); CALL travel.scan()" >/dev/null 2>&1
for source in far.cloudtrail over_far both; do
    same "alerts of $source" far "$(alerts_of "$source")"
    same "errors of $source" '' "$(error_of "$source")"
done

rule 'a table that logical replication fills is refused; once the subscription is gone, it is scanned'
ask 'TRUNCATE public.cloudtrail'
over cloudtrail
ask "CALL travel.scan('cloudtrail')"
same 'no error' '' "$(error_of cloudtrail)"
PGDATABASE=far ask "SELECT pg_create_logical_replication_slot('copies', 'pgoutput')" >/dev/null
ask "CREATE SUBSCRIPTION copies CONNECTION 'host=$PGHOST port=$PGPORT dbname=far user=postgres' PUBLICATION all_events WITH (create_slot = false, slot_name = 'copies', copy_data = true)"
waits_until 'SELECT count(*) FROM public.cloudtrail' 2
ask "CALL travel.scan('cloudtrail')" 2>"$SCRATCH/said"
same 'the scan says so' 'rule "cloudtrail" cannot find new rows by the column "ingest_xid" (0A000)' "$(error_of cloudtrail)"
refused 0A000 "SELECT travel.check_rule('cloudtrail')"
case $SAID in *'logical replication fills public.cloudtrail'*) ;; *) fail "no words to act on: $SAID" ;; esac
ask 'DROP SUBSCRIPTION copies' 2>/dev/null
ask "CALL travel.rescan('cloudtrail', '-infinity')"
same 'alerts' far "$(alerts_of cloudtrail)"
same 'no error is left' '' "$(error_of cloudtrail)"
no_crash
