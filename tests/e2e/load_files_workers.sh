#!/usr/bin/env bash
# Worker processes load files for a call of travel.load_files: as its session would, with its roles and settings.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-workers 'deadlock_timeout = 50ms' 'max_worker_processes = 8'
ask 'CREATE EXTENSION impossible_travel' >/dev/null
own() { if is_root; then chown -R postgres "$SERVER_DIR/files"; fi; }
# file PATH FIRST LAST [STEP]: a file of these events, in this order.
file() {
    seq "$2" "${4:-1}" "$3" |
        awk 'BEGIN { printf "{\"Records\":[" }
            { printf "%s{\"eventID\":\"%06d\",\"eventTime\":\"2026-03-02T09:00:00Z\"}", (NR > 1 ? "," : ""), $1 }
            END { printf "]}" }' | gzip -1 >"$1"
}
# new TABLE: an events table in which each row has the process, the roles, the setting and the isolation level with which it
# was written.
new() {
    ask "SELECT travel.create_events_table('$1')" >/dev/null
    ask "ALTER TABLE $1 ADD COLUMN process int DEFAULT pg_backend_pid(), ADD COLUMN role text DEFAULT current_user,
        ADD COLUMN login text DEFAULT session_user, ADD COLUMN tenant text DEFAULT current_setting('app.tenant', true),
        ADD COLUMN level text DEFAULT current_setting('transaction_isolation')"
}
# load TABLE FOLDER [SQL]: prints the counts of a call in a session that ran the SQL before. What it says is in $SCRATCH/said.
load() {
    run_psql --quiet --no-align --tuples-only --command "${3:-SET client_min_messages = notice}" \
        --command "CALL travel.load_files('$1', '$2')" 2>"$SCRATCH/said"
}
workers() { ask "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'load_files worker'"; }
no_workers() { [ "$(workers)" = 0 ]; }
said() { grep -q -E "$1" "$SCRATCH/said" || fail "nothing was said of: $1
$(head -n 20 "$SCRATCH/said")"; }

# 80 files of 500 events, of which each file shares half with the next one. One is broken, and one has a record without time.
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
for ((n = 0; n < 80; n++)); do
    file "$folder/$(printf '%02d' "$n").json.gz" "$((n * 250))" "$((n * 250 + 499))"
done
printf 'no gzip' >"$folder/broken.json.gz"
printf '{"Records":[{"eventID":"without time"}]}' >"$folder/no-time.json"
own
all=20250

rule 'workers load the same events as the session itself, and count the same'
new alone
alone=$(load alone "$folder" 'SET max_parallel_maintenance_workers = 0')
same 'the session itself' "81|40001|$all|19750|1|1" "$alone"
same 'processes' 1 "$(ask 'SELECT count(DISTINCT process) FROM alone')"
new two
same 'the counts' "$alone" "$(load two "$folder")"
same 'processes' 2 "$(ask 'SELECT count(DISTINCT process) FROM two')"
same 'the events' 0 "$(ask 'SELECT count(*) FROM (SELECT event_id, event_time, record::text FROM alone
    EXCEPT SELECT event_id, event_time, record::text FROM two) AS other')"
same 'the list' 0 "$(ask 'SELECT count(*) FROM (SELECT path, size, digest, records, skipped, error FROM alone_files
    EXCEPT SELECT path, size, digest, records, skipped, error FROM two_files) AS other')"
same 'a transaction for each file that has new events' 0 "$(ask 'SELECT (SELECT count(DISTINCT ingest_xid) FROM two)
    - (SELECT count(*) FROM two_files WHERE inserted > 0)')"
same 'nothing is left to load, but for the broken file' '0|0|0|0|0|1' "$(load two "$folder")"
new four
load four "$folder" 'SET max_parallel_maintenance_workers = 4' >/dev/null
holds 'as many workers as the setting says' between 3 4 "$(ask 'SELECT count(DISTINCT process) FROM four')"
holds 'the workers end with the call' no_workers

rule 'files are loaded at READ COMMITTED, also in a session with a stricter isolation level'
new strict
same 'the counts' "$alone" "$(load strict "$folder" "SET default_transaction_isolation = 'serializable'")"
same 'processes and levels' '2|read committed|read committed' \
    "$(ask 'SELECT count(DISTINCT process), min(level), max(level) FROM strict')"
new strict_block
ask "BEGIN ISOLATION LEVEL REPEATABLE READ; CALL travel.load_files('strict_block', '$folder'); COMMIT" >/dev/null 2>&1
same 'a transaction block keeps its level' 'repeatable read|repeatable read' "$(ask 'SELECT min(level), max(level) FROM strict_block')"

rule 'what a worker reports reaches the client'
new loud
ask "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE NOTICE 'ünder way: %', NEW.event_id; RETURN NEW; END\$\$;
    CREATE TRIGGER shout BEFORE INSERT ON loud FOR EACH ROW WHEN (NEW.event_id = '000400') EXECUTE FUNCTION shout()"
load loud "$folder" "SET client_encoding = 'LATIN1'" >/dev/null
iconv -f LATIN1 -t UTF-8 "$SCRATCH/said" >"$SCRATCH/said.utf-8" && mv "$SCRATCH/said.utf-8" "$SCRATCH/said"
said 'NOTICE:  ünder way: 000400'
said 'WARNING:  could not load file .*broken.json.gz'
said 'NOTICE:  .*no-time.json: skipped record without time: it has no readable eventTime'
new quiet
load quiet "$folder" 'SET client_min_messages = error' >/dev/null
same 'nothing is said that the session does not want to hear' '' "$(cat "$SCRATCH/said")"

rule 'workers act with the roles and the settings of the session'
ask "CREATE ROLE loader LOGIN IN ROLE pg_read_server_files; CREATE ROLE writer IN ROLE pg_read_server_files;
    GRANT writer TO loader; SELECT travel.grant_to('writer', 'admin')" >/dev/null
new owned
ask "GRANT SELECT, INSERT ON owned TO writer; GRANT SELECT, INSERT, UPDATE ON owned_files TO writer;
    ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON owned USING (tenant = current_setting('app.tenant')) WITH CHECK (tenant = current_setting('app.tenant'))"
as_loader() { PGUSER=loader load "$@"; }
as_loader owned "$folder" "SET ROLE writer; SET app.tenant = 'acme'" >/dev/null
same 'the rows' "2|writer|loader|acme|$all" "$(ask 'SELECT count(DISTINCT process), min(role), max(login), min(tenant), count(*) FROM owned')"
new closed
ask 'GRANT SELECT, INSERT, UPDATE ON closed_files TO writer'
SAID=$(PGUSER=loader ask_all "SET ROLE writer; CALL travel.load_files('closed', '$folder')")
holds "without the privilege the call ends: $SAID" grep -q 'ERROR:  42501: permission denied for table closed' <<<"$SAID"
holds 'the workers end with it' eventually 'no worker is left' no_workers

rule 'two workers that load the same events in another order do not fail'
orders="$SERVER_DIR/files/orders"
mkdir -p "$orders"
for ((n = 0; n < 26; n++)); do
    file "$orders/$(printf '%02d' "$n")-up.json.gz" "$((n * 8000))" "$((n * 8000 + 7999))"
    file "$orders/$(printf '%02d' "$n")-down.json.gz" "$((n * 8000 + 7999))" "$((n * 8000))" -1
done
own
new orders
same 'the counts' '52|416000|208000|208000|0|0' "$(load orders "$orders")"
# One that is caught is in no log.
waits_until 'SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()' t

rule 'the session loads alone what no other process can load'
# alone TABLE WHY: whether the process of the session wrote everything.
is_alone() { same "$2" "1|$all" "$(ask "SELECT count(DISTINCT process), count(*) FROM $1")"; }
new block
ask "BEGIN; CALL travel.load_files('block', '$folder'); COMMIT" >/dev/null 2>&1
is_alone block 'a transaction block'
new no_slots
load no_slots "$folder" 'SET max_parallel_workers = 0' >/dev/null
is_alone no_slots 'a server without a place for another process'
run_psql --quiet --no-align --tuples-only --command "SELECT travel.create_events_table('pg_temp.mine')" \
    --command "CALL travel.load_files('mine', '$folder')" --command 'SELECT count(*) FROM mine' >"$SCRATCH/temporary" 2>/dev/null
same 'a temporary table' "$all" "$(tail -n 1 "$SCRATCH/temporary")"
new other
ask 'GRANT SELECT, INSERT ON other TO loader; GRANT SELECT, INSERT, UPDATE ON other_files TO loader'
load other "$folder" 'SET SESSION AUTHORIZATION loader' >/dev/null
is_alone other 'a session that acts as another one'

rule 'a call that is canceled ends its workers, and writes nothing afterwards'
long="$SERVER_DIR/files/long"
mkdir -p "$long"
for ((n = 0; n < 60; n++)); do file "$long/$n.json.gz" "$((n * 8000))" "$((n * 8000 + 7999))"; done
own
best=99
for try in 1 2 3; do
    new "canceled_$try"
    ask "CALL travel.load_files('canceled_$try', '$long')" >"$SCRATCH/canceled" 2>&1 &
    waits_until "SELECT count(*) > 2 FROM canceled_${try}_files" t
    pid=$(ask "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL travel.load_files(''canceled_$try''%' AND backend_type = 'client backend'")
    began=$(now)
    ask "SELECT pg_cancel_backend($pid)" >/dev/null
    wait "$!" && fail "the call was not canceled: $(cat "$SCRATCH/canceled")"
    took=$(since "$began")
    same 'workers that are left' 0 "$(workers)"
    some=$(ask "SELECT count(*) FROM canceled_$try")
    best=$(awk -v a="$best" -v b="$took" 'BEGIN { print (a < b ? a : b) }')
done
holds "a cancel took $best s, of three" between 0 0.25 "$best"
sleep 0.3
same 'nothing was written afterwards' "$some" "$(ask 'SELECT count(*) FROM canceled_3')"
same 'whole files are in the table' 0 "$(ask 'SELECT (SELECT count(*) FROM canceled_3) - (SELECT sum(inserted) FROM canceled_3_files)')"

rule 'a worker that is terminated ends the call with an error, and the next call does the rest'
new ended
ask "CALL travel.load_files('ended', '$long')" >"$SCRATCH/ended" 2>&1 &
waits_until 'SELECT count(*) > 2 FROM ended_files' t
ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'load_files worker' LIMIT 1" >/dev/null
wait "$!" && fail "the call did not end with an error: $(cat "$SCRATCH/ended")"
holds "why: $(cat "$SCRATCH/ended")" grep -q 'ERROR:  terminating background worker' "$SCRATCH/ended"
holds 'no worker is left' no_workers
load ended "$long" >/dev/null
same 'all events' 480000 "$(ask 'SELECT count(*) FROM ended')"

rule 'a session that is terminated ends its workers'
new terminated
ask "CALL travel.load_files('terminated', '$long')" >/dev/null 2>&1 &
waits_until 'SELECT count(*) > 2 FROM terminated_files' t
ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'
    AND query LIKE 'CALL travel.load_files(''terminated''%'" >/dev/null
wait "$!" || true
eventually 'no worker is left' no_workers
same 'whole files are in the table' 0 "$(ask 'SELECT (SELECT count(*) FROM terminated) - (SELECT sum(inserted) FROM terminated_files)')"

rule 'a worker that cannot start is named, and the session loads the files'
new limited
ask 'GRANT SELECT, INSERT ON limited TO writer; GRANT SELECT, INSERT, UPDATE ON limited_files TO writer'
PGUSER=loader session_open --set VERBOSITY=default
session 'SET ROLE writer'
ask 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'
session "CALL travel.load_files('limited', '$folder')"
holds "why: $ANSWER" grep -q 'NOTICE:  a worker process of travel.load_files could not start DETAIL:  permission denied for database' <<<"$ANSWER"
session_close
is_alone limited 'the session'
no_crash
