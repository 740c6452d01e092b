#!/usr/bin/env bash
# What docs/scale.md says about read replicas, on a streaming standby: functions that only read return the same as on the
# primary server, those that write fail, named networks are replicated, and GeoIP files are not. The test
# standby_promoted promotes one.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

primary=e2e-replica-primary
scan_server $primary 'wal_level = replica' 'max_wal_senders = 4' 'max_standby_streaming_delay = -1' 'autovacuum = off'
scan_database
trail=$(server_copy cloudtrail "$WORK/sample/cloudtrail"/*)
run_psql --quiet --output /dev/null <<SQL
    SET client_min_messages = warning;
    CALL travel.load_files('cloudtrail', '$trail');
    SELECT travel.create_rule('access_key', 'cloudtrail'), travel.create_rule('iam_user', 'cloudtrail');
    CALL travel.scan();
    INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('JP', 'an office there');
    INSERT INTO travel.alert_comments (alert_id, comment) SELECT min(id), 'seen' FROM travel.alerts;
    CREATE TABLE records AS SELECT record FROM cloudtrail WHERE record IS NOT NULL;
    CREATE TABLE key_days AS SELECT access_key_id, event_time::date AS day, travel.journey(event_time, source_ip) AS journey
    FROM cloudtrail WHERE access_key_id IS NOT NULL GROUP BY 1, 2;
    SELECT travel.create_events_table('monthly', partitioned => true);
    CREATE TABLE without_inbox (LIKE cloudtrail INCLUDING ALL);
    -- Without an index, the processes of travel.detect share one pass over the first table. The second one is read in
    -- ranges of its index.
    CREATE TABLE minted AS
        SELECT 'key ' || n / 10 AS access_key_id, '2026-03-01Z'::timestamptz + n * interval '1 minute' AS event_time,
            CASE WHEN n % 7 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END AS source_ip, n::text AS event_id
        FROM generate_series(1, 30000) AS n;
    CREATE TABLE indexed AS TABLE minted;
    CREATE INDEX ON indexed (access_key_id, event_time, source_ip);
    VACUUM ANALYZE;
SQL
alert=$(ask 'SELECT min(id) FROM travel.alerts')
entity=$(ask "SELECT entity FROM travel.alerts WHERE id = $alert")
holds 'there are alerts' [ -n "$alert" ]
on_primary() { PGHOST="$SERVERS/$primary/socket" "$@"; }
standby_of $primary e2e-replica-standby

rule 'a standby needs its own GeoIP files, and travel.node_state shows whether they are those of the primary server'
detect="SELECT count(*) FROM travel.detect('cloudtrail')"
refused 55000 "$detect"
case $SAID in *'no GeoIP database found'*) ;; *) fail "another error: $SAID" ;; esac
holds 'the states differ' [ "$(ask 'SELECT travel.node_state()')" != "$(on_primary ask 'SELECT travel.node_state()')" ]
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
waits_until 'SELECT travel.node_state()' "$(on_primary ask 'SELECT travel.node_state()')"
same 'findings' "$(on_primary ask "$detect")" "$(ask "$detect")"

rule 'named networks are replicated, also to sessions of the standby that have located the address before'
session_open
session "SELECT city FROM travel.locate('192.0.2.1')"
same 'before' 'London ' "$ANSWER"
on_primary ask "INSERT INTO travel.networks (network, name, city, country, country_code, latitude, longitude)
    VALUES ('192.0.2.1/32', 'the office', 'Leeds', 'United Kingdom', 'GB', 53.8, -1.55)"
replayed $primary
session "SELECT city FROM travel.locate('192.0.2.1')"
same 'afterwards' 'Leeds ' "$ANSWER"
session_close
same 'the states' "$(on_primary ask 'SELECT travel.node_state()')" "$(ask 'SELECT travel.node_state()')"

rule 'the standby shows what a scan of the primary server finds'
legs="SELECT count(*) FROM travel.verdicts WHERE entity = 'scanned later'"
on_primary ask "SELECT journey('scanned later', '2026-03-20Z')" >/dev/null
on_primary ask 'CALL travel.scan()'
replayed $primary
holds 'there is a verdict' [ "$(on_primary ask "$legs")" -gt 0 ]
same 'verdicts' "$(on_primary ask "$legs")" "$(ask "$legs")"

rule 'functions that only read return the same on the standby as on the primary server'
parallel='SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;'
queries=(
    "SELECT * FROM travel.detect('cloudtrail')"
    "SELECT * FROM travel.detect('cloudtrail', 'account_id, session_name', since => '2026-03-04Z', all_legs => true)"
    "SELECT * FROM travel.detect('records')"
    "SELECT * FROM travel.detect('minted')"
    "SELECT * FROM travel.detect('indexed')"
    "SELECT travel.detect_sql('indexed')"
    "SELECT * FROM travel.coverage('cloudtrail')"
    "SELECT * FROM travel.coverage('indexed')"
    "SELECT travel.columns_for('records')"
    "SELECT access_key_id, travel.impossible_legs(event_time, source_ip) FROM cloudtrail GROUP BY 1"
    "SELECT access_key_id, travel.journey(event_time, source_ip, event_id)::text FROM cloudtrail GROUP BY 1"
    "SELECT travel.leg(event_time, source_ip) OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) FROM cloudtrail"
    "SELECT access_key_id, travel.impossible_legs(j), travel.event_count(j), travel.first_time(j), travel.last_time(j),
        (SELECT count(*) FROM travel.legs(j))
     FROM (SELECT access_key_id, travel.rollup(journey) AS j FROM key_days GROUP BY 1) AS m"
    "SELECT * FROM travel.explain('access_key', '$entity')"
    "SELECT * FROM travel.explain_alert($alert)"
    "SELECT * FROM travel.backtest('access_key')"
    "SELECT * FROM travel.suggest('iam_user')"
    "SELECT travel.check_rule('access_key')"
    "SELECT * FROM travel.alert_events($alert)"
    "SELECT * FROM travel.activity_after($alert)"
    "SELECT travel.containment($alert)"
    "SELECT travel.report($alert)"
    "SELECT travel.alert_geojson($alert)"
    "SELECT regexp_replace(travel.map_html(), '\"generated_at\": \"[^\"]*\"', '')"
    "SELECT database_type, built_at, provides, status FROM travel.geoip_databases()"
    "SELECT travel.node_state()"
    "SELECT source_ip, travel.locate(source_ip), travel.is_located(source_ip) FROM cloudtrail GROUP BY 1"
    "SELECT travel.parse(record), travel.try_parse(record) FROM records"
    "SELECT travel.outcome(error_code, event_name, event_source, response => NULL::jsonb), travel.actor(identity_type, arn, session_name),
        travel.principal(arn), travel.session_name(identity_type, user_name, NULL, arn), travel.source_kind(source_text),
        travel.source_ip(source_text), travel.event_time(event_time::text) FROM cloudtrail"
    "SELECT count(*) FROM (SELECT jsonb_build_object('Records', jsonb_agg(record)) AS body FROM records) AS d, travel.records(body)"
    "SELECT travel.try_jsonb('{\"a\": 1}'), travel.struct_text('{type=IAMUser}'), travel.try_number('1.5'), travel.great_circle(51.5, -0.1, 35.7, 139.7),
        travel.distance_km(51.5, -0.1, 35.7, 139.7), travel.velocity_kmh(9559, '10 minutes')"
)
mapfile -t relations < <(ask "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'travel'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1")
for relation in "${relations[@]}"; do
    # These two ages grow with the time.
    [ "$relation" != travel.status ] || relation="(SELECT to_jsonb(s) - '{geoip_age_days,lag_seconds}'::text[] FROM travel.status AS s) AS s"
    queries+=("SELECT * FROM $relation")
done
# answer QUERY: prints the rows of a query, its notices and errors. Rows are sorted as text.
answer() { ask_all "$parallel SELECT r::text FROM ($1) AS r ORDER BY r::text COLLATE \"C\""; }
for query in "${queries[@]}"; do
    wanted=$(on_primary answer "$query")
    got=$(answer "$query")
    case $got in *ERROR:*) fail "$query
$got" ;; esac
    holds "there is an answer: $query" [ -n "$got" ]
    [ "$wanted" = "$got" ] || fail "$query
$(diff <(tr , '\n' <<<"$wanted") <(tr , '\n' <<<"$got") | cut -c 1-300 | head -n 20)"
done
note "${#queries[@]} queries"
said=$(ask_all "$parallel SET client_min_messages = debug1; SELECT count(*) FROM travel.detect('minted')")
case $said in *'travel.detect divides the events into '*) ;; *) fail "the processes share no pass on the standby: $said" ;; esac
# The rules have a problem, because the GeoIP files of the sample are old.
unhealthy='SELECT travel.assert_healthy()'
refused 55000 "$unhealthy"
same 'the problems of the rules' "$(on_primary ask_all "$unhealthy")" "$SAID"

rule 'statements that write fail on the standby'
document="'{\"Records\": [{\"eventID\": \"1\", \"eventTime\": \"2026-03-02T09:00:00Z\"}]}'"
ranges='{"prefixes": [{"ip_prefix": "192.0.2.0/25", "region": "eu-west-2"}],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/36", "region": "ap-northeast-1"}]}'
writing=(
    "25006 CALL travel.scan()"
    "25006 CALL travel.scan('access_key')"
    "25006 CALL travel.rescan('access_key', '-infinity')"
    "25006 SELECT travel.create_rule('root', 'cloudtrail')"
    "25006 SELECT travel.confirm_source('access_key')"
    "25006 SELECT travel.create_events_table('another')"
    "25006 SELECT travel.create_inbox('without_inbox')"
    "25006 SELECT travel.adopt('records')"
    "25006 SELECT travel.ingest('cloudtrail', $document::jsonb)"
    "25006 SELECT travel.ingest('cloudtrail', $document::text)"
    "25006 INSERT INTO cloudtrail_inbox VALUES ($document)"
    "25006 CALL travel.load_files('cloudtrail', '$SERVER_DIR/files/cloudtrail')"
    "25006 CALL travel.make_partitions('monthly', '2028-01-01Z')"
    "25006 SELECT travel.import_aws_ranges('$ranges')"
    "25006 SELECT travel.accept_geoip()"
    "25006 SELECT travel.prune('1 day')"
    "25006 SELECT travel.archive($alert, 'expected')"
    "25006 SELECT travel.silence($alert, '1 day', 'a test')"
    "25006 SELECT travel.grant_to('pg_monitor', 'read')"
    "25006 UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected'"
    "25006 INSERT INTO travel.alert_comments (alert_id, comment) VALUES ($alert, 'seen')"
    "25006 INSERT INTO travel.networks (network, name) VALUES ('192.0.2.9/32', 'a network')"
    "25006 DELETE FROM travel.rules"
)
cp -a "$SERVERS/$primary/files/cloudtrail" "$SERVER_DIR/files/"
for statement in "${writing[@]}"; do
    refused "${statement%% *}" "${statement#* }"
done

rule 'the two lists above have every function that users call'
# The trigger function travel.inbox is called by the INSERT into cloudtrail_inbox.
named=$(printf '%s\n' "${queries[@]}" "${writing[@]}" "$unhealthy" 'travel.inbox(' | grep -o -E 'travel\.\w+\(' | tr -d '(' | LC_ALL=C sort -u)
same 'functions that are in neither list' '' "$(LC_ALL=C comm -23 <(ask "SELECT DISTINCT 'travel.' || proname FROM pg_proc
    WHERE pronamespace = 'travel'::regnamespace ORDER BY 1" | LC_ALL=C sort) <(printf '%s\n' "$named"))"
no_crash
