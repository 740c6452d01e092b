#!/usr/bin/env bash
# Measures the extension beside its peers: `make bench-peers`, which is also a part of `make bench`. It is not part of the
# tests. Over the same events, measures travel.detect and the other entry points, plain SQL in the same server, DuckDB and
# ClickHouse (chdb), with the same numbers of processes or threads, in rounds in turn. Checks that all of them find the
# same legs, and writes bench/RESULTS.md.
#
# DuckDB and chdb come from PyPI, into a virtual environment below .work. The extension ip4r, which plain SQL needs, comes
# from Debian. If a peer cannot be installed, the others are measured, and the results say which one is absent and why.
#
#   EVENTS (2000000), KEYS (a hundredth of the events), NETWORKS (300000), PROCESSES ("1 2"), ROUNDS (5)
#   GROWTH ("1000000 20000000"; empty: not measured): numbers of events to compare the time per event
#   RESULTS (bench/RESULTS.md)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
export EVENTS=${EVENTS:-2000000} NETWORKS=${NETWORKS:-300000} ROUNDS=${ROUNDS:-5} PROCESSES=${PROCESSES:-1 2}
export GROWTH=${GROWTH-1000000 20000000} RESULTS=${RESULTS:-$ROOT/bench/RESULTS.md}
export KEYS=${KEYS:-$((EVENTS / 100))}
# The versions with which the statements in peers_worker.py were tried.
PEERS=('duckdb==2.0.1' 'chdb==4.4.0')

command -v python3 >/dev/null || die 'python3 is missing: run apt-get install python3-venv'
prepare
folder="$WORK/bench/peers" venv="$WORK/peers"
rm -rf "$folder" && mkdir -p "$folder"
if [ "$(cat "$venv/complete" 2>/dev/null)" != "${PEERS[*]}" ]; then
    heading "Installing ${PEERS[*]}"
    rm -rf "$venv"
    if python3 -m venv "$venv"; then
        complete=yes
        for peer in "${PEERS[@]}"; do
            "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "$peer" || {
                note "pip cannot install $peer, so it is not measured"
                complete=no
            }
        done
        # The next run tries again to install what is missing.
        [ "$complete" = no ] || printf '%s' "${PEERS[*]}" >"$venv/complete"
    else
        note 'python3 cannot make a virtual environment, so DuckDB and ClickHouse are not measured: run apt-get install python3-venv'
    fi
fi
has_ip4r() { [ -f "$("$PG_CONFIG" --sharedir)/extension/ip4r.control" ]; }
if ! has_ip4r && [ "$PG_CONFIG" = "/usr/lib/postgresql/$(pg_major)/bin/pg_config" ]; then
    heading "Installing postgresql-$(pg_major)-ip4r"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "postgresql-$(pg_major)-ip4r" ||
        note "apt-get cannot install postgresql-$(pg_major)-ip4r, so plain SQL is not measured"
fi

trap server_drop EXIT
server_start bench-peers 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = off' 'autovacuum = off' 'jit = off' \
    'work_mem = 512MB' 'max_worker_processes = 64' 'max_parallel_workers = 64' 'impossible_travel.coverage_notice = off' \
    "impossible_travel.geoip_path = '$SERVERS/bench-peers/files/geoip'"
"$sample" bench-geoip "$folder" --networks "$NETWORKS"
"$sample" bench-networks --networks "$NETWORKS" >"$folder/networks.csv"
server_copy geoip "$folder/Bench-City.mmdb" >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
# peers.py makes the events with this program.
SAMPLE=$sample VENV=$venv FOLDER=$folder SERVER_DATA=$SERVER_DIR/data PSQL=$(pg_bin psql) python3 bench/peers.py
