#!/usr/bin/env bash
# Loads the CloudTrail files of a folder into an events table, with psql and without rights on the server. Files that an
# earlier call loaded are skipped, so it can follow each `aws s3 sync`:
#
#   aws s3 sync s3://my-trail/AWSLogs AWSLogs && bash load-s3.sh AWSLogs cloudtrail
#
#   bash load-s3.sh [-s FOLDER_OF_THE_LIST] FOLDER TABLE [OPTION_OF_PSQL…]
#
# It loads the files *.json and *.json.gz in FOLDER and below it. In a tree AWSLogs, such as that of an organization, it
# loads only the files in folders named CloudTrail. It keeps a list of the loaded files for each table: a file .loaded-… in
# FOLDER, or in the folder that -s names. Without the list, it loads the files again, which adds no rows.
#
# TABLE is a name as in SQL. The connection is that of psql: PGHOST and so on, or the options after TABLE, such as
# --dbname=service=audit. The role needs INSERT on the table.
#
# The exit status is 0 if all files are loaded, and 1 if some failed. Those are named, and the next call tries them again.
# The exit status is 2 if nothing could be loaded, because the call is wrong or there is no connection, and 3 if psql ended
# early.
#
# It needs bash 3.2 or later, psql 13 or later, gzip, awk, and find and stat, those of GNU or those of BSD and macOS.
set -u
LC_ALL=C
PGCLIENTENCODING=UTF8
export LC_ALL PGCLIENTENCODING
# If it is set, cd prints a path.
unset CDPATH

fail() {
    printf 'load-s3.sh: %s\n' "$1" >&2
    exit "${2:-2}"
}
usage='usage: bash load-s3.sh [-s FOLDER_OF_THE_LIST] FOLDER TABLE [OPTION_OF_PSQL…]'

list_folder=
while getopts s: option; do
    case $option in
    s) list_folder=$OPTARG ;;
    *) fail "$usage" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || fail "$usage"
folder=$(cd -- "$1" && pwd -P) || fail "not a folder: $1"
table=$2
shift 2

work=$(mktemp -d "${TMPDIR:-/tmp}/load-s3.XXXXXX") || fail 'cannot create a temporary folder'
trap 'rm -rf "$work"' EXIT

run_psql() {
    psql --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --set=target="$table" "$@"
}
lines() { awk 'END { print NR }' "$1"; }

# The table is identified by the cluster, the database, its OID and its file (that of the DEFAULT partition, if it is
# partitioned). TRUNCATE creates a new file, so the table is loaded again after it.
query="SELECT concat_ws('-', s.system_identifier, d.oid, t.oid, pg_relation_filenode(coalesce(p.partdefid, t.oid)))
    FROM pg_control_system() AS s
    CROSS JOIN pg_database AS d
    CROSS JOIN (SELECT :'target'::regclass::oid AS oid) AS t
    LEFT JOIN pg_partitioned_table AS p ON p.partrelid = t.oid AND p.partdefid <> 0
    WHERE d.datname = current_database();"
identity=$(printf '%s\n' "$query" | run_psql --set=ON_ERROR_STOP=1 ${1+"$@"}) || exit 2
loaded="${list_folder:-$folder}/.loaded-$identity"
touch "$loaded" || fail "cannot write the list of loaded files: $loaded"

# One line a file: size, time and path. A path with a line break would be two.
line_break='
'
if stat -c %Y / >/dev/null 2>&1; then
    with_lines() { "$@" -exec stat -c '%s %Y %n' {} +; }
else
    with_lines() { "$@" -exec stat -f '%z %m %N' {} +; }
fi
of_trail() {
    find "$folder" -type f \( -name '*.json' -o -name '*.json.gz' \) \
        \( -path '*/CloudTrail/*' -o ! -path '*/AWSLogs/*' \) "$@"
}
with_lines of_trail ! -path "*$line_break*" >"$work/found" || fail "cannot read all of $folder"
of_trail -path "*$line_break*" -exec printf 'not loaded, because its path has a line break: %s\n' {} \; >"$work/odd"
sort "$work/found" >"$work/files"
sort "$loaded" | comm -12 - "$work/files" >"$work/known"
# In the order of their paths, which contain the time.
comm -13 "$work/known" "$work/files" | sort -t ' ' -k 3 >"$work/new"
count=$(lines "$work/new")

# The largest content of a file, in bytes. psql holds all of it in memory, and a small compressed file can have enormous
# content.
largest=268435456

# Prints the commands of psql for each file. They first write the path to the stream of messages. Then the shell that psql
# starts checks whether the whole file can be read, and reads it.
commands() {
    # The caller's options of psql may have changed this.
    printf '\\set AUTOCOMMIT on\n'
    awk -v quote="'" -v largest="$largest" '{
        sub(/^[0-9]+ [0-9]+ /, "")
        is_packed = /\.gz$/
        content = (is_packed ? "gzip -dc" : "cat") " <\"$LOADED_FILE\""
        gsub(/\\/, "\\\\&")
        gsub(quote, quote quote)
        print "\\set path " quote $0 quote
        print "\\warn @ :path"
        print "\\setenv LOADED_FILE :path"
        print "\\set is_whole `if ! " (is_packed ? "gzip -t" : "cat") " <\"$LOADED_FILE\" >/dev/null; then echo off;" \
            " elif [ $(( $(" content " | head -c " largest + 1 " | wc -c) )) -gt " largest " ];" \
            " then echo off; echo \"its content is larger than " largest " bytes\" >&2; else echo on; fi`"
        print "\\if :is_whole"
        # psql would end the text at a NUL character. Neither character is allowed in JSON.
        print "\\set body `" content " | tr \"\\000\" \"\\001\"`"
        print "SELECT " NR ", i.* FROM travel.ingest(:" quote "target" quote "::regclass, :" quote "body" quote ") AS i;"
        print "\\endif"
    }' "$work/new"
}

# Puts the path of the file before each message.
messages() {
    local line path='' number=0
    while IFS= read -r line; do
        case $line in
        '@ '*)
            path=${line#@ }
            number=$((number + 1))
            if [ $((number % 1000)) = 0 ]; then printf '%d of %d files\n' "$number" "$count"; fi
            ;;
        ?*) printf '%s: %s\n' "$path" "${line#psql:<stdin>:*: }" ;;
        esac
    done
}

# After an interrupt, the files that were loaded are still added to the list.
status=0
trap 'status=130' INT TERM
: >"$work/counts"
if [ "$count" -gt 0 ]; then
    { commands | run_psql ${1+"$@"} >"$work/counts"; } 2>&1 | messages >&2
    ended=${PIPESTATUS[0]}
    [ "$status" != 0 ] || status=$ended
fi

# A file is loaded if there are counts for it, unless everything in it was skipped.
awk -v good="$work/good" -v bad="$work/bad" '
    BEGIN { printf "" >good; printf "" >bad }
    FILENAME == ARGV[1] { is_good[$1] = $3 + $4 > 0 || $5 == 0; next }
    { print >(is_good[FNR] ? good : bad) }' "$work/counts" "$work/new"
failed=$(lines "$work/bad")
{ sort "$work/known" "$work/good" >"$work/loaded" && cp "$work/loaded" "$loaded"; } ||
    fail "cannot write the list of loaded files: $loaded" 3
awk -v files=$((count - failed)) -v failed="$failed" -v known="$(lines "$work/known")" '
    { records += $2; inserted += $3; duplicates += $4; skipped += $5 }
    END {
        printf "%d files loaded, %d loaded before, %d failed: ", files, known, failed
        printf "%d records, %d inserted, %d duplicates, %d skipped\n", records, inserted, duplicates, skipped
    }' "$work/counts"
[ "$status" = 0 ] || fail "psql ended with the status $status, and $failed files are not loaded" 3
cat "$work/odd" >&2
[ "$failed" != 0 ] || [ -s "$work/odd" ] || exit 0
sed 's/^[0-9]* [0-9]* /not loaded: /' "$work/bad" >&2
exit 1
