#!/usr/bin/env bash
# travel.load_files loads a folder tree of the server. Bad files in it are named, and the rest loads. Files that were loaded
# before are not loaded again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-load-tree
ask 'CREATE EXTENSION impossible_travel' >/dev/null
ask "SELECT travel.create_events_table('cloudtrail')" >/dev/null

tree="$SERVER_DIR/files/tree"
day="$tree/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/us-east-1/2026/03/02"
# The server runs as another user, who owns everything that it is to read.
own() { if is_root; then chown -hR postgres "$SERVER_DIR/files"; fi; }
record() { printf '{"eventVersion": "1.11", "eventID": "%s", "eventTime": "2026-03-02T09:00:00Z", "eventName": "GetObject"}' "$1"; }
document() { # document ID…
    local id comma=
    printf '{"Records": ['
    for id; do printf '%s' "$comma"; record "$id"; comma=', '; done
    printf ']}'
}
# Prints the counts of a call; what it says is in $SCRATCH/said.
load() { # load PATH [TABLE]
    own
    run_psql --quiet --no-align --tuples-only --command "SET impossible_travel.max_decompressed_mb = '${LIMIT:-4GB}'" \
        --command "CALL travel.load_files('${2:-cloudtrail}', '$1')" 2>"$SCRATCH/said"
}
said() { grep -q -F "$1" "$SCRATCH/said" || fail "nothing was said of: $1
$(cat "$SCRATCH/said")"; }
said_nothing() { same 'what was said' '' "$(cat "$SCRATCH/said")"; }
events() { ask "SELECT string_agg(event_id, ' ' ORDER BY event_id COLLATE \"C\") FROM cloudtrail"; }

rule 'a tree of compressed and plain files loads: S3 files, NDJSON, whole documents, EventBridge, a link within the tree'
mkdir -p "$day" "$tree/other"
document a b | gzip >"$day/a.json.gz"
document c >"$day/c.json"
{ record d; echo; record e; echo; } | gzip >"$day/d.ndjson.gz"
{ document f; echo; document g h; } >"$day/f.jsonl"
printf '{"detail-type": "AWS API Call via CloudTrail", "detail": %s}' "$(record i)" >"$tree/other/I.JSON"
# A file can consist of several gzip members.
{ printf '[' | gzip; record j | gzip; printf ']' | gzip; } >"$tree/other/j.json.gz"
printf '{"digestStartTime": "2026-03-02T09:00:00Z", "logFiles": []}' | gzip >"$day/digest.json.gz"
document k >"$tree/other/data"
ln -s data "$tree/other/k.json"
same 'counts' '8|11|11|0|0|0' "$(load "$tree")"
same 'events' 'a b c d e f g h i j k' "$(events)"
said 'NOTICE:  1 file was left out because of its name'
same 'the list' '8|11|11|0' "$(ask 'SELECT count(*), sum(records), sum(inserted), count(error) FROM cloudtrail_files')"
same 'digests are those of md5sum' "$(md5sum <"$day/a.json.gz" | cut -d ' ' -f 1)|$(stat --format %s "$day/a.json.gz")|t" \
    "$(ask "SELECT digest, size, abs(extract(epoch FROM modified_at) - $(stat --format %Y "$day/a.json.gz")) < 1
        FROM cloudtrail_files WHERE path = '$day/a.json.gz'")"

rule 'a second call loads nothing; a new file, and one with other content, are loaded'
same 'second call' '0|0|0|0|0|0' "$(load "$tree")"
document l | gzip >"$day/l.json.gz"
document c m >"$day/c.json"
same 'what is new' '2|3|2|1|0|0' "$(load "$tree")"
same 'events' 'a b c d e f g h i j k l m' "$(events)"

rule 'a file that only has a new time is not loaded again'
touch --date 2026-03-03 "$day/a.json.gz"
same 'touched' '0|0|0|0|0|0' "$(load "$tree")"
same 'its new time is known' "$(ask "SELECT timestamptz '2026-03-03'")" \
    "$(ask "SELECT modified_at FROM cloudtrail_files WHERE path = '$day/a.json.gz'")"

rule 'one file can be loaded alone, by any name, and by another path to it'
same 'one file' '1|1|0|1|0|0' "$(load "$tree/other/data")"
same 'its list' 1 "$(ask "SELECT count(*) FROM cloudtrail_files WHERE path LIKE '%/data'")"
ln -s tree "$SERVER_DIR/files/link"
same 'a link to the tree is the tree' '0|0|0|0|0|0' "$(load "$SERVER_DIR/files/link/other/../")"

rule 'what is bad is named and counted, and the rest loads'
bad="$SERVER_DIR/files/bad"
mkdir -p "$bad/inner" "$SERVER_DIR/files/elsewhere"
document outside >"$SERVER_DIR/files/elsewhere/outside.json"
document n >"$bad/a.json"
document o | gzip >"$bad/z.json.gz"
document cut1 cut2 | gzip | beginning 60 >"$bad/cut.json.gz"
document cut3 | beginning 40 >"$bad/half.json"
document damaged | gzip | sed '$ s/.\{4\}$/....../' >"$bad/damaged.json.gz"
printf '{"Version": "2012-10-17", "Statement": []}' >"$bad/policy.json"
printf '' >"$bad/empty.json"
document $'\xff' >"$bad/latin.json"
printf 'no JSON\nat all\n' >"$bad/text.json"
ln -s ../elsewhere/outside.json "$bad/link.json"
ln -s ../elsewhere "$bad/folder"
ln -s /nowhere "$bad/nowhere.json"
mkfifo "$bad/pipe.json"
document unreadable >"$bad/unreadable.json"
chmod 000 "$bad/unreadable.json"
mkdir "$bad/closed"
chmod 000 "$bad/closed"
failed=13
if is_root; then
    mknod "$bad/zero.json" c 1 5
    failed=14
fi
# Two files expand to more than is allowed: many records, and nothing but blanks.
{ printf '['; head -c 20000000 /dev/zero | tr '\0' ' '; printf ']'; } | gzip >"$bad/blanks.json.gz"
{ printf '['; seq 60000 | sed "s/.*/$(record bomb),/"; record bomb; printf ']'; } | gzip >"$bad/bomb.json.gz"
failed=$((failed + 2))
own
same 'counts' "2|2|2|0|0|$failed" "$(LIMIT=4MB load "$bad")"
same 'events' 'a b c d e f g h i j k l m n o' "$(events)"
for file in cut.json.gz damaged.json.gz half.json policy.json empty.json latin.json text.json link.json folder nowhere.json \
    pipe.json unreadable.json closed blanks.json.gz bomb.json.gz; do
    said "WARNING:  could not load file \"$bad/$file\": "
    same "the list has $file" 1 "$(ask "SELECT count(error) FROM cloudtrail_files WHERE path = '$bad/$file'")"
done
! is_root || said "could not load file \"$bad/zero.json\": it is a device"
said "cut.json.gz\": it is cut off"
said "link.json\": it is a link that leads out of the folder"
said "folder\": it is a link that leads out of the folder"
said "nowhere.json\": it is a link that leads"
said "pipe.json\": it is a pipe"
said "unreadable.json\": Permission denied"
said "blanks.json.gz\": its content is larger than 4 MB"
said "bomb.json.gz\": its content is larger than 4 MB"
said "policy.json\": it is not a CloudTrail document but an object with the keys"
said "empty.json\": it is empty"

rule 'a file that failed is tried again, and its entry is replaced'
chmod 600 "$bad/unreadable.json"
chmod 700 "$bad/closed"
document cut1 cut2 | gzip >"$bad/cut.json.gz"
same 'counts' "4|60004|4|60000|0|$((failed - 5))" "$(load "$bad")"
same 'no error is left' 0 "$(ask "SELECT count(*) FROM cloudtrail_files WHERE error IS NOT NULL
    AND path IN ('$bad/cut.json.gz', '$bad/unreadable.json', '$bad/bomb.json.gz')")"
rm -rf "$bad"

rule 'in a file that loads, bad records and broken lines are skipped and named'
mkdir -p "$SERVER_DIR/files/odd"
{ record p; echo; echo '{"eventID": "cut'; record q; echo; echo '{"no": "record"}'; } >"$SERVER_DIR/files/odd/lines.json"
printf '{"Records": [%s, 7, {"eventID": "r", "eventTime": "yesterday"}, {"eventID": tru}, %s]}' "$(record s)" \
    "$(record $'\\u0000')" >"$SERVER_DIR/files/odd/list.json"
same 'counts' '2|9|4|0|5|0' "$(load "$SERVER_DIR/files/odd")"
said 'lines.json: skipped document: it cannot be read as JSON (a line break in a string at line 2)'
said 'lines.json: skipped document: it is not a CloudTrail document but an object with the keys no'
said 'list.json: skipped element 2: it is not a record but a number (7)'
said 'list.json: skipped record r: it has no readable eventTime'
said 'list.json: skipped element 4: it cannot be read as JSON'
said 'list.json: replaced 1 character with U+FFFD'

rule 'in the folder of an account, the folders of other services are left out'
# AWS Config has its files beside those of a trail of the account, but not of one of the organization.
for account in o-a1b2c3d4e5/111122223333 111122223333; do
    mkdir -p "$tree/AWSLogs/$account/Config/us-east-1"
    printf '{"fileVersion": "1.0", "configurationItems": []}' >"$tree/AWSLogs/$account/Config/us-east-1/c.json"
done
same 'counts' '0|0|0|0|0|0' "$(load "$tree")"
said 'NOTICE:  2 folders of other services were left out'

rule 'an emptied table loads everything again, and says so'
ask 'TRUNCATE cloudtrail'
same 'counts' '9|13|13|0|0|0' "$(load "$tree")"
said 'NOTICE:  public.cloudtrail is empty, so the list of its loaded files was emptied'
same 'again' '0|0|0|0|0|0' "$(load "$tree")"

rule 'the list follows a table that is renamed, and is dropped with it'
ask 'ALTER TABLE cloudtrail RENAME TO trail'
same 'renamed' '0|0|0|0|0|0' "$(load "$tree" trail)"
ask 'DROP TABLE trail'
same 'the list is gone' '' "$(ask "SELECT to_regclass('cloudtrail_files')")"

rule 'a dump keeps the list: the restored table does not load the files again'
ask "SELECT travel.create_events_table('cloudtrail')" >/dev/null
same 'before' '9|13|13|0|0|0' "$(load "$tree")"
"$(pg_bin createdb)" restored
"$(pg_bin pg_dump)" | PGDATABASE=restored run_psql --quiet --output /dev/null
PGDATABASE=restored
same 'after' '0|0|0|0|0|0' "$(load "$tree")"
PGDATABASE=postgres

rule 'the server has all rights of the caller and no more'
run_psql --quiet <<'SQL'
    CREATE ROLE loader LOGIN;
    CREATE ROLE reader LOGIN IN ROLE pg_read_server_files;
SQL
as() { run_psql --quiet --no-align --tuples-only --set VERBOSITY=verbose --command "SET ROLE $1" --command "$2" 2>&1 || true; }
said_by() { # said_by ROLE CODE TEXT
    local got
    got=$(as "$1" "CALL travel.load_files('cloudtrail', '$tree')")
    case $got in *"ERROR:  $2: $3"*) ;; *) fail "$1 got: $got" ;; esac
}
said_by loader 42501 'permission denied for procedure load_files'
said_by reader 42501 'permission denied for table cloudtrail_files'
ask 'GRANT SELECT, INSERT, UPDATE ON cloudtrail_files TO reader'
document t >"$day/t.json"
own
said_by reader 42501 'permission denied for table cloudtrail'
ask 'GRANT INSERT ON cloudtrail TO reader'
same 'INSERT is enough' '1|1|1|0|0|0' "$(as reader "CALL travel.load_files('cloudtrail', '$tree')" | tail -n 1)"

rule 'a path that cannot be used is an error'
refused 58P01 "CALL travel.load_files('cloudtrail', '/no/such/folder')"
refused 42602 "CALL travel.load_files('cloudtrail', 'tree')"
refused 42809 "CALL travel.load_files('cloudtrail', '/dev/null')"
refused 22004 "CALL travel.load_files('cloudtrail', NULL)"
refused 22004 "CALL travel.load_files(NULL, '/tmp')"
refused 42703 "CALL travel.load_files('pg_class', '$tree')"
no_crash
