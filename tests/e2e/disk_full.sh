#!/usr/bin/env bash
# Fills the disk that holds the tables and the temporary files during loads, scans, queries, a refresh, triage and the
# moving of rows into partitions. Each of these ends with an error. Nothing is lost or half done, and everything continues
# when there is enough room again. The test needs root to mount a small file system. The test geoip_disk_full does the same
# with the copies of GeoIP files.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

is_root || skip 'only root can mount a small file system'

scan_server e2e-tables-disk-full 'autovacuum = off' 'work_mem = 64kB' 'jit = off' 'impossible_travel.scan_batch = 1000'
disk="$SERVER_DIR/small"
as_server mkdir "$disk"
mount -t tmpfs -o "size=64m,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$disk" 2>/dev/null ||
    skip 'no file system can be mounted here'
MOUNTED+=("$disk")
ask "CREATE TABLESPACE small LOCATION '$disk'"
ask 'CREATE DATABASE audit TABLESPACE small'
export PGDATABASE=audit
scan_database
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
events() { # events FIRST LAST: prints the CloudTrail records of these events
    seq "$1" "$2" | awk 'BEGIN { printf "{\"Records\":[" }
        { printf "%s{\"eventID\":\"%06d\",\"eventTime\":%d,\"eventName\":\"GetObject\",\"eventSource\":\"s3.amazonaws.com\",\"sourceIPAddress\":\"%s\",\"userIdentity\":{\"type\":\"IAMUser\",\"accountId\":\"111122223333\",\"accessKeyId\":\"AKIA%d\",\"userName\":\"person %d\"}}",
            (NR > 1 ? "," : ""), $1, 1772323200 + $1 * 60, ($1 % 7 == 0 ? "203.0.113.1" : "192.0.2.1"), $1 % 50, $1 % 50 }
        END { printf "]}" }'
}
for ((n = 0; n < 10; n++)); do events "$((n * 400))" "$((n * 400 + 399))" >"$folder/$n.json"; done
if is_root; then chown -R postgres "$folder"; fi
run_psql --quiet --output /dev/null <<SQL
    CREATE TABLE document AS SELECT \$d\$$(events 4000 4999)\$d\$::jsonb AS body;
    CREATE TABLE another_document AS SELECT \$d\$$(events 5000 5999)\$d\$::text AS body;
    -- The table has no index, so the processes of travel.detect share one pass over it, and exchange temporary files.
    CREATE TABLE minted AS
        SELECT 'key ' || n / 10 AS access_key_id, '2026-03-01Z'::timestamptz + n * interval '1 minute' AS event_time,
            CASE WHEN n % 50 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END AS source_ip, n::text AS event_id
        FROM generate_series(1, 30000) AS n;
    ANALYZE minted;
    CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('cloudtrail');
SQL
new_rule starved 'learning_period' "'1 day'"

# room KILOBYTES: fills the disk until only this much room is left.
room() {
    local free
    rm -f "$disk/filler"
    free=$(df --output=avail --block-size=1k "$disk" | tail -n 1)
    # The server may write a little data meanwhile, so dd may fail.
    [ "$free" -le "$1" ] || as_server dd if=/dev/zero of="$disk/filler" bs=1k count="$((free - $1))" 2>/dev/null || true
}
# intact WHAT: checks that nothing is half done. Each loaded event belongs to a listed file or is one of $unlisted other
# events. Each raised verdict has its alert. No temporary file is left.
unlisted=0
intact() {
    same "$1: temporary files" '' "$(as_server find "$disk" -path '*/pgsql_tmp/*' -type f)"
    [ -n "$(ask "SELECT to_regclass('cloudtrail_files')")" ] || return 0
    same "$1: events beside those of listed files; raised verdicts without an alert" "$unlisted|0" \
        "$(PGOPTIONS='-c work_mem=64MB' ask "SELECT (SELECT count(*) FROM cloudtrail) - (SELECT coalesce(sum(inserted), 0) FROM cloudtrail_files),
            (SELECT count(*) FROM travel.verdicts AS v LEFT JOIN travel.alerts AS a ON a.id = v.alert_id WHERE v.raised AND a.id IS NULL)")"
}
# starved WHAT SQL: runs the statement with more and more room until it succeeds. Until then, each error and each
# warning must be 53100 (disk full). They are in $REFUSED. Fails if the statement succeeds at once.
starved() {
    local kilobytes others refusals=0
    REFUSED=
    for kilobytes in 0 100 900 2700 8000 24000; do
        room "$kilobytes"
        SAID=$(PGOPTIONS="-c client_min_messages=warning ${OPTIONS:-}" ask_all "$2")
        others=$(grep -E '^(ERROR|WARNING|FATAL|PANIC):' <<<"$SAID" |
            grep -v -E '53100|No space left on device' || true)
        same "$1 with $kilobytes kB: other errors" '' "$others"
        if grep -q -E '^(ERROR|WARNING):' <<<"$SAID"; then
            intact "$1 with $kilobytes kB"
            [ "$1" != make_partitions ] || partitions "$1 with $kilobytes kB"
        fi
        grep -q -E '^(ERROR|WARNING):' <<<"$SAID" || { note "$1: $refusals times without room, enough with $kilobytes kB"; break; }
        refusals=$((refusals + 1))
        REFUSED+=$SAID
    done
    rm -f "$disk/filler"
    ! grep -q -E '^(ERROR|WARNING):' <<<"$SAID" || fail "$1 fails even with $kilobytes kB: $SAID"
    holds "the disk was full during $1" [ "$refusals" -ge 1 ]
}

rule 'every statement that writes ends with 53100 on a full disk, and succeeds when there is enough room'
starved 'load_files' "CALL travel.load_files('cloudtrail', '$folder')"
same 'events that were loaded' '4000|4000' "$(ask 'SELECT count(*), count(DISTINCT event_id) FROM cloudtrail')"
same 'files that were loaded' '10|4000' "$(ask 'SELECT count(*), sum(inserted) FROM cloudtrail_files WHERE error IS NULL')"
starved 'ingest' "SELECT travel.ingest('cloudtrail', body) FROM document"
same 'events that were ingested' '5000|5000' "$(ask 'SELECT count(*), count(DISTINCT event_id) FROM cloudtrail')"
unlisted=1000
starved 'an insert into an inbox' 'INSERT INTO cloudtrail_inbox SELECT body FROM another_document'
same 'events that were inserted' '6000|6000' "$(ask 'SELECT count(*), count(DISTINCT event_id) FROM cloudtrail')"
unlisted=2000
starved 'a first scan' "CALL travel.scan('starved')"
same 'no error is left' '' "$(error_of starved)"
starved 'travel.rescan' "CALL travel.rescan('starved', '-infinity')"
ask "INSERT INTO cloudtrail (event_id, event_time, source_ip, access_key_id, actor)
    SELECT 'late ' || n, '2026-03-01Z'::timestamptz + n * interval '61 minutes', '203.0.113.1', 'AKIA' || n % 50, 'late' FROM generate_series(1, 60) AS n"
unlisted=2060
starved 'a scan of late events' "CALL travel.scan('starved')"
starved 'a refresh' 'REFRESH MATERIALIZED VIEW found'
same 'legs' 0 "$(ask "SELECT count(*) FROM (SELECT leg_id FROM found) AS f FULL JOIN (SELECT leg_id FROM travel.detect('cloudtrail')) AS d USING (leg_id)
    WHERE f.leg_id IS NULL OR d.leg_id IS NULL")"
starved 'triage' "INSERT INTO travel.alert_comments (alert_id, comment) SELECT a.id, repeat(md5(n::text), 40)
    FROM generate_series(1, 200) AS n, (SELECT min(id) AS id FROM travel.alerts) AS a"
# travel.create_rule also evaluates the newest rows. If that fails, it warns and still creates the rule.
starved 'a new rule' "DELETE FROM travel.rules WHERE name = 'access_key'; SELECT travel.create_rule('access_key', 'cloudtrail')"

rule 'so does every query that writes temporary files, and none is left'
OPTIONS='-c temp_tablespaces=small' starved 'a query that sorts on disk' "SELECT count(*) FROM travel.detect('cloudtrail', all_legs => true)"
wanted=$(ask "SELECT count(*) FROM travel.detect('minted')")
OPTIONS='-c temp_tablespaces=small -c parallel_setup_cost=0 -c parallel_tuple_cost=0 -c min_parallel_table_scan_size=0 -c max_parallel_workers_per_gather=2'
plan=$(PGOPTIONS="$OPTIONS -c client_min_messages=debug1" ask_all "SELECT count(*) FROM travel.detect('minted')")
holds "the processes share a pass: $plan" grep -q 'travel.detect divides the events into ' <<<"$plan"
starved 'a query whose processes share a pass' "SELECT count(*) FROM travel.detect('minted')"
same 'the findings' "$wanted" "$SAID"
holds "a file of the shared pass had no room: $REFUSED" grep -q '\.fileset/.*No space left on device' <<<"$REFUSED"
OPTIONS=

rule 'travel.make_partitions leaves each row in one partition, and continues'
ask "SELECT travel.create_events_table('public.monthly', partitioned => true)" >/dev/null
ask "INSERT INTO monthly (event_id, event_time, source_ip, record) SELECT event_id, '2026-01-01Z'::timestamptz + row_number() OVER () * interval '25 minutes',
    source_ip, record FROM cloudtrail"
months="SELECT count(*), count(DISTINCT event_id), sum(hashtext(event_id || event_time)) FROM monthly"
wanted=$(PGOPTIONS='-c work_mem=64MB' ask "$months")
in_default="SELECT count(*) FROM monthly WHERE tableoid = 'monthly_default'::regclass"
holds 'all rows are in the DEFAULT partition' between 6000 6100 "$(ask "$in_default")"
partitions() { same "$1: the rows of the partitioned table" "$wanted" "$(PGOPTIONS='-c work_mem=64MB' ask "$months")"; }
starved 'make_partitions' "CALL travel.make_partitions('monthly', '2026-01-01Z')"
partitions 'afterwards'
same 'rows in the DEFAULT partition' 0 "$(ask "$in_default")"
note "$(ask "SELECT count(*) FROM pg_inherits WHERE inhparent = 'monthly'::regclass") partitions"

rule 'the results are those of one scan with enough room'
new_rule roomy 'learning_period' "'1 day'"
ask "CALL travel.scan('roomy')"
ask "CALL travel.rescan('starved', '-infinity')"
same_ends 'one scan of everything' roomy starved
starved 'archiving' "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other'"
starved 'prune' "SELECT travel.prune('1 day')"
same 'alerts and verdicts that are left' '0|0' "$(ask "SELECT (SELECT count(*) FROM travel.alerts), (SELECT count(*) FROM travel.verdicts)")"
no_crash
