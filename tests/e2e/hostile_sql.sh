#!/usr/bin/env bash
# Hostile SQL: every function of the extension with arguments that nobody should pass, in every place where a function can
# be called, and every column of its tables with values that nobody should write. tests/hostile has the values, and makes the
# statements of the catalog. Each one has a result, or an error that says what was wrong with it.
#
# HOSTILE=long runs all statements, for hours (make test-hostile). Otherwise a few of each kind run, which SEED chooses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

SEED=${SEED:-1}
# The number of direct calls of each routine, of statements of each other kind, of random calls of each routine, of
# repetitions, and of random conditions. A statement of a column also scans, and reads everything.
each=1 other=30 columns=4 random=1 calls=1000 conditions=150
[ "${HOSTILE:-short}" = short ] || each=100000 other=100000 columns=40000 random=200 calls=1000000 conditions=50000

start e2e-hostile "impossible_travel.geoip_path = '$SERVERS/e2e-hostile/files/geoip'" 'impossible_travel.coverage_notice = off' \
    'synchronous_commit = off' 'jit = off' 'client_min_messages = error' 'statement_timeout = 600s' \
    'impossible_travel.scan_lock_timeout = 0'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
for file in fixtures values calls states replaced conditions; do
    run_psql --quiet --output /dev/null --file "$ROOT/tests/hostile/$file.sql"
done
ask "SELECT hostile.random_calls($random, 1.0 / $SEED)" >/dev/null
note "$(ask 'SELECT count(*) FROM hostile.routine') routines, $(ask 'SELECT count(*) FROM hostile.value') values, SEED=$SEED"

# The SQLSTATEs that an answer may have, as psql writes them. Besides data (22), syntax, names and privileges (42), limits (54)
# and states of objects (55):
#   0A000   the statement asks for what PostgreSQL or the extension does not support, such as a support function by itself
#   23…     a constraint or a guard of a table refuses the value
#   2BP01   other objects depend on what should be dropped
#   2D000   a procedure that commits is called in a subtransaction
#   34000   an error closed the cursor
#   3F000   the name of a schema that does not exist
#   58P01   the name of a file that does not exist
#   XX001   a checkpoint of a scan was overwritten: the message says so, and a rescan mends it
allowed='ERROR:  ((22|23|42|54|55)[0-9A-Z]{3}|0A000|2BP01|2D000|34000|3F000|58P01|XX001: could not read the checkpoint)'

# Runs the statements that a query returns, one in a line. A server that died ends the test.
hostile() { # hostile WHAT QUERY [OPTIONS]
    local file="$SCRATCH/statements.sql" said="$SCRATCH/answers" line bad
    ask "$2" | sed 's/$/;/' >"$file"
    holds "there are statements of: $1" test -s "$file"
    PGOPTIONS="${3:-}" run_psql --quiet --output /dev/null --set ON_ERROR_STOP=0 --set VERBOSITY=verbose --file "$file" \
        >"$said" 2>&1 || true
    bad=$(grep -a -E '^psql:[^ ]*:[0-9]+: ' "$said" | grep -a -v -E "$allowed" | grep -a -v -E ': (WARNING|LOCATION|DETAIL|HINT):' |
        head -n 5) || true
    if [ -n "$bad" ]; then
        line=${bad#psql:*:}
        line=${line%%:*}
        fail "$1: $(cut -c 1-1000 <<<"$bad")
    statement: $(sed -n "${line}p" "$file" | cut -c 1-3000)
    context: $(grep -a -A 8 -F "$file:$line:" "$said" | cut -c 1-500 | head -n 12)"
    fi
    no_crash
    note "$1: $(wc -l <"$file") statements, $(grep -a -c -E '^psql:[^ ]*:[0-9]+: ERROR' "$said" || true) with an error"
}

# The calls of a context: $each of each routine, at most so many. Values of 100 MB are for the long test.
light=$([ "$each" -gt 1000 ] && echo true || echo 'NOT heavy')
chosen() { # chosen CONTEXT FORMAT LIMIT [WHERE]
    printf "SELECT format('%s', hostile.statement(c)) FROM hostile.call AS c WHERE n IN (
        SELECT n FROM (SELECT n, row_number() OVER (PARTITION BY oid ORDER BY md5('%s' || n)) AS place
            FROM hostile.call JOIN hostile.routine AS r USING (oid) WHERE %s AND %s) AS s WHERE place <= %s) ORDER BY md5('%s' || n) LIMIT %s" \
        "$2" "$1 $SEED" "$light" "${4:-true}" "$each" "$1 $SEED" "$3"
}
# The other statements of a kind.
some() { # some RELATION WHERE [LIMIT]
    printf "SELECT statement FROM %s AS s WHERE %s ORDER BY md5('%s' || key) LIMIT %s" "$1" "$2" "$SEED" "${3:-$other}"
}

force_parallel=debug_parallel_query
[ "$(pg_major)" -ge 16 ] || force_parallel=force_parallel_mode

rule 'a condition means what PostgreSQL reads in its text, or is refused'
same "$conditions random conditions" '' "$(ask "SELECT * FROM hostile.try_conditions($conditions, 1.0 / $SEED) LIMIT 5")"
no_crash

rule 'each answer is a result or an error of the caller'
hostile 'direct calls' "$(chosen direct '%s' ALL)"
hostile 'exception blocks, and the functions afterwards' \
    "$(chosen twice 'SELECT hostile.twice(%L)' "$other" "r.prokind <> 'p'")"
hostile 'cursors, read in part' "$(chosen cursor 'SELECT hostile.in_cursor(%L)' "$other" "r.prokind <> 'p'")"
hostile 'parallel workers' "$(chosen workers '%s' "$other" "r.proparallel = 's'")" "-c $force_parallel=on"
hostile 'indexes and generated columns' "$(some hostile.stored_call "$light")"

rule 'a journey from elsewhere is refused, or has legs'
hostile 'damaged journeys' "$(some hostile.state_statement true)"

rule 'what is written into the tables is refused, or a scan and the views can read it'
hostile 'columns' "$(some hostile.column_statement "$light" "$columns")"

rule 'what is replaced while a statement uses it ends the statement with an error, or changes nothing'
hostile 'replaced objects' "$(some hostile.replacing_statement true)"

rule 'a session that repeats a call does not grow'
# The calls of functions that only compute, with their good arguments. The highest memory of the process is in kB.
run_psql --quiet --output /dev/null <<'SQL'
    CREATE FUNCTION hostile.highest_kb() RETURNS bigint LANGUAGE sql AS $$
        SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s*(\d+)')::bigint
    $$;
    -- The arguments are columns, or the planner would compute the call once.
    CREATE FUNCTION hostile.growth(name text, expressions text[], calls int) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE
        query text := (SELECT format('SELECT count(%s(%s)) FROM generate_series(1, %%s) AS g, (SELECT %s OFFSET 0) AS a', name,
                string_agg('a' || i, ', ' ORDER BY i), string_agg(format('%s AS a%s', e, i), ', ' ORDER BY i))
            FROM unnest(expressions) WITH ORDINALITY AS e (e, i));
        before bigint;
    BEGIN
        EXECUTE format(query, calls / 10);
        before := hostile.highest_kb();
        EXECUTE format(query, calls);
        RETURN hostile.highest_kb() - before;
    END $$;
SQL
grown=$(ask "SELECT string_agg(format('%s: %s kB', name, grown), E'\n') FROM (
    SELECT name, hostile.growth(name, ARRAY(SELECT hostile.good(types[i - 1], known_names[i])
                                            FROM generate_series(1, pronargs) AS i ORDER BY i), $calls) AS grown
    FROM hostile.routine
    WHERE prokind = 'f' AND provolatile <> 'v' AND NOT proretset AND pronargs > 0 AND proparallel = 's' AND provariadic = 0
        AND name LIKE 'travel.%' AND NOT 'regclass'::regtype = ANY (types)) AS g WHERE grown > 16384")
same 'grown' '' "$grown"

if [ "${HOSTILE:-short}" = long ]; then
    rule 'statements of sqlsmith do not crash the server, and raise no internal error of the extension'
    if ! command -v sqlsmith >/dev/null; then
        note 'SKIPPED: sqlsmith is not installed (apt-get install sqlsmith)'
        exit 0
    fi
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
