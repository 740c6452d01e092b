# shellcheck shell=bash
# What the benchmarks share. To be sourced.
#
#   prepare                           installs the extension and builds the sample tool, whose path is then in $sample
#   peak_memory SETTINGS STATEMENT    runs a statement in a session of its own, after other statements that are not
#                                     measured. Sets $TOOK to its seconds, and $PEAK_MB and $BEFORE_MB to the private
#                                     memory at the peak and before: that of the session and of its worker processes for
#                                     travel.load_files, without shared buffers
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

prepare() {
    scripts/install.sh --if-changed
    cargo build --quiet --release --package travel-sample
    # shellcheck disable=SC2034 # for the benchmarks
    sample="$(target_dir)/release/travel-sample"
}

# private_kb PID: the private memory of a session and of the workers of travel.load_files. A worker can end meanwhile.
private_kb() {
    local process
    for process in "$1" $(pgrep -f 'postgres: load_files worker' || true); do
        awk '/^RssAnon/ { print $2 }' "/proc/$process/status" 2>/dev/null || true
    done | awk '{ kb += $1 } END { printf "%d", kb }'
}

# shellcheck disable=SC2034 # for the benchmarks
peak_memory() {
    local pid began before peak now line=
    coproc SESSION { run_psql --quiet --no-align --tuples-only 2>&1; }
    # bash forgets the process id as soon as it notices that the coprocess ended.
    local session_pid=$SESSION_PID answers=${SESSION[0]} statements=${SESSION[1]}
    printf '%s; SELECT pg_backend_pid();\n' "$1" >&"$statements"
    read -r -t 60 pid <&"$answers"
    before=$(private_kb "$pid")
    peak=$before
    began=$(date +%s.%N)
    printf "%s; SELECT 'the statement is done';\n" "$2" >&"$statements"
    until [ "$line" = 'the statement is done' ]; do
        if ! read -r -t 0.05 line <&"$answers"; then
            kill -0 "$session_pid" 2>/dev/null || die "the session ended: $2"
        fi
        now=$(private_kb "$pid")
        if [ "$now" -gt "$peak" ]; then peak=$now; fi
    done
    TOOK=$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }')
    PEAK_MB=$((peak / 1024)) BEFORE_MB=$((before / 1024))
    printf '\\q\n' >&"$statements"
    wait "$session_pid" || true
}
