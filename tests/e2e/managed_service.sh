#!/usr/bin/env bash
# A server of one's own evaluates events that are in a managed service, where the extension cannot be installed. These are
# two of the ways of docs/install.md: a dump and logical replication. managed_service_foreign.sh tests the others.
# shellcheck source=tests/e2e/managed_service_lib.sh
. "$(dirname "$0")/managed_service_lib.sh"

managed_service e2e-managed-service 'wal_level = logical'
"$(pg_bin createdb)" replicated
"$(pg_bin createdb)" dumped

rule 'a dump of the table is detected in'
export PGDATABASE=dumped
ask 'CREATE EXTENSION impossible_travel'
"$(pg_bin pg_dump)" --no-owner --no-privileges --table=cloudtrail service | run_psql --quiet --output /dev/null
same 'the leg' 'New York' "$(ask "SELECT string_agg(to_city, ',') FROM travel.detect('cloudtrail')" 2>/dev/null)"

rule 'rules scan a table that logical replication fills by the time at which its rows arrive here'
PGDATABASE=service ask "CREATE PUBLICATION impossible_travel FOR TABLE cloudtrail WITH (publish = 'insert')"
# The publisher is the same server, where CREATE SUBSCRIPTION would wait for itself.
PGDATABASE=service ask "SELECT pg_create_logical_replication_slot('impossible_travel', 'pgoutput')" >/dev/null
export PGDATABASE=replicated
ask 'CREATE EXTENSION impossible_travel'
"$(pg_bin pg_dump)" --schema-only --no-owner --no-privileges --table=cloudtrail service | run_psql --quiet --output /dev/null
ask "ALTER TABLE cloudtrail ADD COLUMN arrived_at timestamptz NOT NULL DEFAULT clock_timestamp();
    CREATE INDEX ON cloudtrail (arrived_at);
    CREATE INDEX ON cloudtrail (event_time);
    CREATE INDEX ON cloudtrail (access_key_id, event_time)"
ask "CREATE SUBSCRIPTION impossible_travel CONNECTION 'host=$PGHOST dbname=service user=postgres'
    PUBLICATION impossible_travel WITH (create_slot = false)"
waits_until 'SELECT count(*) FROM cloudtrail' 2
ask "SELECT travel.create_rule('access_key', 'cloudtrail');
    UPDATE travel.rules SET arrival_column = 'arrived_at' WHERE name = 'access_key'" >/dev/null
ask 'CALL travel.scan()'
same 'the alert' '1|' "$(ask 'SELECT count(*), max(last_error) FROM travel.alerts, travel.status')"

rule 'rows that arrive later are found, however old their events are'
PGDATABASE=service ask "INSERT INTO cloudtrail VALUES
    ('c', '2026-02-02 09:00Z', 'GetObject', '192.0.2.5', 'AKIABOB000001EXAMPLE'),
    ('d', '2026-02-02 09:10Z', 'GetObject', '198.51.100.13', 'AKIABOB000001EXAMPLE')"
waits_until 'SELECT count(*) FROM cloudtrail' 4
ask 'CALL travel.scan()'
same 'the alerts' 2 "$(ask 'SELECT count(*) FROM travel.alerts')"

rule 'rows that the service deletes stay'
PGDATABASE=service ask "DELETE FROM cloudtrail WHERE event_id IN ('c', 'd')"
PGDATABASE=service ask "INSERT INTO cloudtrail VALUES
    ('e', '2026-03-03 09:00Z', 'GetObject', '192.0.2.5', 'AKIABOB000001EXAMPLE')"
waits_until "SELECT count(*) FROM cloudtrail WHERE event_id = 'e'" 1
same 'rows' 5 "$(ask 'SELECT count(*) FROM cloudtrail')"
ask 'DROP SUBSCRIPTION impossible_travel' 2>/dev/null

no_crash
