#!/usr/bin/env bash
# Rows that logical replication copies arrive with transactions of another server, which cannot tell a scan which rows
# are new.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-replicated 'wal_level = logical'
"$(pg_bin createdb)" far
"$(pg_bin createdb)" near
PGDATABASE=far scan_database
PGDATABASE=far ask "SELECT journey('far'); CREATE PUBLICATION all_events FOR TABLE public.cloudtrail" >/dev/null
export PGDATABASE=near
scan_database

rule 'a table that logical replication fills is refused; once the subscription is gone, it is scanned'
over cloudtrail
ask "CALL travel.scan('cloudtrail')"
same 'no error' '' "$(error_of cloudtrail)"
PGDATABASE=far ask "SELECT pg_create_logical_replication_slot('copies', 'pgoutput')" >/dev/null
ask "CREATE SUBSCRIPTION copies CONNECTION 'host=$PGHOST port=$PGPORT dbname=far user=postgres'
    PUBLICATION all_events WITH (create_slot = false, slot_name = 'copies', copy_data = true)"
waits_until 'SELECT count(*) FROM public.cloudtrail' 2
exact_cursor_refused cloudtrail 'logical replication fills public.cloudtrail'
ask 'DROP SUBSCRIPTION copies' 2>/dev/null
ask "CALL travel.rescan('cloudtrail', '-infinity')"
same 'alerts' far "$(alerts_of cloudtrail)"
same 'no error is left' '' "$(error_of cloudtrail)"
no_crash
