#!/usr/bin/env bash
# A prepared transaction over a restart, and many scans at once while many write. tests/isolation has the rest of what
# concerns several sessions.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-concurrency 'deadlock_timeout = 100ms' 'max_prepared_transactions = 4'
scan_database
new_rule steps

scan() { ask "CALL travel.scan('steps')"; }
alerts() { alerts_of steps; }

# Another rule that is scanned once, over everything that is there now: the same.
same_as_at_once() {
    ask "DELETE FROM travel.rules WHERE name = 'at once'"
    new_rule 'at once'
    ask "CALL travel.scan('at once')"
    same_ends "$1" steps 'at once'
}


rule 'a prepared transaction is scanned once it is committed, after a restart, too'
ask "BEGIN; SELECT journey('prepared'); PREPARE TRANSACTION 'one'" >/dev/null
scan
server_resume e2e-scan-concurrency
scan
same 'not yet' 0 "$(alerts | grep -c prepared || true)"
ask "COMMIT PREPARED 'one'"
scan
same 'now' 1 "$(alerts | grep -c prepared || true)"
same_as_at_once 'all of these scans'

rule 'many scans at once while many write: no error, no deadlock, every alert once and told of once'
new_rule other
session_open --quiet
session 'LISTEN travel_alerts'
ask 'CALL travel.scan()'
session 'SELECT 1'
before=$(ask "SELECT count(*) FROM travel.alerts")
writing="$SCRATCH/writing"
mkdir "$writing"
for n in 1 2 3; do
    while [ -d "$writing" ]; do ask 'CALL travel.scan()'; done 2>>"$SCRATCH/errors" &
    scans+=($!)
done
# Twice eighteen journeys of a rule: more than twenty, if none of them were scanned meanwhile, would be told of in one line.
for journeys in '1 2 3 4 5 6' '7 8 9 10 11 12'; do
    writers=()
    for n in 1 2 3; do
        for m in $journeys; do
            case $((m % 3)) in
            0) printf "BEGIN; SELECT journey('many %s %s'); SAVEPOINT a; SELECT journey('gone %s %s'); SELECT pg_sleep(0.2); ROLLBACK TO a; COMMIT;\n" $n "$m" $n "$m" ;;
            1) printf "SELECT call('many %s %s', '2026-03-01 12:10Z', '203.0.113.1'); SELECT pg_sleep(0.1); SELECT call('many %s %s', '2026-03-01 12:00Z', '192.0.2.1');\n" $n "$m" $n "$m" ;;
            2) printf "BEGIN; SELECT journey('gone %s %s'); ROLLBACK; BEGIN; SELECT call('many %s %s', '2026-03-01 12:00Z', '192.0.2.1'); SELECT pg_sleep(0.1); COMMIT; SELECT call('many %s %s', '2026-03-01 12:10Z', '203.0.113.1');\n" $n "$m" $n "$m" $n "$m" ;;
            esac
        done | run_psql --quiet --output /dev/null 2>>"$SCRATCH/errors" &
        writers+=($!)
    done
    wait "${writers[@]}"
    ask 'CALL travel.scan()'
done
rmdir "$writing"
wait "${scans[@]}"
ask 'CALL travel.scan()'
same 'errors' '' "$(cat "$SCRATCH/errors")"
# Each of the three rules (with the one that is scanned at once) raises every journey.
same 'alerts' $((3 * 36)) "$(($(ask "SELECT count(*) FROM travel.alerts WHERE withdrawn_at IS NULL") - before))"
same 'no alert was withdrawn' 0 "$(ask "SELECT count(*) FROM travel.alerts WHERE withdrawn_at IS NOT NULL")"
session 'SELECT 1'
same 'told of' $((3 * 36)) "$(grep -o '"id":' <<<"$ANSWER" | wc -l)"
same_as_at_once 'scans at once'
same_ends 'scans at once, of all' steps other

session_close
no_crash
