#!/usr/bin/env bash
# The checkpoints that scans keep take at most a fifth of the space of the source. The events are those of make bench-scan,
# which measures larger tables. Autovacuum is off, which is the worst case: the space of old row versions is used again
# only if an update finds it in the page that it changes.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-checkpoint-size 'autovacuum = off' 'shared_buffers = 256MB' 'max_wal_size = 4GB'
events=200000 keys=4000
source="events_$events"
ask 'CREATE EXTENSION impossible_travel'
run_psql --quiet --output /dev/null --set table="$source" --set events="$events" --set keys="$keys" --file "$ROOT/bench/scan_events.sql"

# small WHEN: the rule has scanned everything, and its checkpoints are small. Compares the tables of the checkpoints,
# including what does not fit into their pages (TOAST), with the main part of the table of events. None includes indexes.
small() {
    local checkpoints heap ratio
    same "no error ($1)" '' "$(error_of "$source")"
    same "the scans read everything ($1)" t "$(ask "SELECT newest_event = (SELECT max(event_time) FROM $source) FROM travel.status")"
    same "each key has a checkpoint ($1)" "$keys" "$(ask 'SELECT count(DISTINCT entity) FROM travel_internal.entity_states')"
    same "each user has a checkpoint ($1)" "$((keys / 2))" "$(ask 'SELECT count(DISTINCT baseline_entity) FROM travel_internal.baseline_states')"
    IFS='|' read -r checkpoints heap ratio <<<"$(ask "SELECT checkpoints, heap, round(checkpoints::numeric / heap, 3)
        FROM (SELECT pg_table_size('travel_internal.entity_checkpoints') + pg_table_size('travel_internal.baseline_checkpoints'),
            pg_relation_size('$source')) AS s (checkpoints, heap)")"
    note "$1: $((checkpoints / 1000)) kB of checkpoints, $((heap / 1000)) kB of events, ratio $ratio"
    holds "the checkpoints take $ratio of the space of the events ($1)" between 0 0.2 "$ratio"
}

rule 'after the first scan, the checkpoints take at most 0.2 times the space of the events'
ask "CALL travel.scan()"
small 'the first scan'

rule 'after later scans of new and of late events, without vacuum, they take no more than that'
for ((round = 1; round <= 25; round++)); do
    what='in order'
    [ "$round" -le 20 ] || what=late
    ask "CALL add_events($events, '$what', $round, $keys)"
    ask 'CALL travel.scan()'
    [ "$round" != 20 ] || small '20 scans of 1,000 new events'
done
small '5 scans of 1,000 late events'
no_crash
