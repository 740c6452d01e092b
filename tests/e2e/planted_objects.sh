#!/usr/bin/env bash
# One role plants functions, operators, casts, types, tables, views, triggers, rules and policies to have its code run
# with the rights of another role. Each role then calls every function of the extension, reads every view and changes
# every table, under a search_path that finds the planted objects first. tests/hostile/planted.sql plants the objects.
# It also generates the calls from the catalog, so they include new functions.
#
# HOSTILE=long (make test-hostile) tries more arguments and more roles.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

hostile_arguments=1
[ "${HOSTILE:-short}" = short ] || hostile_arguments=25

start e2e-planted "impossible_travel.geoip_path = '$SERVERS/e2e-planted/files/geoip'" 'impossible_travel.coverage_notice = off' \
    'synchronous_commit = off' 'jit = off' 'client_min_messages = error' 'statement_timeout = 600s' \
    'impossible_travel.scan_lock_timeout = 0' "log_line_prefix = '%a: '" 'max_locks_per_transaction = 1000' \
    'log_min_error_statement = log'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
documents=$(server_copy documents "$WORK/sample/cloudtrail")
# The installer owns the database and is not a superuser.
run_psql --quiet --command 'CREATE ROLE installer LOGIN' --command 'ALTER DATABASE postgres OWNER TO installer'
PGUSER=installer run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
for file in fixtures values calls; do run_psql --quiet --output /dev/null --file "$ROOT/tests/hostile/$file.sql"; done
grep -rhoE '[a-z_][a-z0-9_]+' "$ROOT/src" "$ROOT/sql" | LC_ALL=C sort -u >"$SCRATCH/words"
(cd "$SCRATCH" && run_psql --quiet --output /dev/null --file "$ROOT/tests/hostile/planted.sql")

# Each role plants objects. The role keeper also owns a rule and a source. An administrator may call all that a reader and
# a triager may, so only the long form makes the calls of these two.
callers=(mallory administrator keeper installer postgres)
[ "$hostile_arguments" = 1 ] || callers+=(reader triager)
run_psql --quiet --output /dev/null <<'SQL'
    CREATE ROLE mallory LOGIN;
    CREATE ROLE reader LOGIN;
    CREATE ROLE triager LOGIN;
    CREATE ROLE administrator LOGIN;
    CREATE ROLE keeper LOGIN IN ROLE pg_read_server_files;
    SELECT travel.grant_to(role, level) FROM (VALUES ('reader', 'read'), ('triager', 'triage'), ('administrator', 'admin'),
        ('keeper', 'admin')) AS v (role, level);
    GRANT CREATE ON SCHEMA public TO PUBLIC;
    GRANT USAGE ON SCHEMA hostile TO PUBLIC;
    GRANT SELECT ON hostile.word TO PUBLIC;
    GRANT SELECT, INSERT ON hostile.trail, hostile.few TO PUBLIC;
    CALL hostile.plant_notes('mallory');
    CALL hostile.plant_notes('reader');
    CALL hostile.plant_notes('triager');
    CALL hostile.plant_notes('administrator');
    CALL hostile.plant_notes('keeper');
    CALL hostile.plant_notes('installer');
    CALL hostile.plant_notes('postgres');
    SET ROLE keeper;
    CREATE TABLE keeper.trail AS SELECT * FROM hostile.trail;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('kept', 'keeper', 'keeper.trail', false);
    CALL travel.scan('kept');
SQL
ask "CREATE TABLE hostile.planted_call AS SELECT * FROM hostile.planted_calls($hostile_arguments)"
ask 'SELECT statement FROM hostile.planted_call WHERE reads ORDER BY key' >"$SCRATCH/reads"
# Writes are rolled back, except those of procedures, which commit. The first ROLLBACK ends the transaction of a failed
# line.
ask "SELECT CASE WHEN statement LIKE 'CALL %' THEN statement ELSE format('ROLLBACK\; BEGIN\; %s\; ROLLBACK', statement) END
    FROM hostile.planted_call WHERE NOT reads ORDER BY key" >"$SCRATCH/writes"
ask "SELECT format('ROLLBACK\; BEGIN\; %s\; ROLLBACK', replace(replace(statement, ';', '\;'), 'FOLDER', '$documents'))
    FROM hostile.planted_use ORDER BY n" >>"$SCRATCH/writes"
note "$(wc -l <"$SCRATCH/reads") calls that read, $(wc -l <"$SCRATCH/writes") that write"

# Makes the calls of a file as a role, in one session with this search_path. If NAME is planted, the session has planted
# temporary objects. The results are written to $SCRATCH/ROLE-FILE-NAME. Numbers and UUIDs are replaced, because
# sequences and clocks change them.
calls() { # calls ROLE FILE SEARCH_PATH NAME
    {
        printf "SET search_path = %s;\n" "$3"
        [ "$4" != planted ] || printf 'SELECT hostile.plant_types_and_relations(%s) \\g /dev/null\n' "'pg_temp'"
        sed 's/$/;/' "$SCRATCH/$2"
        printf "ROLLBACK;\nSELECT 'the end';\n"
    } >"$SCRATCH/calls.sql"
    PGUSER=$1 PGAPPNAME="$1 $2" run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 --file "$SCRATCH/calls.sql" 2>&1 |
        sed -E 's/^psql:[^ ]*: //; s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g; s/[0-9]+/N/g' >"$SCRATCH/$1-$2-$4" || true
    holds "$1 made all calls of $2" grep -q -x 'the end' "$SCRATCH/$1-$2-$4"
}
# Prints the log lines of planted code since the last call of this function: CALLER … PLANTED what OF owner RAN AS role.
read_lines=0
planted() {
    tail -n "+$((read_lines + 1))" "$SERVER_DIR/log" | grep -a -o -E '^.*PLANTED .* OF .* RAN AS .*' || true
    seen
}
seen() { read_lines=$(wc -l <"$SERVER_DIR/log"); }
# Fails if the code of one role ran with the rights of another role. Lines that match the pattern are ignored. With
# `own`, it also fails if the code of a role ran with the rights of that role.
nothing_ran() { # nothing_ran WHAT [PATTERN] [own]
    local others ignored='OF ([a-z_]+) RAN AS \1$'
    [ "${3:-}" != own ] || ignored='^$'
    others=$(planted | sed -E "/$ignored/d" | grep -v -E -- "${2:-^$}" | LC_ALL=C sort | uniq -c | sort -rn | head -n 20) || true
    [ -z "$others" ] || fail "$1: planted code ran:
$others
    the first one: $(grep -a -A 12 -m 1 -F "$(sed -E '1!d; s/^ *[0-9]+ //' <<<"$others")" "$SERVER_DIR/log" | cut -c 1-1000)"
    no_crash
    seen
}

rule "a superuser who reads another role's table runs none of that role's code"
run_psql --quiet --output /dev/null --file "$ROOT/tests/hostile/planted_source.sql"
# These functions write to the table or move its rows. They run the triggers of the owner, as INSERT does.
writers="'travel.ingest','travel.load_files','travel_internal.load_file','travel.make_partitions','travel_internal.make_partition'"
ask "SELECT format('ROLLBACK\; BEGIN\; %s\; ROLLBACK', replace(statement, quote_literal('hostile.trail'::regclass::oid), quote_literal(source)))
    FROM hostile.planted_calls(0), unnest('{mallory.trail,mallory.of_pairs}'::text[]) AS source
    WHERE statement LIKE '%' || quote_literal('hostile.trail'::regclass::oid) || '%'
        AND NOT EXISTS (SELECT FROM unnest(ARRAY[$writers]) AS w WHERE position(w || '(' IN statement) > 0) ORDER BY key" >"$SCRATCH/calls"
holds 'there are calls over a source' test "$(wc -l <"$SCRATCH/calls")" -gt 10
seen
calls postgres calls '"$user", public' source
holds 'travel.detect finds travel in it' grep -q 'Tokyo' "$SCRATCH/postgres-calls-source"
nothing_ran 'a source of mallory'

rule "the code of a rule and of its source runs with the rights of the rule's owner, regardless of the caller"
for role in administrator postgres; do
    PGUSER=$role PGAPPNAME=$role ask_all "CALL travel.scan()" >"$SCRATCH/said"
done
same "the rules of mallory and of the keeper raised alerts, and the rule of the superuser was refused" 'hers kept_hers' \
    "$(ask "SELECT string_agg(DISTINCT rule, ' ' ORDER BY rule) FROM travel.alerts WHERE rule IN ('hers', 'kept_hers', 'super_hers')")"
same "an error of the superuser's rule" t "$(ask "SELECT last_error LIKE '%(42501)' FROM travel.status WHERE rule = 'super_hers'")"
planted >"$SCRATCH/own"
for owner in mallory keeper; do
    holds "the code ran as $owner" grep -q "OF mallory RAN AS $owner\$" "$SCRATCH/own"
done
same 'other rights' '' "$(grep -v -E 'OF mallory RAN AS (mallory|keeper)$' "$SCRATCH/own" || true)"
run_psql --quiet <<'SQL'
    UPDATE hostile.good SET expression = '''hers''::text' WHERE argument = 'rule';
    UPDATE hostile.good SET expression = '(SELECT min(id) FROM travel.alerts WHERE rule = ''hers'')'
    WHERE argument IN ('alert_id', 'id');
SQL
ask "SELECT CASE WHEN statement LIKE 'CALL %' THEN statement ELSE format('ROLLBACK\; BEGIN\; %s\; ROLLBACK', statement) END
    FROM hostile.planted_calls(0) ORDER BY key" >"$SCRATCH/calls"
for role in reader administrator postgres; do
    calls "$role" calls '"$user", public' rules
    # Without a rule, travel.scan and other functions evaluate all rules.
    nothing_ran "$role asks about a rule of mallory" 'view of mallory OF mallory RAN AS keeper$'
done
run_psql --quiet --command "DELETE FROM travel.rules WHERE name IN ('hers', 'kept_hers', 'super_hers')" \
    --command 'DROP TABLE mallory.trail, mallory.of_pairs CASCADE'

for role in "${callers[@]}"; do calls "$role" reads '"$user", public' before; done
same_answers() { # same_answers ROLE NAME
    diff <(LC_ALL=C sort -u "$SCRATCH/$1-reads-before") <(LC_ALL=C sort -u "$SCRATCH/$1-reads-$2") >"$SCRATCH/diff" ||
        fail "results of $1 that planted objects changed: $(head -n 40 "$SCRATCH/diff" | cut -c 1-500)"
}
run_psql --quiet --output /dev/null --command 'SET ROLE mallory' --command "SELECT hostile.plant_types_and_relations('public')" \
    --command "SELECT hostile.plant_functions('public')" --command "SELECT hostile.plant_operators('public')" \
    --command "SELECT hostile.plant_others('public')"
note "planted in public: $(ask "SELECT format('%s functions, %s operators, %s domains, %s views',
    (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'd'),
    (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'))")"

rule 'a search_path finds planted code, which writes the current user into the log'
seen
PGUSER=mallory run_psql --quiet --output /dev/null --command 'SET search_path = public, pg_catalog' --command 'SELECT 1 + 1' \
    --command "SELECT format('%s', 'x'), now(), 'x'::text, count(*) FROM pg_class"
planted >"$SCRATCH/own"
for what in 'operator +(integer,integer)' 'function format(text, text)' 'function now()' 'domain text' 'view pg_class' 'aggregate count(*)'; do
    holds "$what was found" grep -q -F "PLANTED $what OF mallory RAN AS mallory" "$SCRATCH/own"
done

rule "no function, view or trigger runs planted code with another role's rights, and planted objects do not change a result"
for role in "${callers[@]}"; do
    for file in reads writes; do calls "$role" "$file" 'pg_temp, public, pg_catalog' planted; done
    nothing_ran "$role, search_path = pg_temp, public, pg_catalog"
    same_answers "$role" planted
done
for role in keeper postgres; do
    for file in reads writes; do calls "$role" "$file" '"$user", public' default; done
    nothing_ran "$role, the default search_path"
    same_answers "$role" default
done

# Outside of a transaction block, procedures commit, and travel.load_files starts worker processes.
rule 'procedures that commit, and workers of travel.load_files, run no planted code'
# Each statement is a transaction of its own, and names everything with its schema.
plain() { PGOPTIONS='-c search_path=pg_catalog' ask "$1"; }
makes() { # makes WHAT WANTED STATEMENT: runs the statement in the session, and fails if it prints something else
    session "$3"
    same "$1" "$2" "${ANSWER% }"
}
raised() { # raised WHAT WANTED: fails unless the rule has raised so many legs
    same "$1" "$2" "$(plain "SELECT count(*) FROM travel.verdicts WHERE rule = '$name' AND raised")"
}
plain "SELECT travel.create_events_table('hostile.loaded')" >/dev/null
loaded=$(plain "CALL travel.load_files('hostile.loaded', '$documents')")
legs=$(plain "SELECT count(*) FROM travel.detect('hostile.loaded')")
holds "there are enough files for workers: $loaded" test "${loaded%%|*}" -ge 50
holds "there is travel in them: $legs legs" test "$legs" -gt 0
seen
for role in keeper postgres; do
    for level in 'read committed' serializable; do
        name=${role}_${level// /_}
        # Each loaded row has the process, the search_path and the isolation level with which it was written. Rows of
        # two months are in the DEFAULT partition of the other table. A scan of the view fails.
        PGUSER=$role plain "SELECT travel.create_events_table('public.$name');
            SELECT travel.create_events_table('public.monthly_$name', true);
            ALTER TABLE public.$name ADD COLUMN process int DEFAULT pg_backend_pid(),
                ADD COLUMN path text DEFAULT current_setting('search_path'),
                ADD COLUMN level text DEFAULT current_setting('transaction_isolation');
            INSERT INTO public.monthly_$name (event_id, event_time)
            VALUES ('1', '2020-01-01Z'), ('2', '2020-02-01Z'), ('3', '2020-02-02Z');
            CREATE VIEW public.fails_$name AS
            SELECT event_time, source_ip, access_key_id, 1 / (event_id = '')::int AS outcome FROM public.$name;
            INSERT INTO travel.rules (name, source, baseline) VALUES ('$name', 'public.$name', false),
                ('fails_$name', 'public.fails_$name', false)" >/dev/null
        PGUSER=$role PGAPPNAME="$role $level" session_open
        session "SET search_path = pg_temp, public, pg_catalog; SET default_transaction_isolation = '$level'"
        makes 'temporary objects are planted' t \
            "SELECT hostile.plant_types_and_relations('pg_temp') OPERATOR(pg_catalog.>) 0"
        makes 'the isolation level of the session' "$level" 'SHOW transaction_isolation'
        session 'SELECT pg_catalog.pg_backend_pid()'
        process=${ANSWER% }

        makes "$name loads" "$loaded" "CALL travel.load_files('public.$name', '$documents')"
        # The session itself loads a file if two workers wait for each other.
        same 'workers wrote rows' 't|pg_temp, public, pg_catalog|read committed' \
            "$(plain "SELECT bool_or(process <> $process), string_agg(DISTINCT path, ' and '),
                string_agg(DISTINCT level, ' and ') FROM public.$name")"
        makes "$name loads again" '0|0|0|0|0|0' "CALL travel.load_files('public.$name', '$documents')"
        makes "$name makes partitions" '2|3' "CALL travel.make_partitions('public.monthly_$name', '2014-01-01')"
        same 'the rows that are left, and the transactions that moved the others' '0|2' \
            "$(plain "SELECT (SELECT count(*) FROM public.monthly_${name}_default), count(DISTINCT xmin::text)
                FROM public.monthly_$name")"
        makes "$name scans all rules" '' 'CALL travel.scan()'
        raised 'legs after a scan of all rules' "$legs"
        same 'the error of the other rule' t \
            "$(plain "SELECT last_error LIKE '%(22012)' FROM travel.status WHERE rule = 'fails_$name'")"
        PGUSER=$role plain "INSERT INTO public.$name (event_id, event_time, source_ip, access_key_id)
            VALUES ('1', '2026-03-03 09:00Z', '192.0.2.1', 'late'), ('2', '2026-03-03 09:10Z', '203.0.113.1', 'late')"
        makes "$name scans a rule" '' "CALL travel.scan('$name')"
        raised 'legs after a scan of the rule' "$((legs + 1))"
        PGUSER=$role plain "INSERT INTO travel.suppressions (rule, entity_like, reason)
            VALUES ('$name', 'late', 'planted')"
        makes "$name rescans a rule" '' "CALL travel.rescan('$name', '-infinity')"
        raised 'legs after a rescan' "$legs"
        session "CALL travel.rescan('fails_$name', '-infinity')"
        holds "the error of the rescan: $ANSWER" grep -q 'ERROR:  division by zero' <<<"$ANSWER"
        session_close
        nothing_ran "$role commits, $level" '' own
    done
done

rule 'CREATE EXTENSION and DROP EXTENSION do not run planted code'
for role in installer postgres; do
    PGUSER=$role PGAPPNAME=$role run_psql --quiet <<'SQL'
        SET search_path = public, pg_catalog;
        BEGIN;
        DROP EXTENSION impossible_travel CASCADE;
        CREATE EXTENSION impossible_travel;
        ROLLBACK;
SQL
    nothing_ran "$role installs"
done
