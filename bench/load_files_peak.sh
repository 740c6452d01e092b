#!/usr/bin/env bash
# Measures the peak memory of one call of travel.load_files: the private pages of its session and its workers, without
# shared buffers. load_files.sh calls it with the environment of the server, and with the table and the folder.
set -euo pipefail
table=$1 folder=$2

coproc PSQL { psql --no-psqlrc --quiet --no-align --tuples-only 2>&1; }
# bash forgets the process id as soon as it notices that the coprocess ended.
psql_pid=$PSQL_PID
say() { printf '%s\n' "$*" >&"${PSQL[1]}"; }

say 'SET client_min_messages = warning; SELECT pg_backend_pid();'
read -r -t 60 pid <&"${PSQL[0]}"
# A worker can end while it is looked at.
own_kb() {
    local process
    for process in "$pid" $(pgrep -f 'postgres: load_files worker' || true); do
        awk '/^RssAnon/ { print $2 }' "/proc/$process/status" 2>/dev/null || true
    done | awk '{ kb += $1 } END { print kb }'
}
before=$(own_kb)
say "CALL travel.load_files('$table', '$folder');"
peak=$before
while ! read -r -t 0.05 _ <&"${PSQL[0]}"; do
    now=$(own_kb)
    if [ "$now" -gt "$peak" ]; then peak=$now; fi
done
printf '   %s MB of private memory at the peak, %s MB before\n' "$((peak / 1024))" "$((before / 1024))"
say '\q'
wait "$psql_pid" || true
