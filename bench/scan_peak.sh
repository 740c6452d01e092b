#!/usr/bin/env bash
# Measures the first scan of a table: how long it takes, and the peak of its backend's private memory. scan.sh calls it with
# the environment of the server.
set -euo pipefail
table=events_$1

coproc PSQL { psql --no-psqlrc --quiet --no-align --tuples-only 2>&1; }
# bash forgets the process id as soon as it notices that the coprocess ended.
psql_pid=$PSQL_PID
say() { printf '%s\n' "$*" >&"${PSQL[1]}"; }

say 'SELECT pg_backend_pid();'
read -r -t 60 pid <&"${PSQL[0]}"
own_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }
began=$(date +%s.%N)
say "CALL travel.scan('$table');"
say 'SELECT 1;'
peak=0
while ! read -r -t 0.1 _ <&"${PSQL[0]}"; do
    now=$(own_kb)
    if [ "$now" -gt "$peak" ]; then peak=$now; fi
done
ended=$(date +%s.%N)
awk -v n="$1" -v a="$began" -v b="$ended" -v peak="$peak" 'BEGIN {
    printf "   %d events: %.1f s, %.1f us an event, %d MB of private memory at the peak\n", n, b - a, (b - a) * 1e6 / n, peak / 1024 }'
printf '%s\n' "CREATE TABLE IF NOT EXISTS first_scan (history bigint, full_scan interval);" \
    "INSERT INTO first_scan VALUES ($1, make_interval(secs => $(awk -v a="$began" -v b="$ended" 'BEGIN { print b - a }')));" |
    psql --no-psqlrc --quiet 2>/dev/null
say '\q'
wait "$psql_pid" || true
