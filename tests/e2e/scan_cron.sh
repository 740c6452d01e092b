#!/usr/bin/env bash
# pg_cron scans and refreshes a materialized view: an alert appears without any manual step.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

[ -f "$("$PG_CONFIG" --pkglibdir)/pg_cron.so" ] \
    || skip "pg_cron is not installed for $PG_CONFIG (scripts/setup.sh does so where Debian has it)"

# Jobs run in background workers, which need no client authentication.
scan_server e2e-scan-cron "shared_preload_libraries = 'pg_cron'" "cron.database_name = 'audit'" 'cron.use_background_workers = on' 'cron.log_statement = off'
"$(pg_bin createdb)" audit
export PGDATABASE=audit
ask 'CREATE EXTENSION pg_cron'
scan_database
ask "SELECT travel.create_rule('access_key', 'public.cloudtrail')" >/dev/null
run_psql --quiet --output /dev/null <<'SQL'
    -- The role that scans is not a superuser, and cannot read the table.
    CREATE ROLE scanner LOGIN;
    SELECT travel.grant_to('scanner', 'admin');
    GRANT USAGE ON SCHEMA cron TO scanner;
    CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('public.cloudtrail');
    CREATE UNIQUE INDEX ON found (leg_id);
    -- The user has been active for long: the learning period is over.
    SELECT call('AKIA1', '2026-02-01 12:00Z', '192.0.2.1', 'someone');
SQL
# Since 1.5 pg_cron can run jobs every few seconds; with older versions this takes up to a minute.
every='2 seconds'
ask "SELECT cron.schedule('probe', '$every', 'SELECT 1')" >/dev/null 2>&1 || every='* * * * *'
ask "SELECT cron.unschedule('probe')" >/dev/null 2>&1 || true
note "pg_cron $(ask "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'"), each job: $every"
PGUSER=scanner ask "SELECT cron.schedule('scan', '$every', 'CALL travel.scan()')" >/dev/null
run_psql --quiet --output /dev/null <<SQL
    SELECT cron.schedule('refresh', '$every', 'REFRESH MATERIALIZED VIEW CONCURRENTLY public.found');
    SELECT journey('AKIA1', '2026-03-01 12:00Z');
SQL


rule 'a scan that pg_cron runs as a role with the privileges of travel.grant_to evaluates new events'
waits_until 'SELECT count(*) FROM travel.alerts' 1
note "after $TOOK s"
same 'the alert' 'access_key|AKIA1|open|London|Tokyo' \
    "$(ask 'SELECT rule, entity, status, from_city, to_city FROM travel.alerts')"
# The scan raises the alert a little before it ends.
waits_until "SELECT status, end_time IS NOT NULL FROM cron.job_run_details
    WHERE command = 'CALL travel.scan()' AND status NOT IN ('starting', 'running', 'connecting', 'sending')
        ORDER BY runid LIMIT 1" 'succeeded|t'
note 'a scan, which commits after each step, runs as a job'

rule 'another job refreshes a materialized view over travel.detect'
waits_until 'SELECT count(*) FROM found' 1
same 'jobs that failed' '' "$(ask "SELECT string_agg(command || ': ' || return_message, E'\\n')
    FROM cron.job_run_details WHERE status = 'failed'")"

rule 'a job that calls travel.assert_healthy fails while a rule has a problem, and names the rule'
ask "CREATE TABLE public.unreadable AS SELECT 'k' AS access_key_id, 'yesterday' AS event_time,
    '192.0.2.1' AS source_ip, 'a' AS actor; GRANT SELECT ON public.unreadable TO scanner" >/dev/null
ask "INSERT INTO travel.rules (name, owner, source) VALUES ('unreadable', 'postgres', 'public.unreadable')"
waits_until "SELECT problem ~ 'time that cannot be read' FROM travel.status WHERE rule = 'unreadable'" t
PGUSER=scanner ask "SELECT cron.schedule('health', '$every', 'SELECT travel.assert_healthy()')" >/dev/null
waits_until "SELECT DISTINCT status, return_message ~ 'unreadable' FROM cron.job_run_details
    WHERE command ~ 'assert_healthy' AND status IN ('succeeded', 'failed')" 'failed|t'
no_crash
