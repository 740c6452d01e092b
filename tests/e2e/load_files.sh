#!/usr/bin/env bash
# Files are loaded one by one, in the way of the demo: a bad file is skipped and named.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-files
ask 'CREATE EXTENSION impossible_travel' >/dev/null

folder="$SCRATCH/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/02"
mkdir -p "$folder"
record() { printf '{"eventID": "%s", "eventTime": "2026-03-02T09:00:00Z", "requestParameters": {"key": "%s"}}' "$1" "$2"; }
file() { printf '{"Records": [%s]}' "$(record "$1" "$2")"; }
file a good | gzip >"$folder/a.json.gz"
file b 'NUL \u0000 and half \ud83d' | gzip >"$folder/b.json.gz"
file c 'cut off in the middle of the text' | beginning 60 | gzip >"$folder/c.json.gz"
file d $'not UTF-8 \xff' | gzip >"$folder/d.json.gz"
# Stored without compression, so the part before the cut is readable.
file e 'cut off in the middle of the file' | gzip -1 | beginning 40 >"$folder/e.json.gz"
printf '{"Version": "2012-10-17", "Statement": []}' | gzip >"$folder/f.json.gz"
printf '' | gzip >"$folder/g.json.gz"
{ record h 'a line'; echo; record i 'a document'; echo; } | gzip >"$folder/it's a \"name\".json.gz"
file z good | gzip >"$folder/z.json.gz"

rule 'load_documents, which the demo uses, skips unreadable files and loads the rest'
ask "SELECT travel.create_events_table('demo')" >/dev/null
run_psql --quiet --command 'CREATE TABLE document (file text, body text)'
load_documents "$SCRATCH/AWSLogs" document 2>"$SCRATCH/complained"
holds 'the file that is not UTF-8 is named' grep -q '/d\.json\.gz cannot be read' "$SCRATCH/complained"
holds 'the truncated file is named' grep -q '/e\.json\.gz cannot be read' "$SCRATCH/complained"
ask "CREATE TABLE loaded AS SELECT file, i.* FROM document CROSS
    JOIN LATERAL travel.ingest('demo', body) AS i" >/dev/null 2>&1
same 'the rest is loaded' 'a b h i z' "$(ask "SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM demo")"
same 'the files that were refused' 'c f' "$(ask "SELECT string_agg(substring(file FROM '([a-z])\\.json'), ' '
    ORDER BY file) FROM loaded WHERE skipped > 0")"
no_crash
