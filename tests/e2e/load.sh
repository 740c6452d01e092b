#!/usr/bin/env bash
# Many clients at once load, scan, query, refresh, triage, change rules, prune and drop the extension, while the test
# replaces GeoIP files. LOAD_CLIENTS, LOAD_SECONDS and LOAD_ISOLATION set the number of clients, the duration and the
# transaction isolation level. make test-load runs 32 clients for 300 seconds. The code of the clients is in
# tests/invariant.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# At the isolation level SERIALIZABLE, PostgreSQL keeps a lock for each page or row that a transaction reads. The default
# number of these locks is too small for 32 clients.
scan_server e2e-load 'max_connections = 80' 'max_pred_locks_per_transaction = 4096' \
    'deadlock_timeout = 100ms' 'shared_buffers = 256MB' 'impossible_travel.scan_lock_timeout = 5s' 'log_min_messages = error'
scan_database
build_client
files="$SERVER_DIR/files"
mkdir "$files/load"
# Both editions locate the addresses of the test in the same way. They differ in the name of a city without events.
find "$files/geoip" -name '*.mmdb' ! -name '*City*' -delete
cp "$(find "$files/geoip" -name '*City*.mmdb' | head -n 1)" "$files/a.mmdb"
LC_ALL=C sed 's/Auckland/Aucklund/g' "$files/a.mmdb" >"$files/b.mmdb"
! cmp -s "$files/a.mmdb" "$files/b.mmdb" || fail 'the sample does not contain Auckland'
find "$files/geoip" -name '*City*.mmdb' -delete
cp "$files/a.mmdb" "$files/geoip/City.mmdb"
chmod -R a+rX "$files"

rule 'there is no unexpected error or deadlock, nothing is lost or doubled, and the alerts are those of one scan'
"$CLIENT" load "$files" "${LOAD_CLIENTS:-8}" "${LOAD_SECONDS:-20}" "${LOAD_ISOLATION:-read committed}" ||
    fail 'many clients under load'
same 'deadlocks' 0 "$(log_lines 'deadlock detected')"
no_crash
