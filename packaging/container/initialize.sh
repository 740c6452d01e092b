#!/usr/bin/env bash
# Creates the extension in the database POSTGRES_DB and has pg_cron scan it every minute. With TRAVEL_SAMPLE=on it also
# loads the sample's events into the table cloudtrail and creates a rule for them.
#
# The entrypoint of the image calls it once, after it has created the server. It can be called again at any time, also to
# load the sample later; what exists is kept, such as a job with another schedule:
#
#   docker compose exec --env TRAVEL_SAMPLE=on db /docker-entrypoint-initdb.d/10-impossible_travel.sh
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
sample=/usr/share/impossible_travel/sample

run_psql() { # run_psql DATABASE [ARGUMENTS]
    PGOPTIONS='--client-min-messages=warning' psql --no-psqlrc --quiet --no-password --set ON_ERROR_STOP=1 \
        --output /dev/null --username "$user" --dbname "$@"
}

# The events of the sample, file by file. Records that the table has already are not loaded twice.
load_events() {
    local file
    {
        find "$sample/cloudtrail" -name '*.json.gz' | LC_ALL=C sort | while IFS= read -r file; do
            # shellcheck disable=SC2016 # psql runs the command.
            printf '\\set body `zcat %s`\n' "'$file'"
            printf "SELECT travel.ingest('cloudtrail', :'body');\n"
        done
        printf 'ANALYZE cloudtrail;\n'
    } | run_psql "$database"
}

case ${TRAVEL_SAMPLE:-off} in
on | off) ;;
*)
    printf "TRAVEL_SAMPLE is '%s', but must be on or off\n" "$TRAVEL_SAMPLE" >&2
    exit 1
    ;;
esac

run_psql "$database" --command 'CREATE EXTENSION IF NOT EXISTS impossible_travel'

if [ "${TRAVEL_SAMPLE:-off}" = on ]; then
    # Last in the list, so the sample's locations count only for addresses that your databases do not know.
    run_psql "$database" --set "geoip=/usr/share/GeoIP,/var/lib/GeoIP,$sample/geoip" <<'SQL'
LOAD 'impossible_travel';
SELECT setting = boot_val AS is_default FROM pg_settings WHERE name = 'impossible_travel.geoip_path' \gset
\if :is_default
ALTER SYSTEM SET impossible_travel.geoip_path = :'geoip';
SELECT pg_reload_conf();
\endif
SELECT to_regclass('cloudtrail') IS NULL AS is_new \gset
\if :is_new
SELECT travel.create_events_table('cloudtrail');
\endif
SQL
    load_events
    run_psql "$database" <<'SQL'
SELECT travel.create_rule('access_key', 'cloudtrail')
WHERE NOT EXISTS (SELECT FROM travel.rules WHERE name = 'access_key');
CALL travel.scan();
SQL
fi

# pg_cron is in the database postgres and runs jobs in any other. It replaces a job of the same name, so the names contain
# the database, and a job that exists is left alone. The jobs come last: that of health would fail while a rule has not
# been scanned yet.
run_psql postgres --set "database=$database" <<'SQL'
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT cron.schedule_in_database(job.name, job.schedule, job.command, :'database')
FROM (VALUES ('impossible travel in ' || :'database', '* * * * *', 'CALL travel.scan()'),
             ('impossible travel health in ' || :'database', '*/5 * * * *', 'SELECT travel.assert_healthy()'))
     AS job (name, schedule, command)
WHERE NOT EXISTS (SELECT FROM cron.job AS existing WHERE existing.jobname = job.name);
SELECT cron.schedule('impossible travel job log', '17 3 * * *',
                     $$DELETE FROM cron.job_run_details WHERE end_time < now() - interval '7 days'$$)
WHERE NOT EXISTS (SELECT FROM cron.job WHERE jobname = 'impossible travel job log');
SQL

# Without this file, the entrypoint refuses to start the server again: its first start failed.
[ -e "$PGDATA/impossible_travel.initialized" ] || : >"$PGDATA/impossible_travel.initialized"
