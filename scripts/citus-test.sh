#!/usr/bin/env bash
# Tests a cluster of Citus, a coordinator and two workers, against a plain table, and the statements of docs/scale.md about
# Citus: make test-citus. It needs a server with Citus, which PG_CONFIG names, and is not part of make test.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/../tests/e2e/scan_lib.sh"

[ -f "$("$PG_CONFIG" --sharedir)/extension/citus.control" ] || skip "Citus is not installed for $PG_CONFIG"
"$ROOT/scripts/install.sh" --if-changed
make_sample

node() {
    scan_server "$1" "shared_preload_libraries = 'citus'" 'max_prepared_transactions = 100' "$2"
    ask 'CREATE EXTENSION citus' >/dev/null
    printf '%s' "$PGHOST" >"$SCRATCH/$1"
}
# The workers have other time zones than the coordinator.
node citus-1 "timezone = 'America/New_York'"
node citus-2 "timezone = 'Asia/Tokyo'"
node citus-coordinator "timezone = 'UTC'"
run_psql --quiet --output /dev/null <<SQL
    SELECT citus_set_coordinator_host('$PGHOST', $PGPORT);
    SELECT citus_add_node('$(cat "$SCRATCH/citus-1")', $PGPORT), citus_add_node('$(cat "$SCRATCH/citus-2")', $PGPORT);
    CREATE EXTENSION impossible_travel;
    SET client_min_messages = error;
    SELECT travel.create_events_table('public.plain');
    SELECT travel.create_events_table('public.events', distributed_by => 'access_key_id');
    SELECT create_distributed_table('events', 'access_key_id', shard_count => 8);
    CREATE TABLE document (file text, body text);
SQL
load_documents "$WORK/sample/cloudtrail" document

# page HEADING: prints the statements of docs/scale.md below a heading.
page() {
    awk -v heading="$1" '/^#/ { below = $0 == heading } /^ *```$/ { block = 0 } block { print }
        below && /^ *```text$/ { block = 1 }' "$ROOT/docs/scale.md"
}

rule 'ingest stores events without a key, and counts new events and duplicates as it does for a plain table'
counts() { ask "SELECT sum(records), sum(inserted), sum(duplicates), sum(skipped) FROM document, travel.ingest('$1', body)"; }
for time in first second; do same "the counts, the $time time" "$(counts plain)" "$(counts events)"; done
same 'events without a key' "$(ask 'SELECT count(*) FROM plain WHERE access_key_id IS NULL')" \
    "$(ask "SELECT count(*) FROM events WHERE access_key_id = ''")"
rows=$(ask 'SELECT count(*) FROM events')
ask "INSERT INTO events_inbox SELECT body FROM document; ANALYZE" >/dev/null 2>&1
same 'an inbox adds no duplicates' "$rows" "$(ask 'SELECT count(*) FROM events')"

rule 'a table is partitioned by month on all nodes, and rows of the DEFAULT partition move into new partitions'
run_psql --quiet --output /dev/null <<'SQL'
    SET client_min_messages = error;
    SELECT travel.create_events_table('public.monthly', partitioned => true, distributed_by => 'access_key_id');
    SELECT create_distributed_table('monthly', 'access_key_id', shard_count => 4);
    INSERT INTO monthly SELECT * FROM events;
SQL
same 'all rows are in the DEFAULT partition' "$rows" "$(ask 'SELECT count(*) FROM monthly_default')"
same 'the rows that moved' "$rows" "$(ask "CALL travel.make_partitions('monthly', now())" 2>"$SCRATCH/said" | cut -d '|' -f 2)"
same 'what make_partitions says' '' "$(cat "$SCRATCH/said")"
same 'bytes of the moved rows that are left on the coordinator' 0 "$(ask "SELECT sum(pg_relation_size(inhrelid))
    FROM pg_inherits WHERE inhparent = 'monthly'::regclass")"
same 'the rows of the DEFAULT partition and of all' "0|$rows" \
    "$(ask 'SELECT count(*) FROM monthly_default; SELECT count(*) FROM monthly' | paste -s -d '|')"
same 'the counts' "$(counts plain | cut -d '|' -f 1)|0" "$(counts monthly | cut -d '|' -f 1,2)"

rule 'detect finds the same and counts the same, by the distribution column and by others'
for call in "'T'" "'T', entity => 'account_id, session_name'" "'T', entity => 'access_key_id, account_id'" \
    "'T', since => '2026-03-05', condition => 'event_name <> ''x'''" "'T', all_legs => true"; do
    for table in plain events; do
        ask "SELECT md5(string_agg(to_jsonb(d)::text, ' ' ORDER BY leg_id)), count(*)
            FROM travel.detect(${call/T/$table}) AS d" >"$SCRATCH/found-$table" 2>"$SCRATCH/said-$table"
        PGOPTIONS='-c impossible_travel.coverage_notice=on' ask "SELECT FROM travel.detect(${call/T/$table}) LIMIT 0" \
            2>&1 | grep NOTICE >"$SCRATCH/notice-$table" || true
    done
    same "detect($call)" "$(cat "$SCRATCH/found-plain")" "$(cat "$SCRATCH/found-events")"
    same "the notice of detect($call)" "$(cat "$SCRATCH/notice-plain")" "$(cat "$SCRATCH/notice-events")"
    holds "detect($call) finds something" grep -q -v '|0$' "$SCRATCH/found-events"
done

rule 'the aggregates and the window function find the same'
where="access_key_id <> '' AND invoked_by IS NULL AND outcome IS DISTINCT FROM 'failed_auth'"
for query in "SELECT access_key_id, travel.impossible_legs(event_time, source_ip, event_id) FROM T WHERE $where GROUP BY 1" \
    "SELECT session_name, travel.impossible_legs(event_time, source_ip, event_id) FROM T WHERE $where GROUP BY 1" \
    "SELECT session_name, travel.impossible_legs(travel.journey(event_time, source_ip)) FROM T WHERE $where GROUP BY 1" \
    "SELECT access_key_id, travel.leg(event_time, source_ip) OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip)
        FROM T WHERE $where"; do
    # The coordinator writes the values as text, in its own time zone.
    of() { ask "${query/FROM T/FROM $1}" | LC_ALL=C sort | sha256sum; }
    same "$query" "$(of plain)" "$(of events)"
done

rule 'the transaction ids of a distributed table are refused as the arrival column'
ask "SET client_min_messages = error; SELECT travel.create_events_table('public.with_xid');
    ALTER TABLE with_xid DROP CONSTRAINT with_xid_pkey; SELECT create_distributed_table('with_xid', 'access_key_id');
    INSERT INTO travel.rules (name, source) VALUES ('with xid', 'public.with_xid')" >/dev/null
exact_cursor_refused 'with xid' 'on several nodes'
ask "DELETE FROM travel.rules"

rule 'a rule raises the same alerts, and its condition means the same on a node with another time zone'
condition="extract(hour FROM event_time) >= 9"
for table in plain events; do
    ask "INSERT INTO travel.rules (name, source, arrival_column, baseline, condition)
        VALUES ('$table', 'public.$table', 'ingested_at', false, '$condition')"
done
alerts() {
    ask "CALL travel.scan()" 2>/dev/null
    same "errors of $1" '' "$(error_of "$1")"
    ask "SELECT count(*), md5(string_agg(leg_id, ' ' ORDER BY leg_id)) FROM travel.verdicts WHERE rule = '$1'"
}
same 'the verdicts' "$(alerts plain)" "$(alerts events)"
holds 'there are some' test "$(ask "SELECT count(*) > 5 FROM travel.verdicts WHERE rule = 'events'")" = t
late="INSERT INTO T (event_id, event_time, event_name, source_ip, access_key_id)
    VALUES ('late', '2026-03-04 09:30Z', 'GetObject', '203.0.113.1', 'AKIAALICE0001EXAMPLE')"
ask "${late/INTO T/INTO plain}; ${late/INTO T/INTO events}"
same 'the verdicts after a late event' "$(alerts plain)" "$(alerts events)"

rule 'a scan lets the nodes look up the events around a late one by their indexes'
another=${late/\'late\'/\'later\'}
another=${another/09:30Z/09:31Z}
ask "${another/INTO T/INTO events}; ${another/INTO T/INTO plain}"
ask "CALL travel.scan('plain')"
PGOPTIONS='-c citus.log_remote_commands=on' ask "CALL travel.scan('events')" 2>"$SCRATCH/sent"
holds 'the nodes get the settings' grep -q "issuing SET LOCAL enable_seqscan = 'off'" "$SCRATCH/sent"
holds 'and then the previous settings again' grep -q "issuing SET LOCAL enable_seqscan = 'on'" "$SCRATCH/sent"

rule 'functions that answer questions about an alert return the same as on a plain table'
for call in 'travel.explain_alert(ID)' 'travel.alert_events(ID)' 'travel.activity_after(ID)' 'travel.containment(ID)' \
    "travel.explain('RULE', 'AKIAALICE0001EXAMPLE')" "travel.backtest('RULE')"; do
    for table in plain events; do
        id=$(ask "SELECT min(id) FROM travel.alerts WHERE rule = '$table' AND entity = 'AKIAALICE0001EXAMPLE'")
        of=${call/ID/$id}
        # The number of the alert and the name of the rule differ, so they are left out.
        ask "SELECT regexp_replace(to_jsonb(a)::text, '(alert |\"(alert_)?id\": )\d+|\"rule\": \"\w+\"', '', 'g')
            FROM ${of/RULE/$table} AS a" 2>/dev/null | LC_ALL=C sort >"$SCRATCH/answer-$table"
    done
    holds "$call has an answer" test -s "$SCRATCH/answer-events"
    same "$call" "$(cat "$SCRATCH/answer-plain")" "$(cat "$SCRATCH/answer-events")"
done

rule 'node_state tells the nodes apart by their time zones and networks, and the documented statement copies networks'
states="SELECT count(DISTINCT result::jsonb - 'time_zone'), count(DISTINCT result)
    FROM run_command_on_all_nodes('SELECT travel.node_state()') WHERE success"
same 'states' '1|3' "$(ask "$states")"
ask "INSERT INTO travel.networks (network, name, note) VALUES ('198.51.100.0/24', 'O''Neil \$do\$ VPN', 'x')"
same 'states after a new network' '2|3' "$(ask "$states")"
copy=$(page '### Keep the nodes alike')
same 'the copies' 't|INSERT 0 1 t|INSERT 0 1' "$(ask "SELECT success, result FROM ($(sed 's/;$//' <<<"$copy")) AS c" | paste -s -d ' ')"
same 'states after the copy' '1|3' "$(ask "$states")"

same 'the statement that compares the nodes returns a row for each state' 3 "$(page '### Compare the nodes' | run_psql -At | wc -l)"

rule 'the other statements of docs/scale.md about Citus run, and find the same legs'
{
    echo 'SET client_min_messages = error; SET citus.shard_count = 4;'
    page '### Distribute the events'
    echo 'INSERT INTO cloudtrail SELECT * FROM events;'
    page '### Scan'
    page '### Journeys on a cluster'
    page '### Journeys on a cluster' | sed '/^CREATE TABLE/d; /^SELECT create_distributed_table/d'
    page '## Compressed tables'
} | run_psql --quiet --output /dev/null
same 'errors of the rule' '' "$(error_of access_key)"
holds 'it raises alerts' test "$(ask "SELECT count(*) > 3 FROM travel.alerts WHERE rule = 'access_key'")" = t
same 'the legs of the journeys per day' \
    "$(ask "SELECT access_key_id, travel.impossible_legs(event_time, source_ip) FROM plain
        WHERE access_key_id <> '' AND outcome IS DISTINCT FROM 'failed_auth'
            AND (invoked_by IS NULL OR invoked_by = 'signin.amazonaws.com') GROUP BY 1 ORDER BY 1" | sha256sum)" \
    "$(ask "SELECT access_key_id, travel.impossible_legs(travel.rollup(journey)) FROM key_days GROUP BY 1 ORDER BY 1" | sha256sum)"
same 'what detect finds in the columnar table' \
    "$(ask "SELECT md5(string_agg(to_jsonb(d)::text, ' ' ORDER BY leg_id)) FROM travel.detect('plain') AS d")" \
    "$(ask "SELECT md5(string_agg(to_jsonb(d)::text, ' ' ORDER BY leg_id)) FROM travel.detect('archive') AS d")"

rule 'networks in a reference table are an error on each node'
ask "SET client_min_messages = error; SET citus.enable_unsafe_triggers = on; SELECT create_reference_table('travel.networks')" >/dev/null
refused 0A000 "SELECT travel.locate('192.0.2.1')"
refused 0A000 'SELECT access_key_id, travel.impossible_legs(event_time, source_ip) FROM events GROUP BY 1'
no_crash
