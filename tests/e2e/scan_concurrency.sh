#!/usr/bin/env bash
# Scans while others write, scans at once, scans within transactions, and what listeners are told.
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


rule 'what a transaction brings that begins before a scan and commits after it, the next scan evaluates'
session_open --quiet
session "BEGIN; SELECT journey('before')"
ask "SELECT journey('meanwhile')" >/dev/null
scan
same 'only what was committed' meanwhile "$(alerts)"
session COMMIT
scan
same 'then the other' 'before meanwhile' "$(alerts)"
scan
same 'and nothing twice' 'before meanwhile' "$(alerts)"

rule 'so if only one end of a journey is late: the first, or the second'
session "BEGIN; SELECT call('late first', '2026-03-02 12:00Z', '192.0.2.1'), call('late second', '2026-03-02 12:10Z', '203.0.113.1')"
ask "SELECT call('late first', '2026-03-02 12:10Z', '203.0.113.1'), call('late second', '2026-03-02 12:00Z', '192.0.2.1')" >/dev/null
scan
same 'no journey yet' 'before meanwhile' "$(alerts)"
session COMMIT
scan
same 'both journeys' 'before late first late second meanwhile' "$(alerts)"

rule 'so with savepoints, released, rolled back and nested, and with the blocks of PL/pgSQL that catch errors'
session "BEGIN; SELECT journey('plain'); SAVEPOINT a; SELECT journey('released'); RELEASE a; SAVEPOINT b; SELECT journey('taken back'); ROLLBACK TO b;
    SAVEPOINT c; SAVEPOINT d; SELECT journey('nested'); RELEASE c;
    DO \$\$BEGIN BEGIN PERFORM journey('caught'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN PERFORM journey('handler'); END; END\$\$"
scan
session "SAVEPOINT e; SELECT journey('after the scan')"
scan
same 'nothing yet' 'before late first late second meanwhile' "$(alerts)"
session 'RELEASE e; COMMIT'
scan
same 'all that was kept' 'after the scan before handler late first late second meanwhile nested plain released' "$(alerts)"

rule 'what is rolled back was never there'
session "BEGIN; SELECT journey('rolled back')"
scan
session ROLLBACK
scan
same 'alerts' 'after the scan before handler late first late second meanwhile nested plain released' "$(alerts)"

rule 'a long transaction holds up no scan, and loses nothing over many'
session "BEGIN; SELECT journey('long 0')"
for n in 1 2 3 4 5; do
    ask "SELECT journey('short $n')" >/dev/null
    session "SELECT journey('long $n')"
    scan
done
same 'the short ones' 'short 1 short 2 short 3 short 4 short 5' "$(alerts | grep -o 'short.*')"
session COMMIT
scan
same 'the long one' 'long 0 long 1 long 2 long 3 long 4 long 5' "$(alerts | grep -o 'long.*[0-9] m' | sed 's/ m//')"
scan

rule 'so a prepared transaction, over a restart'
ask "BEGIN; SELECT journey('prepared'); PREPARE TRANSACTION 'one'" >/dev/null
scan
session_close
server_resume e2e-scan-concurrency
scan
same 'not yet' 0 "$(alerts | grep -c prepared || true)"
ask "COMMIT PREPARED 'one'"
scan
same 'now' 1 "$(alerts | grep -c prepared || true)"
same_as_at_once 'all of these scans'

rule 'a scan sees what its own transaction inserted before it; what comes after it is for the next'
session_open --quiet
session "BEGIN; SELECT journey('own before'); SAVEPOINT s; SELECT journey('own sub')"
session "CALL travel.scan('steps')"
session "SELECT count(*) FROM travel.alerts WHERE entity LIKE 'own %'"
same 'before' '2 ' "$ANSWER"
session "SELECT journey('own after'); RELEASE s; SELECT journey('own last')"
session "SELECT count(*) FROM travel.alerts WHERE entity LIKE 'own %'"
same 'nobody else sees it' 0 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity LIKE 'own %'")"
session COMMIT
scan
same 'all, once' 'own after own before own last own sub' "$(alerts | grep -o 'own.*sub')"

rule 'a scan in a transaction works as one: a rollback takes everything back, and the next scan finds it again'
before=$(ask "SELECT count(*), max(pass), max(finished_at), max(events) FROM travel.alerts, travel.scans WHERE scans.rule = 'steps'")
ask "SELECT journey('undone')" >/dev/null
session "BEGIN; CALL travel.scan('steps')"
session "SELECT count(*) FROM travel.alerts WHERE entity = 'undone'"
same 'within' '1 ' "$ANSWER"
session ROLLBACK
same 'after the rollback' "$before" "$(ask "SELECT count(*), max(pass), max(finished_at), max(events) FROM travel.alerts, travel.scans WHERE scans.rule = 'steps'")"
session "BEGIN; SAVEPOINT s; CALL travel.scan('steps'); ROLLBACK TO s; CALL travel.scan('steps'); COMMIT"
same 'after another' 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'undone'")"
same_as_at_once 'scans in transactions'

rule 'two scans of one rule at once: the second waits, and has nothing left to do'
ask "SELECT journey('twice')" >/dev/null
session "BEGIN; CALL travel.scan('steps')"
scan 2>"$SCRATCH/second" &
waits_for_lock 'travel.scan'
session COMMIT
wait "$!"
same 'errors' '' "$(cat "$SCRATCH/second")"
same 'one alert' 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'twice'")"

rule 'if the first is rolled back, the second does its work'
ask "SELECT journey('handed on')" >/dev/null
session "BEGIN; CALL travel.scan('steps')"
scan 2>"$SCRATCH/second" &
waits_for_lock 'travel.scan'
session ROLLBACK
wait "$!"
same 'errors' '' "$(cat "$SCRATCH/second")"
same 'one alert' 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'handed on'")"

rule 'scans of different rules run side by side, and so do people who work on alerts'
new_rule other
session "BEGIN; CALL travel.scan('other')"
ask "SELECT journey('side by side')" >/dev/null
PGOPTIONS='-c lock_timeout=60s' ask "CALL travel.scan('steps')"
same 'the other rule went on' 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'side by side' AND rule = 'steps'")"
ask "SET lock_timeout = '60s'; UPDATE travel.alerts SET status = 'under_review' WHERE entity = 'side by side'; UPDATE travel.rules SET message = NULL;
    SELECT count(*) FROM travel.status" >/dev/null
session COMMIT
same 'both' 2 "$(ask "SELECT count(*) FROM travel.scans WHERE rule IN ('steps', 'other') AND NOT under_way")"
ask "CALL travel.scan()"
same_ends 'two rules' steps other

rule 'REPEATABLE READ and SERIALIZABLE work; where another scan came in between, there is an error and nothing is lost'
for level in 'REPEATABLE READ' SERIALIZABLE; do
    ask "SELECT journey('in $level')" >/dev/null
    session "BEGIN ISOLATION LEVEL $level; CALL travel.scan('steps'); COMMIT"
    same "$level" 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'in $level' AND rule = 'steps'")"
    ask "SELECT journey('by default in $level')" >/dev/null
    PGOPTIONS="-c default_transaction_isolation=${level/ /\\ }" ask "CALL travel.scan('steps')"
    same "$level by default" 1 "$(ask "SELECT count(*) FROM travel.alerts WHERE entity = 'by default in $level' AND rule = 'steps'")"
    session "BEGIN ISOLATION LEVEL $level; SELECT count(*) > 0 FROM travel.alerts"
    ask "SELECT journey('between in $level')" >/dev/null
    scan
    session "CALL travel.scan('steps'); ROLLBACK"
    case $ANSWER in *'ERROR:  could not serialize access'*) ;; *) fail "no error: $ANSWER" ;; esac
done
ask "CALL travel.scan()"
same_ends 'whatever the level' steps other
PGOPTIONS='-c default_transaction_read_only=on' refused 25006 "CALL travel.scan('steps')"

rule 'many scans at once while many write: no error, no deadlock, every alert once and told of once'
session 'LISTEN travel_alerts'
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

rule 'a listener is told of each alert when it is committed: its id, rule and severity, and nothing else'
new_rule quiet 'baseline, raise_from, severity' "false, '2026-03-05Z', 'high'"
ask "CALL travel.scan()"
session 'SELECT 1'
ask "SELECT journey('told', '2026-03-06 12:00Z'), journey('told', '2026-03-08 12:00Z')" >/dev/null
ask "BEGIN; CALL travel.scan('quiet'); ROLLBACK"
session 'SELECT 1'
same 'nothing of what was rolled back' '1 ' "$ANSWER"
ask "CALL travel.scan('quiet')"
session 'SELECT 1'
wanted=$(ask "SELECT string_agg(jsonb_build_object('id', id, 'rule', rule, 'severity', severity)::text, ' ' ORDER BY id) FROM travel.alerts WHERE rule = 'quiet'")
same 'payloads' "$wanted" "$(ask "SELECT string_agg(p::jsonb::text, ' ' ORDER BY p::jsonb -> 'id') FROM unnest(ARRAY[$(grep -o 'payload "{[^}]*}"' <<<"$ANSWER" |
    sed "s/^payload \"/'/; s/\"\$/'/" | paste -s -d ,)]) AS p")"

rule 'an alert that is archived and grows is told of again; a scan that changes nothing says nothing'
ask "CALL travel.scan('quiet')"
session 'SELECT 1'
same 'nothing new' '1 ' "$ANSWER"
ask "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE rule = 'quiet' AND first_seen < '2026-03-07Z'"
ask "SELECT call('told', '2026-03-06 12:20Z', '192.0.2.1')" >/dev/null
ask "CALL travel.scan('quiet')"
session 'SELECT 1'
same 'told of once' 1 "$(grep -o '"id":' <<<"$ANSWER" | wc -l)"
same 'opened again' 'open|t' "$(ask "SELECT status, reopened_at IS NOT NULL FROM travel.alerts WHERE rule = 'quiet' AND first_seen < '2026-03-07Z'")"

rule 'so is one that is being archived while the scan that makes it grow waits'
ask "SELECT call('told', '2026-03-06 12:30Z', '203.0.113.1')" >/dev/null
mkfifo "$SCRATCH/analyst"
PGAPPNAME=analyst run_psql --quiet <"$SCRATCH/analyst" &
analyst=$!
exec {tell}>"$SCRATCH/analyst"
printf "BEGIN; UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE rule = 'quiet' AND first_seen < '2026-03-07Z';
" >&"$tell"
waits_until "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'analyst' AND state = 'idle in transaction' AND query LIKE 'UPDATE%'" 1
ask "CALL travel.scan('quiet')" &
scan=$!
waits_for_lock 'travel.scan'
printf 'COMMIT;
\q
' >&"$tell"
wait "$analyst" "$scan"
exec {tell}>&-
session 'SELECT 1'
same 'told of once' 1 "$(grep -o '"id":' <<<"$ANSWER" | wc -l)"
same 'opened again' 'open|other|t' "$(ask "SELECT status, archive_reason, reopened_at IS NOT NULL FROM travel.alerts WHERE rule = 'quiet' AND first_seen < '2026-03-07Z'")"

rule 'more than 20 alerts at once are told of in one line'
ask "SELECT journey('crowd ' || n, '2026-03-06 12:00Z') FROM generate_series(1, 21) AS n" >/dev/null
ask "CALL travel.scan('quiet')"
session 'SELECT 1'
same 'one line' 1 "$(grep -o 'Asynchronous notification' <<<"$ANSWER" | wc -l)"
same 'which counts them' '21|quiet|high|3' "$(ask "SELECT p ->> 'alerts', p ->> 'rule', p ->> 'severity', (SELECT count(*) FROM jsonb_object_keys(p))
    FROM (SELECT \$it\$$(grep -o '{[^}]*}' <<<"$ANSWER")\$it\$::jsonb AS p) AS s")"

rule 'so they are where a scan takes many steps'
ask "SELECT journey('queue ' || n, '2026-03-06 15:00Z') FROM generate_series(1, 25) AS n" >/dev/null
ask "SET impossible_travel.scan_batch = 3; CALL travel.scan('quiet')"
session 'SELECT 1'
same 'the first, and one line' between-1-and-21 "$(n=$(grep -o 'Asynchronous notification' <<<"$ANSWER" | wc -l); if [ "$n" -ge 1 ] && [ "$n" -le 21 ]; then echo between-1-and-21; else echo "$n"; fi)"
same 'which counts all' 25 "$(grep -o '"alerts":[0-9]*' <<<"$ANSWER" | tail -n 1 | cut -d : -f 2)"
session_close
no_crash
