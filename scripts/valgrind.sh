#!/usr/bin/env bash
# Runs regress tests on a server under valgrind (memcheck), and fails if a test fails or valgrind finds an error whose
# stack has code of this extension: memory that is read or written where it was not allocated, or before it was written.
#
#   scripts/valgrind.sh [TEST…]      otherwise those of the entry points, hash tables of states, GeoIP, ingest and scans
#
# Under valgrind, a test takes about 50 times its processor time, and each new process a second or more. The tests that
# run by default take 25 s with a debug build, of which hash_states takes 15 s, so they take half an hour to an hour here.
# detect_in_parallel and detect_in_shares take another 16 s and start many workers. To keep to about an hour, they run only
# if they are named: scripts/valgrind.sh detect_in_parallel detect_in_shares.
#
# Use PROFILE=dev to tell a real error from an artifact of the optimizer, which an unoptimized build does not have.
# VALGRIND_OPTIONS contains more options of valgrind, such as --track-origins=yes.
#
# PostgreSQL's own memory contexts hide from valgrind what lies within their blocks. A server that is built with
# USE_VALGRIND and --enable-cassert shows it; set PG_CONFIG to its pg_config. What valgrind says is in .work/valgrind, one
# file for each process.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

command -v valgrind >/dev/null || die 'valgrind is not installed'
pg_regress="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress"
[ -x "$pg_regress" ] || die "pg_regress is missing beside $("$PG_CONFIG" --pgxs)"
tests=("$@")
if [ $# = 0 ]; then
    # scan needs the functions of story_setup.
    tests=(geoip window_function aggregate hash_states journey_type journeys detect coverage_in_parallel ingest story_setup
        scan own_passes)
fi

scripts/install.sh --if-changed
make_sample
trap server_drop EXIT
server_start valgrind "impossible_travel.geoip_path = '$SERVERS/valgrind/files/geoip'" 'autovacuum = off' \
    'authentication_timeout = 600' 'wal_sender_timeout = 0'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
# SUPPRESSIONS is PostgreSQL's own src/tools/valgrind.supp, where its source is at hand.
cat tests/valgrind.supp ${SUPPRESSIONS:+"$SUPPRESSIONS"} >"$WORK/valgrind.supp"
suppressions=$(server_copy valgrind "$WORK/valgrind.supp")/valgrind.supp
logs="$SERVER_DIR/files/logs"
mkdir -p "$logs"
wrapper="$SERVER_DIR/files/postgres"
# Only invalid reads, writes and uses are errors. A process of PostgreSQL ends without freeing its memory, so valgrind would
# report all of it as lost; tests/hostile/growth.sql looks for leaks.
printf '#!/bin/sh\nexec valgrind --quiet --leak-check=no --num-callers=40 %s --suppressions=%s --log-file=%s/%%p.log %s "$@"\n' \
    "${VALGRIND_OPTIONS:-}" "$suppressions" "$logs" "$(pg_bin postgres)" >"$wrapper"
chmod 755 "$wrapper"
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
server_stop
as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" --log "$SERVER_DIR/log" -p "$wrapper" --wait --timeout 600 start \
    >/dev/null || { server_log; die 'the server did not start under valgrind'; }

status=0
out="$WORK/valgrind"
rm -rf "$out" && mkdir -p "$out"
"$pg_regress" --bindir "$("$PG_CONFIG" --bindir)" --host "$PGHOST" --port "$PGPORT" --user "$PGUSER" --dbname regression \
    --inputdir tests/regress --outputdir "$out" setup "${tests[@]}" || { status=1; cat "$out/regression.diffs" || true; }
server_stop
cp "$logs"/*.log "$out"

# The errors whose stack comes to the library before the server. The library's planner hook is on the stack of every
# statement, below errors of the server's own.
blocks() {
    cat "$out"/*.log | sed -E 's/^==[0-9]+== ?//' | awk -v RS= -v FS='\n' -v ours="$1" '
        { mine = 0
          for (n = 1; n <= NF; n++) {
              if ($n ~ /impossible_travel\.so/) { mine = 1; break }
              if ($n ~ /bin\/postgres\)/) break
          }
          if (/ (at|by) 0x/ && mine == ours) print $0 "\n" }'
}
errors=$(blocks 1)
others=$(blocks 0 | grep -c '^ *at 0x' || true)
note "$(find "$out" -name '*.log' | wc -l) processes, $others errors of the server and its libraries alone"
if [ -n "$errors" ]; then
    printf '%s\n' "$errors" | head -n 200
    complain 'valgrind found errors in the extension'
    status=1
fi
exit "$status"
