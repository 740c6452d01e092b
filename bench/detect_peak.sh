#!/usr/bin/env bash
# Measures the peak memory of one backend that runs travel.detect over a table: its private pages, without shared buffers.
# entry_points.sh calls it with the environment of the server.
set -euo pipefail
table=$1

coproc PSQL { psql --no-psqlrc --quiet --no-align --tuples-only 2>&1; }
# bash forgets the process id as soon as it notices that the coprocess ended.
psql_pid=$PSQL_PID
say() { printf '%s\n' "$*" >&"${PSQL[1]}"; }
hear() { read -r -t 600 answer <&"${PSQL[0]}"; }

say "SET max_parallel_workers_per_gather = 0; SET impossible_travel.coverage_notice = off; SET client_min_messages = error;"
say "SELECT pg_backend_pid();"
hear
pid=$answer
own_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }
before=$(own_kb)
say "\\timing on"
say "SELECT count(*) FROM travel.detect('$table');"
peak=$before
while ! read -r -t 0.05 answer <&"${PSQL[0]}"; do
    now=$(own_kb)
    if [ "$now" -gt "$peak" ]; then peak=$now; fi
done
hear || answer=
printf '   %s: %s MB of private memory at the peak, %s MB before the query\n' "$answer" "$((peak / 1024))" "$((before / 1024))"
say '\q'
wait "$psql_pid" || true
