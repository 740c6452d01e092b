#!/usr/bin/env bash
# Fills the disk that holds the tables and the temporary files during loads, scans, queries, a refresh, triage, entries
# of analysts, an import of networks and the moving of rows into partitions. Each of these ends with an error. Nothing
# is lost or half done, and everything continues when there is enough room again. The test needs root to mount a small
# file system. The test geoip_disk_full does the same with the copies of GeoIP files.
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
    [ "$free" -le "$1" ] || as_server dd if=/dev/zero of="$disk/filler" bs=64k iflag=count_bytes \
        count="$(((free - $1) * 1024))" 2>/dev/null || true
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
# The result of the query $invariant, if there is one. Statements that fail must not change it.
invariant=
invariant_now() { [ -z "$invariant" ] || PGOPTIONS='-c work_mem=64MB' ask "$invariant"; }
# starved WHAT SQL [KILOBYTES…]: runs the statement with more and more room until it succeeds, at first with KILOBYTES.
# Until then, each error and each warning must be 53100 (disk full). They are in $REFUSED. Fails if the statement
# succeeds at once.
starved() {
    local kilobytes others refusals=0 before first=("${@:3}")
    [ $# -gt 2 ] || first=(0 100)
    REFUSED=
    before=$(invariant_now)
    for kilobytes in "${first[@]}" 900 2700 8000 24000; do
        room "$kilobytes"
        SAID=$(PGOPTIONS="-c client_min_messages=warning ${OPTIONS:-}" ask_all "$2")
        others=$(grep -E '^(ERROR|WARNING|FATAL|PANIC):' <<<"$SAID" |
            grep -v -E '53100|No space left on device' || true)
        same "$1 with $kilobytes kB: other errors" '' "$others"
        if grep -q -E '^(ERROR|WARNING):' <<<"$SAID"; then
            intact "$1 with $kilobytes kB"
            same "$1 with $kilobytes kB: what it must not change" "$before" "$(invariant_now)"
        fi
        grep -q -E '^(ERROR|WARNING):' <<<"$SAID" || { note "$1: $refusals times without room, enough with $kilobytes kB"; break; }
        refusals=$((refusals + 1))
        REFUSED+=$SAID$'\n'
    done
    rm -f "$disk/filler"
    ! grep -q -E '^(ERROR|WARNING):' <<<"$SAID" || fail "$1 fails even with $kilobytes kB: $SAID"
    holds "the disk was full during $1" [ "$refusals" -ge 1 ]
}

# refused_tables: prints the tables that had no room in $REFUSED, or whose indexes or TOAST tables had none.
refused_tables() {
    local files
    files=$(grep -o -E 'pg_tblspc/[0-9]+/PG[^/]*/[0-9]+/[0-9]+' <<<"$REFUSED" | sed 's|.*/||' | sort -u |
        tr '\n' ,) || true
    ask "SELECT DISTINCT coalesce(t.oid, i.indrelid, c.oid)::regclass FROM pg_class AS c
        LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
        LEFT JOIN pg_class AS t ON t.reltoastrelid IN (c.oid, i.indrelid)
        WHERE pg_relation_filenode(c.oid) = ANY ('{${files%,}}')"
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
# With enough memory, the scan writes no temporary files, so the disk is full when it writes to its tables.
new_rule page_by_page 'learning_period' "'1 day'"
in_memory='-c work_mem=64MB -c impossible_travel.scan_batch=200'
mapfile -t pages < <(seq 0 8 160)
OPTIONS=$in_memory starved 'a scan, page by page' "CALL travel.scan('page_by_page')" "${pages[@]}"
tables=$(refused_tables)
starved 'a first scan' "CALL travel.scan('starved')"
same 'no error is left' '' "$(error_of starved)"
starved 'travel.rescan' "CALL travel.rescan('starved', '-infinity')"
ask "INSERT INTO cloudtrail (event_id, event_time, source_ip, access_key_id, actor)
    SELECT 'late ' || n, '2026-03-01Z'::timestamptz + n * interval '61 minutes', '203.0.113.1', 'AKIA' || n % 50, 'late' FROM generate_series(1, 60) AS n"
unlisted=2060
OPTIONS=$in_memory starved 'a scan of late events, page by page' "CALL travel.scan('page_by_page')" "${pages[@]}"
tables=$(sort -u <<<"$tables
$(refused_tables)")
note "scans had no room for $(xargs <<<"$tables")"
for table in travel_internal.{scans,entity_checkpoints,alert_legs} travel.{verdicts,alerts}; do
    holds "a scan had no room for $table" grep -q -x "$table" <<<"$tables"
done
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
OPTIONS='-c temp_tablespaces=small' starved 'travel.coverage' "SELECT count(*) FROM travel.coverage('minted')"
holds "a temporary file had no room: $REFUSED" grep -q 'pgsql_tmp/.*No space left on device' <<<"$REFUSED"
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
invariant=$months
starved 'make_partitions' "CALL travel.make_partitions('monthly', '2026-01-01Z')"
same 'the rows of the partitioned table' "$wanted" "$(invariant_now)"
invariant=
same 'rows in the DEFAULT partition' 0 "$(ask "$in_default")"
note "$(ask "SELECT count(*) FROM pg_inherits WHERE inhparent = 'monthly'::regclass") partitions"

rule 'the results are those of one scan with enough room'
new_rule roomy 'learning_period' "'1 day'"
ask "CALL travel.scan('roomy')"
ask "CALL travel.rescan('starved', '-infinity')"
ask "CALL travel.rescan('page_by_page', '-infinity')"
same_ends 'one scan of everything' roomy starved
same_ends 'one scan of everything, page by page' roomy page_by_page

rule 'an entry, a silenced alert and an import of networks are made as a whole or not at all'
ask "CREATE ROLE analyst; SELECT travel.grant_to('analyst', 'triage')" >/dev/null
invariant='SELECT count(*) FROM travel.known_places'
starved 'entries of an analyst' "SET ROLE analyst;
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, city, note)
    SELECT 'access_key', 'person ' || n, 'FR', 'Paris', repeat('a note ', 40) FROM generate_series(1, 1000) AS n"
same 'locations that were entered' 1000 "$(ask "SELECT count(*) FROM travel.known_places WHERE created_by = 'analyst'")"
invariant='SELECT count(*) FROM travel.suppressions'
starved 'travel.silence' "SET ROLE analyst; SELECT count(*)
    FROM (SELECT min(id) AS id FROM travel.alerts GROUP BY entity) AS a,
        travel.silence(a.id, '30 days', repeat('a reason ', 100))"
holds 'suppressions' [ "$(invariant_now)" -ge 50 ]
run_psql --quiet --output /dev/null <<'SQL'
    CREATE FUNCTION aws_document(networks int) RETURNS jsonb LANGUAGE sql AS $$
        SELECT jsonb_build_object('prefixes', jsonb_agg(jsonb_build_object('region', 'eu-west-1',
                'ip_prefix', format('10.%s.%s.0/24', n / 250, n % 250))),
            'ipv6_prefixes', '[{"region": "eu-west-1", "ipv6_prefix": "2001:db8::/36"}]'::jsonb)
        FROM generate_series(1, networks) AS n
    $$;
    SELECT travel.import_aws_ranges(aws_document(2));
SQL
invariant='SELECT count(*) FROM travel.networks'
same 'networks of the first import' 3 "$(invariant_now)"
starved 'travel.import_aws_ranges' 'SELECT travel.import_aws_ranges(aws_document(4000))'
same 'networks' 4001 "$(invariant_now)"
invariant=
starved 'archiving' "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other'"
starved 'prune' "SELECT travel.prune('1 day')"
same 'alerts and verdicts that are left' '0|0' "$(ask "SELECT (SELECT count(*) FROM travel.alerts), (SELECT count(*) FROM travel.verdicts)")"
no_crash
