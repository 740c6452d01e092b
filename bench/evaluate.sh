#!/usr/bin/env bash
# How many intruders the detection finds and how often it is wrong, beside published detections of other products, in
# simulated organizations (make evaluate). Writes docs/evaluation-results.md, which docs/evaluation.md explains. The
# same settings write the same bytes.
#
#   SEEDS ("1"), PEOPLE (200), DAYS (90): an organization for each seed
#   RESULTS (docs/evaluation-results.md)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
SEEDS=${SEEDS:-1} PEOPLE=${PEOPLE:-200} DAYS=${DAYS:-90}
RESULTS=${RESULTS:-$ROOT/docs/evaluation-results.md}

prepare
folder=$(mktemp -d "${TMPDIR:-/tmp}/evaluation.XXXXXX")
finish() { server_drop; rm -rf "$folder"; }
trap finish EXIT
for seed in $SEEDS; do
    heading "The organization of seed $seed"
    of_seed="$folder/$seed"
    "$sample" evaluation "$of_seed" --people "$PEOPLE" --days "$DAYS" --seed "$seed"
    server_start evaluation 'shared_buffers = 256MB' 'autovacuum = off' 'jit = off' 'work_mem = 128MB' \
        'max_wal_size = 4GB' 'impossible_travel.coverage_notice = off' \
        "impossible_travel.geoip_path = '$SERVERS/evaluation/files/geoip'"
    server_copy geoip "$of_seed"/geoip/*.mmdb >/dev/null
    run_psql --quiet --output /dev/null --set "events=$(server_copy events "$of_seed/events.json")" <<'SQL'
        CREATE EXTENSION impossible_travel;
        SELECT travel.create_events_table('cloudtrail', keep_record => false);
        CALL travel.load_files('cloudtrail', :'events');
        ANALYZE cloudtrail;
SQL
    {
        printf 'SET client_min_messages = warning;\n\\ir %s/bench/evaluation/prepare.sql\n' "$ROOT"
        printf '\\ir %s/bench/evaluation/detect.sql\n' "$ROOT"
    } | run_psql --quiet --output /dev/null
    run_psql --quiet --output /dev/null <<SQL
        CREATE TABLE truth (event_id text PRIMARY KEY, subject int, intruder int);
        CREATE TABLE subjects (subject int PRIMARY KEY, name text, kind text, has_intruder boolean);
        CREATE TABLE intruders (intruder int PRIMARY KEY, subject int, level text);
        \\copy truth FROM '$of_seed/truth.csv' WITH (FORMAT csv)
        \\copy subjects FROM '$of_seed/subjects.csv' WITH (FORMAT csv)
        \\copy intruders FROM '$of_seed/intruders.csv' WITH (FORMAT csv)
SQL
    run_psql --quiet --set "folder=$of_seed" --file bench/evaluation/export.sql
    server_drop
done
SEEDS=$SEEDS PEOPLE=$PEOPLE DAYS=$DAYS FOLDER=$folder RESULTS=$RESULTS python3 bench/evaluation/report.py
note "Written: $RESULTS"
