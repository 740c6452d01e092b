#!/usr/bin/env bash
# scripts/load-s3.sh loads a folder that `aws s3 sync` fills, from a client and incrementally, and names each file that
# it could not load. The line of psql in docs/load.md loads the same.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-s3
PATH="$(dirname "$(pg_bin psql)"):$PATH"
ask "CREATE EXTENSION impossible_travel;
    CREATE ROLE loader LOGIN;
    SELECT travel.create_events_table('cloudtrail');
    GRANT INSERT ON cloudtrail, cloudtrail_inbox TO loader" >/dev/null

logs="$SCRATCH/sync/AWSLogs"
trail="$logs/111122223333/CloudTrail/us-east-1/2026/03/02"
organization="$logs/o-exampleorgid/444455556666/CloudTrail/eu-west-1/2026/03/02"
mkdir -p "$trail" "$organization" "$logs/111122223333/CloudTrail-Digest/us-east-1" "$logs/111122223333/Config/us-east-1"
record() { printf '{"eventID": "%s", "eventTime": "2026-03-02T09:00:00Z", "requestParameters": {"key": "%s"}}' "$1" "$2"; }
file() { printf '{"Records": [%s]}' "$(record "$1" "$2")"; }
file a good | gzip >"$trail/a.json.gz"
file b 'NUL \u0000 and half \ud83d, "quoted", back\\slash, :body' | sed 's/"quoted"/\\"quoted\\"/' | gzip >"$trail/b.json.gz"
file c good >"$trail/c.json"
file d good | gzip >"$organization/d.json.gz"
odd="$trail/it's \"\$HOME\" \`x\` \\n :target.json.gz"
{ record e1 'a line'; echo; record e2 'another'; echo; } | gzip >"$odd"
printf '{"Records": [{"eventID": "f", "eventTime": "2026-03-02T09:00:00Z"}, {"eventTime": "soon"}]}' | gzip >"$trail/f.json.gz"
# Not of a trail.
file x 'a digest' | gzip >"$logs/111122223333/CloudTrail-Digest/us-east-1/x.json.gz"
file y 'a configuration' | gzip >"$logs/111122223333/Config/us-east-1/y.json.gz"
# What cannot be loaded: cut off within the text, and within the file after a whole line; no UTF-8; another document.
file m 'cut off in the middle of the text' | beginning 60 | gzip >"$trail/m.json.gz"
{ record n 'a line'; echo; record n2 'cut off in the middle of the file'; } | gzip -1 | beginning 120 >"$trail/n.json.gz"
file o $'not UTF-8 \xff' | gzip >"$trail/o.json.gz"
printf '{"Version": "2012-10-17", "Statement": []}' | gzip >"$trail/p.json.gz"

load() { # load STATUS [FOLDER]: its output is in $SAID, its messages in $SCRATCH/messages
    local status=0
    SAID=$(PGUSER=loader "$ROOT/scripts/load-s3.sh" "${2:-$logs}" cloudtrail 2>"$SCRATCH/messages") || status=$?
    [ "$status" = "$1" ] || fail "the exit status is $status: $SAID $(cat "$SCRATCH/messages")"
}
not_loaded() { sed -n 's/^not loaded: .*\/\(.*\)\.json.*/\1/p' "$SCRATCH/messages" | sort | tr '\n' ' '; }
events() { ask "SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM cloudtrail"; }

rule 'the files of all trails are loaded, and those that cannot be loaded are named'
load 1
same 'events' 'a b c d e1 e2 f' "$(events)"
same 'the summary' '6 files loaded, 0 loaded before, 4 failed: 10 records, 7 inserted, 0 duplicates, 3 skipped' "$SAID"
same 'failed files' 'm n o p ' "$(not_loaded)"
same 'a text with all kinds of characters' "NUL � and half �, \"quoted\", back\\slash, :body" \
    "$(ask "SELECT record #>> '{requestParameters,key}' FROM cloudtrail WHERE event_id = 'b'")"
holds 'a message has the name of its file' \
    grep -q "/f\.json\.gz: NOTICE:  skipped record without eventID: it has no readable eventTime" "$SCRATCH/messages"
holds 'the reason is given' grep -q "/m\.json\.gz: WARNING:  skipped document: it cannot be read as JSON" "$SCRATCH/messages"
holds 'the reason is given' grep -q "/n\.json\.gz: gzip: .*end of file" "$SCRATCH/messages"
holds 'the reason is given' grep -q "/o\.json\.gz: .*invalid multibyte character" "$SCRATCH/messages"

rule 'the next call loads only what is new or failed, however old its time is'
file g new | gzip >"$trail/g.json.gz"
touch -d 2020-01-01 "$trail/g.json.gz"
file m repaired | gzip >"$trail/m.json.gz"
load 1
same 'the summary' '2 files loaded, 6 loaded before, 3 failed: 3 records, 2 inserted, 0 duplicates, 1 skipped' "$SAID"
same 'failed files' 'n o p ' "$(not_loaded)"
rm "$trail"/[nop].json.gz
load 0
same 'nothing to do' '0 files loaded, 8 loaded before, 0 failed: 0 records, 0 inserted, 0 duplicates, 0 skipped' "$SAID"
same 'no messages' '' "$(cat "$SCRATCH/messages")"

rule 'a file that changed is loaded again'
file a2 'a good one that is longer' | gzip >"$trail/a.json.gz"
load 0
same 'the summary' '1 files loaded, 7 loaded before, 0 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"

rule 'each table has a list of its own: another database, and a table that was emptied, get all files'
"$(pg_bin createdb)" other
PGDATABASE=other ask "CREATE EXTENSION impossible_travel; SELECT travel.create_events_table('cloudtrail')" >/dev/null
SAID=$(PGDATABASE=other "$ROOT/scripts/load-s3.sh" "$logs" public.cloudtrail)
same 'the other database' '8 files loaded, 0 loaded before, 0 failed: 10 records, 9 inserted, 0 duplicates, 1 skipped' "$SAID"
ask 'TRUNCATE cloudtrail'
load 0
same 'the emptied table' '8 files loaded, 0 loaded before, 0 failed: 10 records, 9 inserted, 0 duplicates, 1 skipped' "$SAID"
ask "SELECT travel.create_events_table('parts', partitioned => true)" >/dev/null
parts() { SAID=$("$ROOT/scripts/load-s3.sh" "$organization" parts); }
parts
same 'a partitioned table' '1 files loaded, 0 loaded before, 0 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"
parts
same 'again' '0 files loaded, 1 loaded before, 0 failed: 0 records, 0 inserted, 0 duplicates, 0 skipped' "$SAID"
ask 'TRUNCATE parts'
parts
same 'emptied' '1 files loaded, 0 loaded before, 0 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"
rm "$organization"/.loaded-*
rm "$logs"/.loaded-*
load 0
same 'without the list' '8 files loaded, 0 loaded before, 0 failed: 10 records, 0 inserted, 9 duplicates, 1 skipped' "$SAID"

rule 'a folder within the tree, and one outside of any, is loaded; the list can be in another folder'
mkdir "$SCRATCH/lists" "$SCRATCH/plain"
load 0 "$organization"
same 'within' '1 files loaded, 0 loaded before, 0 failed: 1 records, 0 inserted, 1 duplicates, 0 skipped' "$SAID"
file z good >"$SCRATCH/plain/z.json"
SAID=$("$ROOT/scripts/load-s3.sh" -s "$SCRATCH/lists" "$SCRATCH/plain" cloudtrail --username=loader)
same 'outside' '1 files loaded, 0 loaded before, 0 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"
same 'the lists' '1 0' "$(find "$SCRATCH/lists" -type f | wc -l) $(find "$SCRATCH/plain" -name '.*' -type f | wc -l)"

rule 'a NUL character hides nothing that comes after it'
mkdir "$SCRATCH/nul"
{ record nul1 good; printf '\n\0\n'; record nul2 good; echo; } >"$SCRATCH/nul/lines.json"
{ file nul3 good; printf '\0'; } >"$SCRATCH/nul/end.json"
SAID=$("$ROOT/scripts/load-s3.sh" "$SCRATCH/nul" cloudtrail --username=loader 2>"$SCRATCH/messages")
same 'the summary' '2 files loaded, 0 loaded before, 0 failed: 5 records, 3 inserted, 0 duplicates, 2 skipped' "$SAID"
holds 'the reason is given' grep -q '/lines\.json: WARNING:  skipped document: it cannot be read as JSON' "$SCRATCH/messages"

rule 'a file whose content is too large for psql is named, and the rest is loaded'
mkdir "$SCRATCH/large"
head -c 300000000 /dev/zero | tr '\0' ' ' | gzip >"$SCRATCH/large/a.json.gz"
file large good >"$SCRATCH/large/b.json"
status=0
SAID=$("$ROOT/scripts/load-s3.sh" "$SCRATCH/large" cloudtrail --username=loader 2>"$SCRATCH/messages") || status=$?
same 'the status' 1 "$status"
same 'the summary' '1 files loaded, 0 loaded before, 1 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"
holds 'the reason is given' grep -q '/a\.json\.gz: its content is larger than' "$SCRATCH/messages"

rule 'a path with a line break is named, and leads to no other file'
mkdir -p "$SCRATCH/odd/a
1 1 $SCRATCH/elsewhere" "$SCRATCH/elsewhere"
file inside good >"$SCRATCH/odd/a
1 1 $SCRATCH/elsewhere/x.json"
file outside good >"$SCRATCH/elsewhere/x.json"
status=0
SAID=$("$ROOT/scripts/load-s3.sh" "$SCRATCH/odd" cloudtrail --username=loader 2>"$SCRATCH/messages") || status=$?
same 'the status' 1 "$status"
holds 'it is named' grep -q 'not loaded, because its path has a line break: .*/odd/a' "$SCRATCH/messages"
same 'events' 0 "$(ask "SELECT count(*) FROM cloudtrail WHERE event_id IN ('inside', 'outside')")"

rule 'options of psql and the environment do not change what is committed and found'
mkdir "$SCRATCH/options"
file options good >"$SCRATCH/options/x.json"
SAID=$(cd "$SCRATCH" && CDPATH=. "$ROOT/scripts/load-s3.sh" options cloudtrail --username=loader --set=AUTOCOMMIT=off)
same 'the summary' '1 files loaded, 0 loaded before, 0 failed: 1 records, 1 inserted, 0 duplicates, 0 skipped' "$SAID"
same 'it is committed' 1 "$(ask "SELECT count(*) FROM cloudtrail WHERE event_id = 'options'")"

rule 'it runs with the stat of BSD and macOS'
mkdir "$SCRATCH/bsd"
cat >"$SCRATCH/bsd/stat" <<'END'
#!/bin/sh
[ "$1 $2" = '-f %z %m %N' ] || { echo "stat: illegal option" >&2; exit 1; }
shift 2
exec /usr/bin/stat -c '%s %Y %n' "$@"
END
chmod +x "$SCRATCH/bsd/stat"
PATH="$SCRATCH/bsd:$PATH" load 0
same 'the same list' '0 files loaded, 8 loaded before, 0 failed: 0 records, 0 inserted, 0 duplicates, 0 skipped' "$SAID"

rule 'a wrong call, and a server that cannot be reached, end with the status 2'
for arguments in '' "$logs" "$SCRATCH/none cloudtrail" "$logs no_such_table" "$logs cloudtrail --dbname=no_such_database" \
    "-x $logs cloudtrail"; do
    status=0
    # shellcheck disable=SC2086
    "$ROOT/scripts/load-s3.sh" $arguments >"$SCRATCH/said" 2>&1 || status=$?
    same "the status of: $arguments" 2 "$status"
    holds 'a message' test -s "$SCRATCH/said"
done

rule 'the line of psql in docs/load.md loads the files into the inbox'
ask 'TRUNCATE cloudtrail'
line=$(grep -F '\copy cloudtrail_inbox FROM PROGRAM' "$ROOT/docs/load.md")
(cd "$SCRATCH/sync" && printf '%s\n' "$line" | PGUSER=loader run_psql --quiet) 2>"$SCRATCH/messages"
same 'events' 'a2 b e1 e2 f g m' "$(events)"

no_crash
