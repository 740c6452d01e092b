#!/usr/bin/env bash
# The cost of loading files: `make bench-load`, which is also a part of `make bench`. It is not part of the tests. Loads the
# same CloudTrail files in three ways, in turn, and prints the medians of the rounds and their ratios:
#
#   - zcat | jq | COPY into a table with one jsonb column and no index, as people do without the extension
#   - travel.load_files into a table of travel.create_events_table
#   - COPY of the finished rows from a file of the server into another such table
#
# Then it prints the memory that travel.load_files took, and the time of a second call over many files that are loaded.
#
#   MB (200: the size of the compressed files), ROUNDS (3), FILES (10000: the files of the second call)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
MB=${MB:-200} ROUNDS=${ROUNDS:-3} FILES=${FILES:-10000}
# The accounts of the 20,000 keys, and the records of one file. S3 delivers a file for each account and region, so a file
# has about ten records for each of its keys.
ACCOUNTS=100 RECORDS=2000
# About how many records are 1 MB of compressed files.
RECORDS_IN_MB=10800

command -v jq >/dev/null || die 'jq is missing: run apt-get install jq'
prepare
trap server_drop EXIT
# As on a server that has run for a while, WAL is written to files that exist, which each checkpoint makes reusable.
server_start bench-load 'shared_buffers = 1GB' 'min_wal_size = 16GB' 'max_wal_size = 16GB' 'checkpoint_timeout = 1h' 'fsync = off' \
    'autovacuum = off'
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
folder="$SERVER_DIR/files/AWSLogs"

ask() { run_psql --quiet --no-align --tuples-only --command "$1"; }
seconds() { # seconds COMMAND…: runs it after a checkpoint and prints how long it took
    local began
    run_psql --quiet --command CHECKPOINT
    began=$(date +%s.%N)
    "$@" >/dev/null
    awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f\n", b - a }'
}
median() { sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

heading "Data: $MB MB of .json.gz files of $ACCOUNTS accounts, with $RECORDS records each"
"$sample" bench-files "$SERVER_DIR/files" --events "$((MB * RECORDS_IN_MB))" --accounts "$ACCOUNTS" --records "$RECORDS"
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
note "$(find "$folder" -name '*.json.gz' | wc -l) files, $(du -sm "$folder" | cut -f 1) MB"

# In this form of CSV no character of JSON has a special meaning.
by_jq() {
    run_psql --quiet --command 'DROP TABLE IF EXISTS raw' --command 'CREATE TABLE raw (record jsonb)'
    find "$folder" -name '*.json.gz' -print0 | sort -z | xargs -0 zcat | jq -c '.Records[]' |
        run_psql --quiet --command "COPY raw FROM STDIN WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
}
new_table() { # new_table NAME
    run_psql --quiet --output /dev/null --command "SET client_min_messages = warning" --command "DROP TABLE IF EXISTS $1" --command "SELECT travel.create_events_table('$1')"
}
by_load_files() { run_psql --quiet --output /dev/null --command "SET client_min_messages = warning" --command "CALL travel.load_files('loaded', '$SERVER_DIR/files/AWSLogs')"; }
by_copy() { run_psql --quiet --command "COPY copied FROM '$SERVER_DIR/files/rows'"; }

heading "Three ways to load them, $ROUNDS rounds after one that is not counted"
# In a new server, shared buffers, WAL files and the cache of the operating system take memory for the first time.
new_table loaded
by_load_files
run_psql --quiet --command "COPY loaded TO '$SERVER_DIR/files/rows'"
: >"$WORK/bench-load-jq"; : >"$WORK/bench-load-files"; : >"$WORK/bench-load-copy"
for ((round = 1; round <= ROUNDS; round++)); do
    seconds by_jq >>"$WORK/bench-load-jq"
    new_table loaded
    seconds by_load_files >>"$WORK/bench-load-files"
    new_table copied
    seconds by_copy >>"$WORK/bench-load-copy"
    [ "$(ask 'SELECT count(*) FROM loaded')" = "$(ask 'SELECT count(*) FROM raw')" ] || die 'the ways loaded different numbers of records'
done
records=$(ask 'SELECT count(*) FROM loaded')
jq=$(median <"$WORK/bench-load-jq") files=$(median <"$WORK/bench-load-files") copy=$(median <"$WORK/bench-load-copy")
report() { # report WHAT SECONDS
    awk -v what="$1" -v s="$2" -v n="$records" 'BEGIN { printf "   %-34s %8.1f s  %6.1f us a record\n", what, s, s * 1e6 / n }'
}
report 'zcat | jq | COPY into bare jsonb' "$jq"
report 'travel.load_files' "$files"
report 'COPY of the finished rows' "$copy"
note "travel.load_files is $(ratio "$jq" "$files") times as fast as zcat | jq | COPY, and takes $(ratio "$files" "$copy") times as long as COPY."

heading 'Memory of travel.load_files'
new_table loaded
peak_memory 'SET client_min_messages = warning' "CALL travel.load_files('loaded', '$SERVER_DIR/files/AWSLogs')"
note "$PEAK_MB MB of private memory at the peak, $BEFORE_MB MB before"

heading "A second call over $FILES files"
rm -rf "$folder" "$SERVER_DIR/files/rows"
folder="$folder/111122223333/CloudTrail/us-east-1/2026/03/02"
mkdir -p "$folder"
for ((file = 0; file < FILES; file++)); do
    printf '{"Records":[{"eventID":"%s","eventTime":"2026-03-02T00:00:00Z"}]}' "$file" >"$folder/$file.json"
done
if is_root; then chown -R postgres "$SERVER_DIR/files"; fi
new_table loaded
note "first call: $(seconds by_load_files) s"
note "second call: $(seconds by_load_files) s"
