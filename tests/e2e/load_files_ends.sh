#!/usr/bin/env bash
# How a call of travel.load_files ends early: a cancel, a killed session, a stopped server, a rollback. Called again, it
# ends with the same table.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-ends
ask 'CREATE EXTENSION impossible_travel' >/dev/null
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
# 40 files of 1,000 events, of which each file shares half with the next one.
for ((file = 0; file < 40; file++)); do
    seq "$((file * 500))" "$((file * 500 + 999))" |
        awk 'BEGIN { printf "{\"Records\":[" } { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\"}", (NR > 1 ? "," : ""), $1 }
            END { printf "]}" }' | gzip -1 >"$folder/$(printf '%02d' "$file").json.gz"
done
all=20500
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
fresh() { # fresh TABLE: a new events table
    ask "SELECT travel.create_events_table('$1')" >/dev/null
}
call() { printf "CALL travel.load_files('%s', '%s')" "$1" "${2:-$folder}"; }
pid_of() { ask "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL travel.load_files(''$1''%'"; }

rule 'a rollback leaves nothing of the files, and a commit everything, in one transaction'
fresh block
ask "BEGIN; $(call block); ROLLBACK" >/dev/null
same 'after ROLLBACK' '0|0' "$(ask 'SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM block_files)')"
ask "BEGIN; $(call block); COMMIT" >/dev/null
same 'after COMMIT' "$all|40|1" "$(ask 'SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM block_files),
    (SELECT count(DISTINCT ingest_xid) FROM block)')"

rule 'a call commits file by file'
fresh files
ask "$(call files)" >/dev/null
same 'transactions' "$all|40" "$(ask 'SELECT count(*), count(DISTINCT ingest_xid) FROM files')"

rule 'a call that is canceled ends within 250 ms, whatever it does'
# A file of 2 GB of blanks, one of many records, one of 17 million compressed parts without content, and one of small
# documents that are not from CloudTrail.
mkdir -p "$SERVER_DIR/files"/{blanks,records,parts,others}
printf '' | gzip >"$SERVER_DIR/files/parts/p.json.gz"
for ((doubled = 0; doubled < 24; doubled++)); do
    cat "$SERVER_DIR/files/parts/p.json.gz" "$SERVER_DIR/files/parts/p.json.gz" >"$SCRATCH/parts"
    mv "$SCRATCH/parts" "$SERVER_DIR/files/parts/p.json.gz"
done
head -c 200000000 < <(yes '{}' | tr -d '\n') >"$SERVER_DIR/files/others/o.json"
{ printf '['; head -c 2000000000 /dev/zero | tr '\0' ' '; } | gzip -1 >"$SERVER_DIR/files/blanks/b.json.gz"
{ printf '['; seq 2000000 | awk '{ printf "{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\"},\n", $1 }'; } |
    gzip -1 >"$SERVER_DIR/files/records/r.json.gz"
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
for what in blanks records parts others; do
    best=99
    for try in 1 2 3 4 5; do
        fresh "canceled_${what}_$try"
        ask "$(call "canceled_${what}_$try" "$SERVER_DIR/files/$what")" >"$SCRATCH/canceled" 2>&1 &
        waits_until "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
            AND query LIKE 'CALL travel.load_files(''canceled_${what}_$try''%'" 1
        sleep "0.$try"
        pid=$(pid_of "canceled_${what}_$try")
        began=$(now)
        ask "SELECT pg_cancel_backend($pid)" >/dev/null
        wait "$!" && fail "the call over $what was not canceled: $(cat "$SCRATCH/canceled")"
        took=$(since "$began")
        grep -q 'canceling statement due to user request' "$SCRATCH/canceled" || fail "$(cat "$SCRATCH/canceled")"
        best=$(awk -v a="$best" -v b="$took" 'BEGIN { print (a < b ? a : b) }')
    done
    note "$what: $best s"
    holds "a cancel over $what took $best s, of five" between 0 0.25 "$best"
    same 'nothing of the file is in the table' 0 "$(ask "SELECT count(*) FROM canceled_${what}_1")"
done

no_crash
anew() { [ "$(log_lines 'all server processes terminated; reinitializing')" = 1 ]; }
killed() { # kills the session that loads
    as_server kill -9 "$(pid_of killed)"
    eventually 'PostgreSQL starts anew' anew
    waits_until 'SELECT 1' 1
}
rule 'a call whose session is killed half-way, or whose server is stopped, keeps its committed files, and the next call loads the rest'
for how in killed stopped; do
    fresh "$how"
    # A lock on one file's first event stops the call there.
    session_open
    session "BEGIN; INSERT INTO $how (event_id, event_time) VALUES ('12499', '2026-03-02T09:00:00Z')"
    ask "$(call "$how")" >/dev/null 2>&1 &
    loading=$!
    waits_for_lock 'travel.load_files'
    some=$(ask "SELECT count(*) FROM $how")
    note "$some events were committed ($how)"
    holds "some files were committed ($how)" [ "$some" -gt 0 ]
    holds "not all were ($how)" [ "$some" -lt "$all" ]
    "$how"
    if wait "$loading"; then fail "the call ended without an error ($how)"; fi
    session_close
    same "no committed file is lost ($how)" "$some" "$(ask "SELECT count(*) FROM $how")"
    same "the list has the committed files ($how)" "$some" "$(ask "SELECT sum(inserted) FROM ${how}_files")"
    ask "$(call "$how")" >"$SCRATCH/again"
    same "all events ($how)" "$all|40" "$(ask "SELECT (SELECT count(*) FROM $how), (SELECT count(*) FROM ${how}_files)")"
    # As text: the hash of a jsonb with only the event_id and the time cancels that of these columns out, so a hash table
    # of the three would be a list.
    same "the same events as of one call ($how)" 0 "$(ask "SELECT count(*) FROM (SELECT event_id, event_time, record::text FROM $how
        EXCEPT SELECT event_id, event_time, record::text FROM files) AS other")"
    same "the second call did the rest ($how)" "$((all - some))" "$(cut -d '|' -f 3 "$SCRATCH/again")"
done

rule 'two calls at the same time share the files'
fresh shared
ask "$(call shared)" >"$SCRATCH/one" &
ask "$(call shared)" >"$SCRATCH/two" &
wait
note "$(cat "$SCRATCH/one") and $(cat "$SCRATCH/two")"
same 'each file was loaded once' '40|0' "$(cat "$SCRATCH/one" "$SCRATCH/two" | awk -F '|' '{ n += $1; f += $6 } END { print n "|" f }')"
same 'all events' "$all" "$(ask 'SELECT count(*) FROM shared')"

rule 'an error of one file is a warning, and an error that every file would raise ends the call at the first file'
fresh broken
ask 'ALTER TABLE broken ADD COLUMN must int NOT NULL DEFAULT 1; ALTER TABLE broken ALTER must DROP DEFAULT'
said=$(ask_all "$(call broken "$folder/00.json.gz")")
holds "a constraint is of the file: $said" grep -q 'WARNING:  22000: could not load file .*00.json.gz": null value in column' <<<"$said"
fresh closed
ask 'CREATE FUNCTION into_missing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO missing SELECT NEW.event_id; RETURN NEW; END$$;
    CREATE TRIGGER into_missing BEFORE INSERT ON closed FOR EACH ROW EXECUTE FUNCTION into_missing()'
refused 42P01 "$(call closed)"
holds "the file is named: $SAID" grep -q 'DETAIL:  The file ".*/00.json.gz" was being loaded' <<<"$SAID"
same 'nothing is loaded' 0 "$(ask 'SELECT count(*) FROM closed')"

rule 'in a read-only transaction, a call ends before the first file'
fresh reads
refused 25006 "BEGIN READ ONLY; $(call reads)"
holds "the procedure is named: $SAID" grep -q 'ERROR:  25006: travel.scan, travel.rescan, travel.load_files' <<<"$SAID"
same 'the server answers' 1 "$(ask 'SELECT 1')"
same 'only the killed session died' 1 "$(log_lines 'all server processes terminated; reinitializing')"
