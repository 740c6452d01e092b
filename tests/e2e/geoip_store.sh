#!/usr/bin/env bash
# The folder in which the server keeps copies of GeoIP files is emptied by a restart, removed or damaged under a running
# server, or not writable.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

two_databases "$WORK/sample/geoip/Sample-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
chmod 0755 "$SCRATCH"
start e2e-store "impossible_travel.geoip_path = '$SERVERS/e2e-store/files/geoip'" \
    'parallel_setup_cost = 0' 'parallel_tuple_cost = 0' 'min_parallel_table_scan_size = 0'
file="$SERVER_DIR/files/geoip/City.mmdb"
mkdir "$SERVER_DIR/files/geoip"
replace_by_rename "$SCRATCH/a" "$file"
folder="$SERVER_DIR/data/base/pgsql_tmp/pgsql_tmp_impossible_travel"
ask 'CREATE EXTENSION impossible_travel'
city="SELECT (travel.locate('192.0.2.1')).city"
same 'at first' London "$(ask "$city")"
ask "CREATE TABLE visit AS SELECT inet '192.0.2.1' AS ip, repeat('x', 200) AS filler
    FROM generate_series(1, 20000); ANALYZE visit"
everywhere="SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit) AS s"

rule 'only the server can read the copies, and nobody can write them'
same 'the folder' 700 "$(as_server stat -c %a "$folder")"
same 'a copy' 400 "$(as_server sh -c "stat -c %a '$folder'/*.mmdb")"

rule 'open and new sessions survive the loss of the folder or of parts of it'
PGAPPNAME=open session_open
here=London
survives() { # survives WHAT COMMAND
    session "$city"
    same "$1: before, in an open session" "$here " "$ANSWER"
    as_server sh -c "cd '$folder' && $2"
    session "$city"
    same "$1: in an open session" "$here " "$ANSWER"
    same "$1: in a new session" "$here" "$(ask_all "$city")"
    sleep 1 # Then it looks again.
    session "$city"
    same "$1: in an open session, after the next look" "$here " "$ANSWER"
    same "$1: geoip_databases()" 'in_use|' "$(ask 'SELECT status, detail FROM travel.geoip_databases()')"
    # Then it goes on as before and picks up another file.
    if [ $here = London ]; then here=Lisbon new="$SCRATCH/b"; else here=London new="$SCRATCH/a"; fi
    replace_by_rename "$new" "$file"
    waits_until "$city" $here
}
survives 'the whole of pgsql_tmp is removed' "rm -rf ../../pgsql_tmp"
survives 'the copies are removed' 'rm -f *.mmdb'
survives 'the manifests are removed' 'rm -f *.json'
survives 'a manifest is garbage' 'for f in *.json; do echo garbage > $f; done'
survives 'a manifest is empty' 'for f in *.json; do : > $f; done'
survives 'a copy is another (by rename)' 'for f in *.mmdb; do echo garbage > x; mv -f x $f; done'
survives 'the lock is removed' 'rm -f lock'
survives 'a dead writer left an unfinished copy' 'echo half > temporary-1; echo half > temporary-99999999'
same 'files of a dead writer are removed' 0 "$(as_server find "$folder" -name 'temporary-*' | wc -l)"
same 'there is no warning' '' "$(grep WARNING "$SERVER_DIR/log" || true)"

rule 'if the folder is not writable, there is a warning, queries work, and no statement mixes two sets'
as_server chmod 500 "$folder"
replace_by_rename "$SCRATCH/b" "$file"
# Each of these statements looks at the files.
session "$city"
sleep 1.1
session "$city"
sleep 1.1
session "$city"
warned=$(log_lines "\\[$(ask "SELECT pid FROM pg_stat_activity
    WHERE application_name = 'open'" 2>/dev/null)\\] WARNING")
holds "an open session warns once or twice, not at every look: $warned times" between 0 2 "$warned"
for _ in 1 2 3; do
    session "$everywhere"
    case ${ANSWER##*. } in 'London ' | 'Lisbon ' | *') London ' | *') Lisbon ') ;; *) fail "one statement in an open session says: $ANSWER" ;; esac
    case $(ask "$everywhere" 2>/dev/null) in London | Lisbon) ;; *) fail 'a new session mixes two cities' ;; esac
    sleep 0.5
done
holds 'there is a warning' [ "$(log_lines 'WARNING.*Permission denied')" -ge 1 ]
as_server chmod 700 "$folder"
waits_until "$city" Lisbon
replace_by_rename "$SCRATCH/a" "$file"
waits_until "$city" London
same 'as before' 'in_use|' "$(ask 'SELECT status, detail FROM travel.geoip_databases()')"

rule 'if a file is in the place of the folder, there is a warning, and queries work'
as_server sh -c "rm -rf '$folder' && : >'$folder'"
waits_until "$city" London
session "$city"
case $ANSWER in *'London '*) ;; *) fail "an open session says $ANSWER" ;; esac
as_server rm "$folder"
waits_until "$city" London

rule 'a restart empties the folder, and copies that were only there are gone'
sleep 1.1
: >"$file"
sleep 1.2
waits_until 'SELECT status FROM travel.geoip_databases()' refused
same 'the last good copy is used' London "$(ask "$city")"
session_close
server_stop
server_resume e2e-store
holds 'PostgreSQL emptied it' as_server test ! -e "$folder"
refused 55000 "$city"
case $SAID in *'WARNING'*'is refused: the file is empty'*'It is not used.'*) ;; *) fail "the warning was wanted, got: $SAID" ;; esac
refused 55000 "$city"
same 'refused' 'refused|the file is empty' "$(ask 'SELECT status, detail FROM travel.geoip_databases()')"
replace_by_rename "$SCRATCH/a" "$file"
waits_until "$city" London

rule 'base backups do not contain the copies'
backup="$SERVER_DIR/backup"
as_server "$(pg_bin pg_basebackup)" --host "$PGHOST" --port "$PGPORT" --username "$PGUSER" --pgdata "$backup" --wal-method none --checkpoint fast \
    --no-sync 2>/dev/null
same 'in the backup' 0 "$(as_server find "$backup/base" -name '*.mmdb' | wc -l)"

rule 'after the crash of a backend PostgreSQL restarts and empties the folder, and queries work'
no_crash
PGAPPNAME=open session_open
session "$city"
kill -9 "$(ask "SELECT pid FROM pg_stat_activity WHERE application_name = 'open'")"
session_close
# A session that connects before PostgreSQL notices the crash would find the old folder.
anew() { [ "$(log_lines 'all server processes terminated; reinitializing')" = 1 ]; }
eventually 'PostgreSQL starts anew' anew
waits_until "$city" London
same 'copies after a crash' 1 "$(as_server find "$folder" -name '*.mmdb' | wc -l)"
