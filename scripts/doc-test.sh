#!/usr/bin/env bash
# Runs every fenced sql block of README.md and docs/*.md, in order, and compares its output with the fenced text block
# that directly follows it, if there is one. A block without a text block must not raise an error.
#
#   scripts/doc-test.sh [--update] [FILE…]      --update writes the present outputs into the files
#
# Each file has a database of its own, made by tests/docs/setup.sql. A file with the line
# <!-- doc-test: empty database --> has an empty one. Times are UTC. /srv/cloudtrail stands for a folder of the server with
# the sample's CloudTrail files.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

update=no
if [ "${1:-}" = --update ]; then
    update=yes
    shift
fi
files=("$@")
if [ $# = 0 ]; then
    for file in README.md docs/*.md; do
        if [ -f "$file" ] && grep -q '^```sql' "$file"; then files+=("$file"); fi
    done
fi
if [ ${#files[@]} = 0 ]; then
    note 'No file has an SQL block'
    exit 0
fi

scratch=$(mktemp -d)
finish() { server_drop; rm -rf "$scratch"; }
trap finish EXIT

make_sample
server_start docs "impossible_travel.geoip_path = '$SERVERS/docs/files/geoip'"
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
trail=$(server_copy cloudtrail "$WORK/sample/cloudtrail"/*)
"$(pg_bin createdb)" doc_sample
PGDATABASE=doc_sample run_psql --quiet --command 'CREATE TABLE document (file text, body text)'
PGDATABASE=doc_sample load_documents "$WORK/sample/cloudtrail" document
PGDATABASE=doc_sample run_psql --quiet --output /dev/null --file tests/docs/setup.sql

# Splits a file into $2/N.sql, $2/N.expected (where a text block follows) and $2/N.line, its line in the file.
split_blocks() {
    awk -v into="$2" '
        function close_block() { state = ""; if (out != "") close(out) }
        state != "" && /^```./ { printf "line %d: the fence before this one is not closed\n", NR > "/dev/stderr"; exit 1 }
        state == "sql" {
            if ($0 ~ /^```/) { close_block(); after = 1; next }
            print > out; next
        }
        state == "text" {
            if ($0 ~ /^```/) { close_block(); next }
            print > out; next
        }
        state == "other" { if ($0 ~ /^```/) state = ""; next }
        /^```sql *$/ {
            n++; state = "sql"; after = 0
            out = sprintf("%s/%03d.line", into, n); print NR > out; close(out)
            out = sprintf("%s/%03d.sql", into, n); printf "" > out; next
        }
        /^```(text|output) *$/ {
            if (after) { state = "text"; out = sprintf("%s/%03d.expected", into, n); printf "" > out }
            else state = "other"
            after = 0; next
        }
        /^```sql/ { printf "line %d: a fence is ```sql and nothing more\n", NR > "/dev/stderr"; exit 1 }
        /^```/ { state = "other"; after = 0; next }
        /[^ \t]/ { after = 0 }
    ' "$1"
}

# If a block sleeps after pg_reload_conf(), the session waits until it has read the configuration again, however long that
# takes. A session reads it before a statement, so the block gets many short statements that do nothing after that.
with_reloads() {
    awk '
        /pg_reload_conf/ { print "SELECT pg_conf_load_time() AS doc_test_loaded \\gset"; reloads = 1 }
        { print }
        reloads && /^SELECT pg_sleep/ {
            reloads = 0
            print "\\o /dev/null"
            print "SELECT format($$SELECT pg_sleep(0.1) WHERE pg_conf_load_time() = %L$$, :\047doc_test_loaded\047) FROM generate_series(1, 1800) \\gexec"
            print "\\o"
        }
    '
}

# Writes the outputs into the text blocks.
write_outputs() {
    awk -v from="$2" '
        state == "sql" { print; if ($0 ~ /^```/) { state = ""; after = 1 } next }
        state == "text" { if ($0 ~ /^```/) { state = ""; print } next }
        state == "other" { print; if ($0 ~ /^```/) state = ""; next }
        /^```sql *$/ { n++; state = "sql"; after = 0; print; next }
        /^```(text|output) *$/ {
            print
            if (after) {
                state = "text"; name = sprintf("%s/%03d.output", from, n)
                while ((getline line < name) > 0) print line
                close(name)
            } else state = "other"
            after = 0; next
        }
        /^```/ { state = "other"; after = 0; print; next }
        { if ($0 ~ /[^ \t]/) after = 0; print }
    ' "$1"
}

# Removes blanks at the ends of lines, and empty lines at the end.
tidy() { sed -e 's/[[:blank:]]*$//' | awk '{ lines[NR] = $0 } /./ { last = NR } END { for (i = 1; i <= last; i++) print lines[i] }'; }

failed=0
checked=0
for file in "${files[@]}"; do
    blocks="$scratch/$(printf '%s' "$file" | tr '/' '_')"
    mkdir "$blocks"
    split_blocks "$file" "$blocks" || die "$file"
    database="doc_$(basename "$file" .md | tr -c 'A-Za-z0-9\n' '_')"
    template=doc_sample
    if grep -qF '<!-- doc-test: empty database -->' "$file"; then template=template0; fi
    "$(pg_bin createdb)" --template "$template" "$database"

    # One session runs the whole file. It reads standard input, so messages name no file and no line.
    for sql in "$blocks"/*.sql; do
        name=${sql%.sql}
        printf '\\echo @@@ %s\n' "$name"
        sed "s#/srv/cloudtrail#$trail#g" "$sql" | with_reloads
        # An unfinished statement must not swallow the next block.
        printf '\n\\if false\n\\endif\n\\r\n'
    done >"$blocks/session"
    PGDATABASE=$database PGTZ=UTC "$(pg_bin psql)" --no-psqlrc --quiet --pset pager=off --set ON_ERROR_STOP=0 \
        <"$blocks/session" >"$blocks/all" 2>&1 || true
    awk '/^@@@ / { if (out != "") close(out); out = $2 ".raw"; printf "" > out; next } out != "" { print > out }' "$blocks/all"

    for sql in "$blocks"/*.sql; do
        name=${sql%.sql}
        where="$file:$(cat "$name.line")"
        checked=$((checked + 1))
        if [ ! -f "$name.raw" ]; then
            complain "$where: the block did not run"
            failed=$((failed + 1))
            continue
        fi
        sed "s#$trail#/srv/cloudtrail#g" "$name.raw" | tidy >"$name.output"
        if ! sed -e 's/--.*$//' "$sql" | tr -d '[:space:]' | grep -qE '(;|\\[a-z]+[^;]*)$'; then
            complain "$where: the block ends inside a statement"
            failed=$((failed + 1))
        elif [ -f "$name.expected" ]; then
            if [ "$update" = no ] && ! tidy <"$name.expected" | diff -u --label "$where, written" --label 'psql says' - "$name.output"; then
                failed=$((failed + 1))
            fi
        elif grep -qE '^(psql:.*)?(ERROR|FATAL|PANIC):|^(invalid command|server closed)' "$name.output"; then
            complain "$where: the block raises an error that no text block expects"
            cat "$name.output" >&2
            failed=$((failed + 1))
        fi
    done
    if [ "$update" = yes ]; then
        write_outputs "$file" "$blocks" >"$scratch/new"
        cmp -s "$scratch/new" "$file" || { cat "$scratch/new" >"$file"; note "updated $file"; }
    fi
done
note "$checked blocks of ${#files[@]} files, $failed failed"
[ "$failed" = 0 ]
