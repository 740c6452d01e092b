#!/usr/bin/env bash
# Measures detection over large histories (`make bench-large`) and writes the section "Large histories" of
# bench/RESULTS.md. This is not part of the tests. 100,000,000 events need 8 GB on disk and half an hour.
#
#   HISTORIES ("20000000/2000000/64MB 100000000/1000000/512MB"): events, keys and work_mem of each table
#   NETWORKS (300000), PROCESSES ("1 2"), RUNS (1), RESULTS (bench/RESULTS.md)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
export HISTORIES=${HISTORIES:-20000000/2000000/64MB 100000000/1000000/512MB}
export NETWORKS=${NETWORKS:-300000} PROCESSES=${PROCESSES:-1 2} RUNS=${RUNS:-1} RESULTS=${RESULTS:-$ROOT/bench/RESULTS.md}

prepare
mkdir -p "$WORK/bench"
trap server_drop EXIT
server_start bench-large 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = off' 'autovacuum = off' 'jit = off' \
    'impossible_travel.coverage_notice = off' "impossible_travel.geoip_path = '$SERVERS/bench-large/files/geoip'"
"$sample" bench-geoip "$WORK/bench" --networks "$NETWORKS"
server_copy geoip "$WORK/bench/Bench-City.mmdb" >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
SAMPLE=$sample PSQL=$(pg_bin psql) python3 bench/large.py
