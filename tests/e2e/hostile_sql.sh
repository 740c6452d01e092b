#!/usr/bin/env bash
# Hostile SQL: every function of the extension with arguments that nobody should pass, in every place where a function can
# be called, and every column of its tables with values that nobody should write. tests/hostile has the values, and makes the
# statements of the catalog. Each one has a result, or an error that says what was wrong with it.
#
# HOSTILE=long runs all statements (make test-hostile). Otherwise a few of each kind run, which SEED chooses. SEED is 1 by
# default, and the date, such as 20260302, if HOSTILE=long. The test prints it.
#
# PIECES   the pieces to run, of those below (default: all)
# PORTION  runs only this portion of each piece, which must have it. A failure names its piece and portion
# JOBS     the number of sessions at once (default: the number of processors)
#
# The statements of a piece run in portions, each in a session and a database of its own, which is a copy of the database
# that tests/hostile fills. A portion therefore finds the same data in each run, and portions can run in parallel.
#
# A statement that runs for TIMEOUT (300 s) fails the test: the tables of the test are small, and a function needs only
# seconds for a value of 100 MB.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

default_seed=1
[ "${HOSTILE:-short}" != long ] || default_seed=$(date --utc +%Y%m%d)
SEED=${SEED:-$default_seed}
TIMEOUT=${TIMEOUT:-300}
JOBS=${JOBS:-$(nproc)}
every='conditions calls blocks cursors workers stored journeys columns replaced heavy heavy_columns growth sqlsmith'
PIECES=${PIECES:-$every}
read -ra words <<<"$PIECES"
holds 'PIECES names a piece' test "${#words[@]}" -gt 0
for word in "${words[@]}"; do
    case " $every " in *" $word "*) ;; *) fail "PIECES has an unknown piece: $word" ;; esac
done
# The number of calls of each routine, of statements of each other kind, of column statements, of random calls of each
# routine, of repetitions in a statement, of those in subtransactions, of those in transactions, of failing calls of each
# routine that are repeated, of the seconds for repetitions, and of random conditions. A column statement also scans, and
# reads everything.
each=1 other=30 columns=4 random=1 calls=10000 caught=1000 transactions=20 failing=1 seconds=0.2 conditions=150
if [ "${HOSTILE:-short}" = long ]; then
    each=100000 other=1000000 columns=1000000 random=50 conditions=50000
    calls=1000000 caught=100000 transactions=10000 failing=3 seconds=10
else
    PIECES=${PIECES/ heavy_columns/} PIECES=${PIECES/ heavy/} PIECES=${PIECES/ sqlsmith/}
fi
is_wanted() { case " $PIECES " in *" $1 "*) ;; *) return 1 ;; esac; }

start e2e-hostile "impossible_travel.geoip_path = '$SERVERS/e2e-hostile/files/geoip'" 'impossible_travel.coverage_notice = off' \
    'synchronous_commit = off' 'jit = off' 'client_min_messages = error' "statement_timeout = ${TIMEOUT}s" \
    'impossible_travel.scan_lock_timeout = 0' 'log_min_duration_statement = 10s' 'max_wal_size = 8GB'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
"$(pg_bin createdb)" hostile
export PGDATABASE=hostile
files=(fixtures values calls states replaced conditions growth)
! { is_wanted heavy || is_wanted heavy_columns; } || files+=(heavy)
for file in "${files[@]}"; do run_psql --quiet --output /dev/null --file "$ROOT/tests/hostile/$file.sql"; done
ask "SELECT hostile.random_calls($random, 1.0 / $SEED)" >/dev/null
note "$(ask 'SELECT count(*) FROM hostile.routine') routines, $(ask 'SELECT count(*) FROM hostile.value') values, SEED=$SEED"

# The SQLSTATEs that an answer may have. Besides data (22), syntax, names and privileges (42), limits (54) and states of
# objects (55):
#   0A000   the statement asks for what PostgreSQL or the extension does not support, such as a support function by itself
#   23…     a constraint or a guard of a table refuses the value
#   27000   a function of the statement changes the row that the statement changes
#   2BP01   other objects depend on what should be dropped
#   2D000   a procedure that commits is called in a subtransaction
#   34000   an error closed the cursor
#   3F000   the name of a schema that does not exist
#   58P01   the name of a file that does not exist
#   XX001   a checkpoint of a scan was overwritten: the message says so, and a rescan mends it
#   XX000   only in the piece `replaced`: the statement, or one before it, has dropped the type of a result or of one of its
#           columns, and PostgreSQL itself cannot look it up
# The statements of the piece `growth` catch the expected errors of the calls that they repeat, and must raise none.
allowed() { # allowed PIECE
    if [ "$1" = growth ]; then
        printf 'no error'
        return
    fi
    printf 'ERROR:  ((22|23|42|54|55)[0-9A-Z]{3}|0A000|27000|2BP01|2D000|34000|3F000|58P01|XX001: could not read the checkpoint'
    [ "$1" != replaced ] ||
        printf '|XX000: cache lookup failed for type [0-9]+ in (getTypeOutputInfo|getBaseTypeAndTypmod|get_typlenbyvalalign|format_type_extended),$'
    printf ')'
}

# Runs the statements of a file, which has one per line. A portion with a wrong answer is listed in $SCRATCH/failed, and
# the other portions continue. A portion that ran to its end leaves the file FILE.done.
: >"$SCRATCH/failed"
portion() { # portion PIECE FILE OPTIONS
    local said="$2.said" name place messages bad line
    place="PIECES=$1 PORTION=$(basename "$2")"
    name="hostile_$1_$(basename "$2")"
    "$(pg_bin createdb)" --template hostile "$name"
    PGOPTIONS=$3 run_psql --quiet --no-align --tuples-only --output /dev/null --dbname "$name" --set ON_ERROR_STOP=0 \
        --set VERBOSITY=verbose --file "$2" >"$said" 2>&1 || fail "$place: psql ended: $(tail -n 3 "$said" | cut -c 1-1000)"
    # The first line of each message, with the function that raised it. If PostgreSQL could not parse a query, and shows
    # no place in the statement, a function ran the query.
    messages=$(cut -c 1-1000 "$said" | awk '/^psql:[^ ]*:[0-9]+: / { if (line) print line; line = $0; shown = 0; next }
            /^LINE [0-9]/ { shown = 1 }
            /^LOCATION: .*, parse_[a-z]+[.]c:/ { if (line && !shown) line = line " (query of a function)" }
            /^LOCATION: / { if (line) print line " in " $2; line = "" }
            END { if (line) print line }')
    # grep returns 1 if it finds none.
    bad=$(grep -a -v -E "^psql:[^ ]*:[0-9]+: (WARNING:|$(allowed "$1"))" <<<"$messages") || [ $? = 1 ]
    # In a direct call, the extension checks what the caller wrote before it becomes part of a query, and reports what
    # is wrong with it. If PostgreSQL reports the error, the query itself is wrong, such as one with an unknown
    # operator.
    if [ "$1" = calls ]; then
        bad+=$(grep -a -E '^psql:[^ ]*:[0-9]+: ERROR:  42.* \(query of a function\) in ' <<<"$messages") || [ $? = 1 ]
    fi
    if [ -n "$bad" ]; then
        echo "$place" >>"$SCRATCH/failed"
        head -n 5 <<<"$bad" | while IFS= read -r line; do
            line=${line#psql:*:}
            printf '  FAILED: %s: %s\n    statement: %s\n    context: %s\n' "$place" "$line" \
                "$(sed -n "${line%%:*}p" "$2" | cut -c 1-3000)" "$(grep -a -A 8 -F "$2:${line%%:*}:" "$said" | cut -c 1-500 | head -n 12)" >&2
        done
    fi
    run_psql --quiet --no-align --tuples-only --dbname "$name" \
        --command 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM hostile.reached' >"$2.reached"
    "$(pg_bin dropdb)" --force "$name"
    LC_ALL=C sed -n -E 's/^psql:[^ ]*:[0-9]+: ERROR:  ([0-9A-Z]{5}).*/\1/p' "$said" >"$2.states"
    rm "$said"
    touch "$2.done"
}
# Waits until fewer portions than this number are running. This cannot see the status of each portion: of two that end
# together, `wait -n` returns one.
wait_for_portions() {
    while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n || fail "a portion ended with status $?"; done
}

# Runs the statements that a query returns, SIZE of them in each portion. In the short form, each piece is one portion.
# LEAST is how often they must count in hostile.reached, for each 100 statements.
hostile() { # hostile PIECE SIZE WHAT QUERY [OPTIONS [LEAST]]
    is_wanted "$1" || return 0
    local folder="$SCRATCH/$1" size=$2 began=$SECONDS told=$SECONDS file number=0 count ran reached
    [ "${HOSTILE:-short}" = long ] || size=1000000
    mkdir "$folder"
    ask "SELECT replace(s, E'\\n', ' ') FROM ($4) AS q (s)" | sed 's/$/;/' | split --lines "$size" --numeric-suffixes=1 --suffix-length 4 - "$folder/"
    holds "there are statements of: $1" test -s "$folder/0001"
    count=$(cat "$folder"/* | wc -l)
    # What a session has freed would hide the growth of a later statement.
    [ "$1" != growth ] || sed -i 'i \\\connect -' "$folder"/????
    for file in "$folder"/????; do
        [ -z "${PORTION:-}" ] || [ "$((10#$PORTION))" = "$((10#$(basename "$file")))" ] || continue
        wait_for_portions "$JOBS"
        portion "$1" "$file" "${5:-}" &
        number=$((number + 1))
        if [ $((SECONDS - told)) -ge 60 ]; then
            told=$SECONDS
            note "$3: $((number * size)) of $count statements after $((SECONDS - began)) s"
        fi
    done
    wait_for_portions 1
    holds "there is a portion ${PORTION:-} of the piece $1" test "$number" -gt 0
    same "the number of portions of $1 that ran to their end" "$number" "$(find "$folder" -name '*.done' | wc -l)"
    no_crash
    ran=$(find "$folder" -name '*.done' | sed 's/[.]done$//' | xargs cat | wc -l)
    reached=$(cat "$folder"/*.reached | awk '{ sum += $1 } END { print sum + 0 }')
    holds "$3: $ran statements counted only $reached times in hostile.reached" test $((reached * 100)) -ge $((ran * ${6:-0}))
    note "$3: $count statements, $reached counted, $((SECONDS - began)) s, errors by class:$(cat "$folder"/*.states | cut -c 1-2 | LC_ALL=C sort | uniq -c |
        awk '{ printf " %s×%s", $2, $1 }')"
    rm -r "$folder"
}

# The calls of a context: $each of each routine, and at most LIMIT in all.
chosen() { # chosen CONTEXT FORMAT LIMIT [WHERE [STATEMENT]]
    printf "SELECT format('%s', ${5:-hostile.statement(c)}) FROM hostile.call AS c WHERE n IN (
        SELECT n FROM (SELECT n, row_number() OVER (PARTITION BY oid ORDER BY md5('%s' || n)) AS place
            FROM hostile.call JOIN hostile.routine AS r USING (oid) WHERE NOT heavy AND %s) AS s WHERE place <= %s) ORDER BY md5('%s' || n) LIMIT %s" \
        "$2" "$1 $SEED" "${4:-true}" "$each" "$1 $SEED" "$3"
}
# The other statements of a kind.
some() { # some RELATION WHERE [LIMIT]
    printf "SELECT statement FROM %s AS s WHERE %s ORDER BY md5('%s' || key) LIMIT %s" "$1" "$2" "$SEED" "${3:-$other}"
}

force_parallel=debug_parallel_query
[ "$(pg_major)" -ge 16 ] || force_parallel=force_parallel_mode

if is_wanted conditions; then
    rule 'a condition has the same meaning as in a plain query, or is refused'
    same "$conditions random conditions" '' "$(PGOPTIONS='-c statement_timeout=0' \
        ask "SELECT * FROM hostile.try_conditions($conditions, 1.0 / $SEED) LIMIT 5")"
    no_crash
fi

rule 'each answer is a result or an error of the caller'
hostile calls 500 'direct calls' "$(chosen direct '%s' ALL)"
hostile blocks 500 'exception blocks, and the functions afterwards' "$(chosen twice 'SELECT hostile.twice(%L)' "$other" 'NOT is_random')"
hostile cursors 500 'cursors, read in part' "$(chosen cursor 'SELECT hostile.in_cursor(%L)' "$other" "r.prokind <> 'p' AND NOT is_random")"
# A wrong type, whose context is 0, would end the statement before a worker runs.
hostile workers 500 'parallel workers' "$(chosen workers '%s' "$other" "hostile.runs_in_workers(r) AND NOT is_random
    AND (call.context > 0 OR n > 1000000)" "hostile.worker_statement(c, '$force_parallel')")" '' 90
hostile stored 500 'indexes and generated columns' "$(some hostile.stored_call 'NOT heavy')" '' 50

rule 'a journey from elsewhere is refused, or has legs'
hostile journeys 500 'damaged journeys' "$(some hostile.state_statement true)"

rule 'what is written into the tables is refused, or a scan and the views can read it'
if is_wanted columns || is_wanted heavy_columns; then
    same 'statements that fail before any value is written' '' "$(ask 'SELECT hostile.failing_readings()')"
fi
hostile columns 100 'columns' "SELECT s FROM hostile.column_statements('$SEED', 8) AS s LIMIT $columns" '' 200

rule 'what is replaced while a statement uses it ends the statement with an error, or changes nothing'
hostile replaced 500 'replaced objects' "$(some hostile.replacing_statement true)"

rule 'values of 100 MB are refused, or have a result'
hostile heavy 20 'values of 100 MB' "SELECT s FROM (
    SELECT hostile.heavy_calls('$force_parallel') AS s
    UNION ALL SELECT statement FROM hostile.stored_call WHERE heavy) AS s ORDER BY md5('$SEED' || s)"
hostile heavy_columns 1 'columns of 100 MB' "SELECT hostile.heavy_column_statements('$SEED', 12)" '' 30

rule 'a session that repeats a call does not grow, even if the call fails'
hostile growth 20 'repeated calls' "SELECT s FROM hostile.growing_statements('$SEED', $calls, $caught, $transactions, $failing, $seconds) AS s
    ORDER BY s NOT LIKE '%grow_committed%', md5('$SEED' || s) LIMIT 2 * $other" '-c statement_timeout=0'
if is_wanted growth; then
    repeated=$(grep -a -o -E 'LOG:  repeated [0-9]+ calls' "$SERVER_DIR/log" | awk '{ print $3 }' | sort -n)
    holds 'calls were repeated' test -n "$repeated"
    note "repeated calls: $(awk '{ n[NR] = $1; many += $1 >= 1000000 } END {
        printf "%d statements, of which %d repeated a million; at least %d, median %d", NR, many, n[1], n[int((NR + 1) / 2)] }' <<<"$repeated")"
fi

missing=
if is_wanted sqlsmith; then
    rule 'statements of sqlsmith do not crash the server, and raise no internal error of the extension'
    if ! command -v sqlsmith >/dev/null; then
        missing='the piece sqlsmith did not run, because sqlsmith is not installed (apt-get install sqlsmith)'
    fi
fi
if is_wanted sqlsmith && [ -z "$missing" ]; then
    # sqlsmith asks which relations can be written to. A foreign table without a handler raises an error then. With
    # verbose messages, the log contains the SQLSTATE of each error and the source file that raised it. Errors with
    # XX000 from PostgreSQL's own files are ignored, because its functions raise them for unusual arguments.
    run_psql --quiet --output /dev/null --command 'DROP FOREIGN DATA WRAPPER hostile CASCADE' \
        --command "ALTER SYSTEM SET log_error_verbosity = 'verbose'" --command 'SELECT pg_reload_conf()'
    timeout "${SMITH_SECONDS:-300}" sqlsmith --exclude-catalog --seed="$SEED" --dump-all-queries \
        --target="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE" >"$SCRATCH/smith" 2>&1 || true
    queries=$(grep -a -c ';$' "$SCRATCH/smith" || true)
    note "$queries statements of sqlsmith, $(log_lines 'ERROR:  [0-9A-Z]{5}:') with an error"
    holds "sqlsmith ran: $(tail -n 3 "$SCRATCH/smith")" test "$queries" -gt 100
    no_crash
    ours=$(grep -a -A 12 -E 'ERROR:  XX' "$SERVER_DIR/log" | grep -a -E -B 12 'LOCATION: .*[.]rs:' | head -n 20 || true)
    same 'internal errors of the extension' '' "$ours"
fi
same 'portions with wrong answers' '' "$(LC_ALL=C sort "$SCRATCH/failed")"
rule 'no statement leaks a resource of the server'
# The server reports leaks as warnings. client_min_messages hides them from the sessions, but the log has them.
same 'log_min_messages' warning "$(ask 'SHOW log_min_messages')"
leaks=$(grep -a -m 5 -E 'WARNING: .*(leak|not closed|still referenced|alloc set|write past|SPI stack)' "$SERVER_DIR/log") || [ $? = 1 ]
same 'leaks' '' "$leaks"
[ -z "$missing" ] || skip "$missing"
