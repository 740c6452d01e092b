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

rule 'a call that is canceled ends within 250 ms, whatever it does at that moment'
# A file of 2 GB of blanks, one of many records, one of 17 million compressed parts without content, and one of small
# documents that are not from CloudTrail. A call over each takes a few seconds.
mkdir -p "$SERVER_DIR/files"/{blanks,records,parts,others}
printf '' | gzip >"$SERVER_DIR/files/parts/p.json.gz"
for ((doubled = 0; doubled < 24; doubled++)); do
    cat "$SERVER_DIR/files/parts/p.json.gz" "$SERVER_DIR/files/parts/p.json.gz" >"$SCRATCH/parts"
    mv "$SCRATCH/parts" "$SERVER_DIR/files/parts/p.json.gz"
done
head -c 10000000 < <(yes '{}' | tr -d '\n') >"$SERVER_DIR/files/others/o.json"
{ printf '['; head -c 2000000000 /dev/zero | tr '\0' ' '; } | gzip -1 >"$SERVER_DIR/files/blanks/b.json.gz"
seq 250000 | awk 'BEGIN { printf "[" } { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\"}\n", (NR > 1 ? "," : ""), $1 }
    END { printf "]" }' | gzip -1 >"$SERVER_DIR/files/records/r.json.gz"
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
# canceled_at SECONDS: cancels a call over $what after this time. The time between the cancel and the end of the call is
# in $took. Fails if the call ends before the cancel.
canceled_at() {
    ask 'TRUNCATE canceled, canceled_files'
    ask "$(call canceled "$SERVER_DIR/files/$what")" >"$SCRATCH/canceled" 2>&1 &
    local calling=$! began
    waits_until "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL travel.load_files(''canceled''%'" 1
    sleep "$1"
    began=$(now)
    ask "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL travel.load_files(''canceled''%'" >/dev/null
    ! wait "$calling" || return 1
    took=$(since "$began")
    grep -q 'canceling statement due to user request' "$SCRATCH/canceled" || fail "$(cat "$SCRATCH/canceled")"
    same "nothing of the file of $what is in the table" '0|0' "$(ask 'SELECT (SELECT count(*) FROM canceled), (SELECT count(*) FROM canceled_files)')"
}
fresh canceled
for what in blanks records parts others; do
    ask 'TRUNCATE canceled'
    began=$(now)
    ask "$(call canceled "$SERVER_DIR/files/$what")" >"$SCRATCH/whole" 2>&1 || fail "$(cat "$SCRATCH/whole")"
    whole=$(since "$began")
    delays=
    for share in 0.03 0.25 0.5 0.75 0.93; do
        # Each moment counts by itself. Other work on the machine can delay any call, but rarely delays five calls at the same
        # moment. If a call ends before the cancel, the machine has become faster, so the call needs less time than that.
        least=
        for ((try = 0; try < 5; try++)); do
            moment=$(awk -v whole="$whole" -v share="$share" 'BEGIN { printf "%.3f", whole * share }')
            canceled_at "$moment" || { whole=$(awk -v moment="$moment" 'BEGIN { print moment * 0.9 }'); continue; }
            least=$(awk -v least="${least:-99}" -v took="$took" 'BEGIN { print (took < least ? took : least) }')
            if between 0 0.25 "$least"; then break; fi
        done
        [ -n "$least" ] || fail "no call over $what could be canceled after $moment s"
        holds "a call over $what that was canceled after $moment s ended $least s later" between 0 0.25 "$least"
        delays+=" $least"
    done
    note "$what, at five moments in $whole s:$delays"
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
    ask_coded "$(call "$how")" >"$SCRATCH/loading" 2>&1 &
    loading=$!
    waits_for_lock 'travel.load_files'
    some=$(ask "SELECT count(*) FROM $how")
    note "$some events were committed ($how)"
    holds "some files were committed ($how)" [ "$some" -gt 0 ]
    holds "not all were ($how)" [ "$some" -lt "$all" ]
    "$how"
    if wait "$loading"; then fail "the call ended without an error ($how)"; fi
    interrupted "$how" 'the call' "$SCRATCH/loading"
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
no_crash "$KILLED"
same 'only the killed session died' 1 "$(log_lines 'all server processes terminated; reinitializing')"
