#!/usr/bin/env bash
# How long an analyst waits for an answer about one alert or one key: `make bench-explain`. It is not part of the tests.
# Over a table of many events, prints the medians and the slowest of several calls of travel.explain, travel.explain_alert,
# travel.alert_events, travel.activity_after, travel.containment and travel.report, and how many index entries of the table
# each reads.
#
#   EVENTS (10000000), KEYS (20000), ALERTS (50), USERS (all: the users that the rule evaluates)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-10000000} KEYS=${KEYS:-20000} ALERTS=${ALERTS:-50} USERS=${USERS:-$KEYS}

scripts/install.sh --if-changed
make_sample
trap server_drop EXIT
server_start bench-explain 'shared_buffers = 1GB' 'max_wal_size = 4GB' 'fsync = off' 'autovacuum = off' 'wal_level = minimal' \
    'max_wal_senders = 0' "impossible_travel.geoip_path = '$SERVERS/bench-explain/files/geoip'"
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'

heading "Data: $EVENTS events of $KEYS keys in 100 days, of which the rule evaluates $USERS users"
run_psql --quiet --output /dev/null --set table=events --set events="$EVENTS" --set keys="$KEYS" --file bench/scan_events.sql
run_psql --quiet --set users="$USERS" <<'SQL'
SET client_min_messages = warning;
UPDATE travel.rules SET condition = 'substr(user_name, 2)::int < ' || :users;
CALL travel.scan('events');
VACUUM ANALYZE;
SQL

heading "Answers about $ALERTS alerts and their keys"
run_psql --quiet --set alerts="$ALERTS" --file bench/explain_measure.sql
