#!/usr/bin/env bash
# Objects that other roles create beside an events table, and files that other users put into a folder, neither end a call
# of travel.load_files nor run code with the rights of its caller.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-others
run_psql --quiet <<'SQL'
    CREATE EXTENSION impossible_travel;
    CREATE ROLE other LOGIN;
    GRANT CREATE ON SCHEMA public TO other;
SQL
folder="$SERVER_DIR/files/folder"
mkdir -p "$folder"
record() { printf '{"eventID": "%s", "eventTime": "2026-03-02T09:00:00Z"}' "$1"; }
for name in a b c; do record "$name" >"$folder/$name.json"; done
own() { if is_root; then chown -hR postgres "$SERVER_DIR/files"; fi; }
load() { # load TABLE [FOLDER]: prints the counts; what it says is in $SCRATCH/said
    own
    run_psql --quiet --no-align --tuples-only --command "CALL travel.load_files('$1', '${2:-$folder}')" 2>"$SCRATCH/said"
}

rule 'a list that another role created is not written, so its triggers do not run'
run_psql --quiet <<'SQL'
    CREATE TABLE events (event_id text, event_time timestamptz, PRIMARY KEY (event_id, event_time));
    SET ROLE other;
    CREATE TABLE ran (by name);
    CREATE TABLE events_files (path text PRIMARY KEY, size bigint, modified_at timestamptz, digest text,
        loaded_at timestamptz, records bigint, inserted bigint, duplicates bigint, skipped bigint, error text);
    CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO ran VALUES (current_user); RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT ON events_files FOR EACH ROW EXECUTE FUNCTION trap();
SQL
own
refused 42501 "CALL travel.load_files('events', '$folder')"
holds "the owner is named: $SAID" grep -q 'Role other owns it' <<<"$SAID"
same 'what ran' '' "$(ask 'SELECT by FROM ran')"
ask 'ALTER TABLE events_files OWNER TO postgres' >/dev/null
same 'a list that the owner of the table has adopted' '3|3|3|0|0|0' "$(load events)"
ask 'DROP TABLE events_files; TRUNCATE events' >/dev/null

rule 'the list of a table that had the name before is not that of the new table'
same 'the old table' '3|3|3|0|0|0' "$(load events)"
ask "ALTER TABLE events RENAME TO old; CREATE TABLE events (LIKE old INCLUDING ALL);
    INSERT INTO events VALUES ('x', '2026-03-02T09:00:00Z')" >/dev/null
same 'the new table' '3|3|3|0|0|0' "$(load events)"
same 'the old table' '0|0|0|0|0|0' "$(load old)"
ask 'DROP TABLE old, events' >/dev/null

rule 'a table that does not exist, or is dropped while its files are loaded, is an error'
refused 42P01 "SELECT travel_internal.load_file('4294967294'::regclass, '$folder', 'a.json', NULL)"
# The trigger waits for a lock at the second file.
run_psql --quiet <<'SQL'
    CREATE TABLE dropped (event_id text, event_time timestamptz);
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.event_id = 'b' THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON dropped FOR EACH ROW EXECUTE FUNCTION wait();
SQL
session_open
session 'SELECT pg_advisory_lock(1)'
own
ask "CALL travel.load_files('dropped', '$folder')" >"$SCRATCH/dropped" 2>&1 &
waits_for_lock 'travel.load_files'
ask "DROP TABLE dropped" >/dev/null 2>&1 &
waits_for_lock 'DROP TABLE dropped'
session_close
wait
holds "the call says so: $(cat "$SCRATCH/dropped")" grep -q 'does not exist' "$SCRATCH/dropped"
no_crash

rule 'a path that is too long for the list, and a time that is out of range, are of their files alone'
ask "SELECT travel.create_events_table('long')" >/dev/null
# Random names, because PostgreSQL compresses others.
deep=$folder
for level in $(seq 14); do
    deep="$deep/$(awk -v seed="$level" 'BEGIN { srand(seed); while (n++ < 200) printf "%c", 97 + int(rand() * 26) }')"
    mkdir "$deep"
    cd "$deep"
    deep=.
done
record deep >deep.json
cd /
same 'counts' '3|3|3|0|0|1' "$(load long)"
holds "it is named: $(cut -c 1-200 "$SCRATCH/said")" grep -q 'its path is longer than 2000 bytes' "$SCRATCH/said"
same 'once more' '0|0|0|0|0|1' "$(load long)"
no_crash

rule 'events that the table has are duplicates, whichever of its constraints says so, and nothing of them is left'
half="$SERVER_DIR/files/half"
mkdir -p "$half"
for first in 1 251 501; do
    { printf '{"Records":['; seq "$first" "$((first + 499))" |
        awk '{ printf "%s{\"eventID\":\"%04d\",\"eventTime\":\"2026-03-02T09:00:00Z\"}", (NR > 1 ? "," : ""), $1 }'; printf ']}'; } \
        >"$half/$(printf '%03d' "$first").json"
done
ask "SELECT travel.create_events_table('half'); CREATE TABLE numbers (event_id text, event_time timestamptz UNIQUE);
    CREATE TABLE ranges (event_id text, event_time timestamptz,
        EXCLUDE USING btree (event_id WITH =), CHECK (event_id <> '0900'))" >/dev/null
same 'a primary key' '3|1500|1000|500|0|0' "$(load half "$half")"
same 'a unique column that is not the id' '3|1500|1|1499|0|0' "$(load numbers "$half")"
same 'an exclusion constraint, beside a check that refuses a file' '2|1000|750|250|0|1' "$(load ranges "$half")"
holds "the check is named: $(cut -c 1-200 "$SCRATCH/said")" grep -q 'violates check constraint' "$SCRATCH/said"

rule 'a trigger runs once for each event, also where the table has it'
run_psql --quiet <<'SQL'
    SELECT FROM travel.create_events_table('counted');
    CREATE SEQUENCE calls;
    CREATE FUNCTION count_call() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM nextval('calls'); RETURN NEW; END$$;
    CREATE TRIGGER count_call BEFORE INSERT ON counted FOR EACH ROW EXECUTE FUNCTION count_call();
SQL
same 'counts' '3|1500|1000|500|0|0' "$(load counted "$half")"
same 'calls' 1500 "$(ask 'SELECT last_value FROM calls')"
no_crash
