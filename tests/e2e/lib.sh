# shellcheck shell=bash
# Shared functions of the tests in this folder. To be sourced: it is not executable, so scripts/test.sh does not run it.
#
#   rule TEXT               prints the rule that is tested next
#   same WHAT WANTED GOT    fails unless both texts are equal
#   holds WHAT COMMAND…     fails unless the command succeeds
#   fail TEXT               fails with the end of the server's log
#   skip TEXT               ends the test as skipped (status 77). The summary of scripts/test.sh shows the text
#   ask SQL                 prints the result of a statement without headers, columns separated by |
#   refused CODE SQL        fails unless the statement fails with that SQLSTATE; its output is in $SAID
#   start NAME [SETTING…]   starts a server (server_start) that is removed with the test
#   waits_until SQL TEXT    waits until the statement returns TEXT; the seconds that it took are in $TOOK
#   eventually WHAT COMMAND…  waits until the command succeeds
#   waits_for_lock SQL      waits until a session that runs this text waits for a lock
#   in_workers CALL SQL     fails unless parallel workers evaluate the call, by the plan of the query
#   session_open [ARGUMENT…]  opens a psql session that stays open
#   session SQL             runs a statement in it; its output is in $ANSWER, with a blank after each line
#   session_close           ends it
#   stop_at_once            stops the server without a checkpoint, as if the machine had failed
#   stopped                 does that, and starts the server again
#   standby_of PRIMARY NAME  starts a streaming standby of the server PRIMARY. Its folder of files is empty
#   replayed PRIMARY        waits until the standby, which is the current server, has replayed what PRIMARY has written
#   build_client            builds the client of tests/invariant; its path is in $CLIENT
#   beginning BYTES         copies the first bytes of its input. It reads all, or the writer could end with SIGPIPE
#   no_crash [EXPECTED]     fails if the log of the server shows that a process died. The test caused what matches the
#                           regular expression EXPECTED, such as $KILLED, the deaths that kill -9 causes
#   ask_coded SQL           like ask, but messages have their SQLSTATEs
#   interrupted HOW WHAT FILE  fails unless an interruption ended a statement, and nothing else was wrong. FILE has the output
#                           of ask_coded; HOW is canceled, terminated, killed (kill -9) or stopped (stop_at_once)
#   $SCRATCH                a folder that is removed with the test
#
# No result depends on the speed of the machine. A test waits for what must happen first, and never sleeps for it. A
# sleep only makes something last for at least that long. Everything has $PATIENCE seconds, and the time that it took is
# only printed: bench/ measures speed.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"

# The server must be able to read every file that is created here.
umask 022

REAL_DATA=${REAL_DATA:-$ROOT/../shared/data}
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/travel-e2e.XXXXXX")
PATIENCE=180
TOLD=
STARTED=()
MOUNTED=()

clean_up() {
    local status=$? command=$BASH_COMMAND name place
    trap - EXIT
    case "$status$TOLD" in
    0 | 77 | 130 | *told) ;;
    *) printf '  FAILED: %s (status %s)\n' "$command" "$status" >&2 ;;
    esac
    set +e
    # Only the processes that this test started.
    local children
    children=$(jobs -p)
    # shellcheck disable=SC2086
    [ -z "$children" ] || kill $children 2>/dev/null
    wait 2>/dev/null
    for name in "${STARTED[@]}"; do
        server_at "$name"
        server_stop
    done
    for place in "${MOUNTED[@]}"; do umount "$place"; done
    for name in "${STARTED[@]}"; do
        server_at "$name"
        server_drop
    done
    rm -rf "$SCRATCH"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

beginning() {
    head -c "$1"
    cat >/dev/null
}

rule() { printf -- '- %s\n' "$*"; }

fail() {
    TOLD=told
    printf '  FAILED: %s\n' "$*" >&2
    if [ -n "$SERVER_DIR" ]; then
        printf '  the end of the log of the server:\n' >&2
        grep -v -E "DETAIL:|HINT:|STATEMENT:" "$SERVER_DIR/log" | tail -n 15 >&2
    fi
    exit 1
}

skip() {
    note "SKIPPED: $*"
    [ -z "${SKIPPED_BECAUSE:-}" ] || printf '%s' "$*" >"$SKIPPED_BECAUSE"
    exit 77
}

same() {
    [ "$2" = "$3" ] || fail "$1
    wanted: $2
    got:    $3"
}

holds() {
    local what=$1
    shift
    "$@" || fail "$what"
}

# between LEAST MOST NUMBER: whether the number is in the range; decimals are allowed.
between() {
    awk -v least="$1" -v most="$2" -v got="$3" 'BEGIN { exit !(got != "" && got + 0 >= least && got + 0 <= most) }'
}

ask() { run_psql --quiet --no-align --tuples-only --command "$1"; }

ask_coded() { run_psql --quiet --no-align --tuples-only --set VERBOSITY=verbose --command "$1"; }

# Like ask, but prints everything and never fails: rows, notices and errors with their codes and details.
ask_all() {
    run_psql --quiet --no-align --tuples-only --set VERBOSITY=verbose --set ON_ERROR_STOP=0 --command "$1" 2>&1 || true
}

refused() {
    SAID=$(ask_all "$2")
    case $SAID in
    *"ERROR:  $1:"*) ;;
    *) fail "SQLSTATE $1 was wanted of: $2
    got: $SAID" ;;
    esac
}

start() {
    STARTED+=("$1")
    server_start "$@"
}

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }'; }

waits_until() {
    local began got said="$SCRATCH/said-$BASHPID"
    began=$(now)
    while :; do
        got=$(ask "$1" 2>"$said") || true
        TOOK=$(since "$began")
        [ "$got" != "$2" ] || return 0
        between 0 "$PATIENCE" "$TOOK" || fail "after $TOOK s: $1
    wanted: $2
    got:    $got $(cat "$said")"
        sleep 0.1
    done
}

eventually() {
    local began=$SECONDS what=$1
    shift
    until "$@"; do
        [ $((SECONDS - began)) -le "$PATIENCE" ] || fail "not even after $((SECONDS - began)) s: $what"
        sleep 0.05
    done
}

waits_for_lock() {
    waits_until "SELECT count(*) > 0 FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND wait_event_type = 'Lock' AND query LIKE '%$1%'" t
}

# The node below Gather computes or filters by the call. The outputs of Gather itself and of the nodes above it only name
# what comes from below.
in_workers() { # in_workers 'travel.locate(' SQL
    local plan
    plan=$(ask "EXPLAIN (VERBOSE, COSTS OFF) $2")
    awk -v call="$1" '
        /Gather/ { gather = NR }
        gather && NR > gather + 1 && /Output:|Filter:/ && index($0, call) { found = 1 }
        END { exit !found }' <<<"$plan" || fail "workers do not evaluate $1 in: $2
$plan"
}

log_lines() { grep -c -E "$1" "$SERVER_DIR/log" || true; }

# bash forgets the file descriptors and the process id of a coprocess as soon as it notices its end, so both are stored.
session_open() {
    coproc SESSION { run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 "$@" 2>&1; }
    session_pid=$SESSION_PID session_out=${SESSION[0]} session_in=${SESSION[1]}
}
session() {
    local line
    printf "%s;\nSELECT 'the end';\n" "$1" >&"$session_in"
    ANSWER=
    while :; do
        # The caller notices a session that ended. A session without an answer is a failure.
        IFS= read -r -t "$PATIENCE" -u "$session_out" line || {
            [ $? -le 128 ] || fail "no answer after $PATIENCE s: $1"
            return 0
        }
        [ "$line" != 'the end' ] || return 0
        ANSWER+="$line "
    done
}
session_close() {
    # shellcheck disable=SC2261 # >& duplicates the session's descriptor, and does not redirect stderr.
    printf '\\q\n' >&"$session_in" 2>/dev/null || true
    wait "$session_pid" || true
}

# shellcheck disable=SC2034 # for the tests that source this
KILLED='terminated by signal 9|all server processes terminated'
no_crash() {
    if grep -E 'terminated by signal|was terminated|PANIC|server process .* exited with exit code [^01]|all server processes terminated|SIGBUS|SIGSEGV|panicked' \
        "$SERVER_DIR/log" | grep -v -E "${1:-^$}"; then
        fail 'a process of the server died'
    fi
    same 'the server answers' 1 "$(ask 'SELECT 1')"
}

interrupted() {
    local expected others
    case $1 in
    canceled) expected='57014: canceling statement due to user request' ;;
    terminated) expected='57P01: terminating connection due to administrator command' ;;
    killed) expected='57P02: ' ;;
    stopped) expected='57P01: terminating connection due to immediate shutdown command' ;;
    *) fail "unknown interruption: $1" ;;
    esac
    # The killed session only loses its connection, and so can the other sessions.
    case $1 in killed | stopped) expected+='|server closed the connection unexpectedly|connection to server was lost' ;; esac
    others=$(grep -E '^(ERROR|WARNING|FATAL|PANIC|psql):' "$3" | grep -v -E "$expected" || true)
    if [ -n "$others" ] || ! grep -q -E "$expected" "$3"; then fail "$2 was $1, and ended otherwise: $(cat "$3")"; fi
}

stop_at_once() {
    as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" --mode immediate --wait --timeout "$PATIENCE" stop >/dev/null
}
stopped() {
    stop_at_once
    server_up
}

standby_of() {
    local primary="$SERVERS/$1" standby="$SERVERS/$2"
    STARTED+=("$2")
    rm -rf "$standby"
    mkdir -m 0700 "$standby" "$standby/socket" "$standby/files"
    if is_root; then chown postgres "$standby" "$standby/socket" "$standby/files"; fi
    server_at "$1"
    as_server "$(pg_bin pg_basebackup)" --host "$PGHOST" --port "$PGPORT" --username postgres --pgdata "$standby/data" \
        --checkpoint fast --write-recovery-conf --wal-method stream
    # The standby has folders of its own, but connects to the socket of the primary server.
    as_server sed -i "s|$primary/|$standby/|" "$standby/data/postgresql.conf"
    as_server sed -i "s|$standby/socket|$primary/socket|" "$standby/data/postgresql.auto.conf"
    server_resume "$2"
    waits_until 'SELECT pg_is_in_recovery()' t
    waits_until 'SELECT count(*) > 0 FROM pg_stat_wal_receiver' t
}
replayed() {
    waits_until "SELECT pg_last_wal_replay_lsn() >= '$(PGHOST="$SERVERS/$1/socket" ask 'SELECT pg_current_wal_insert_lsn()')'" t
}

# The client for tests that need logic: its path is in $CLIENT.
build_client() {
    cargo build --quiet --release --package travel-invariant --manifest-path "$ROOT/Cargo.toml"
    # shellcheck disable=SC2034 # for the tests that source this
    CLIENT="$(target_dir)/release/travel-invariant"
}

# Copies a GeoIP database twice. In the second copy London is called Lisbon: the names have the same length, so the file
# stays valid.
two_databases() { # two_databases FILE A B
    cp "$1" "$2"
    LC_ALL=C sed 's/London/Lisbon/g' "$1" >"$3"
    ! cmp -s "$2" "$3" || fail "$1 knows no London"
}

# Replaces a file atomically, as the owner of the server's files would.
replace_by_rename() { # replace_by_rename NEW PATH
    cp "$1" "$2.new"
    if is_root; then chown postgres "$2.new"; fi
    mv -f "$2.new" "$2"
}
