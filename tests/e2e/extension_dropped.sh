#!/usr/bin/env bash
# A statement that waits while another session drops the extension ends with an SQLSTATE of class 42 or 55 (3F: the schema is gone),
# never with an internal error. (Of a function that returns a set of a row type, such as travel.detect, or that stands in FROM,
# PostgreSQL itself opens the row type before it calls it, and reports XX000 where that is gone.)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-extension-dropped "impossible_travel.geoip_path = '$SERVERS/e2e-extension-dropped/files/geoip'"
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
ask "CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet, outcome text, invoked_by text);
     INSERT INTO events VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1'), ('K', '2026-03-02 09:10Z', '203.0.113.1')"

rule 'it ends with an SQLSTATE that says so'
WAITED=0
while IFS= read -r statement; do
    ask 'CREATE EXTENSION IF NOT EXISTS impossible_travel' >/dev/null 2>&1
    session_open --quiet
    session 'BEGIN; DROP EXTENSION impossible_travel CASCADE'
    ask_all "$statement" >"$SCRATCH/said" &
    waiting=$!
    # Some have nothing to wait for; what they are doing, or that they are done, is waited for.
    while kill -0 "$waiting" 2>/dev/null; do
        if [ "$(ask "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%travel%'")" = 1 ]; then
            WAITED=$((WAITED + 1))
            break
        fi
        sleep 0.05
    done
    session COMMIT
    wait "$waiting"
    session_close
    case $(cat "$SCRATCH/said") in
    *ERROR:*'XX'[0-9]* | *PANIC*) fail "$statement: $(cat "$SCRATCH/said")" ;;
    *'ERROR:  42'* | *'ERROR:  55'* | *'ERROR:  3F'*) ;;
    *ERROR*) fail "$statement: $(cat "$SCRATCH/said")" ;;
    esac
done <<'SQL'
SELECT travel.locate('192.0.2.5')
SELECT travel.is_located('192.0.2.5')
SELECT travel_internal.is_ignored('192.0.2.5', now())
SELECT travel.parse('{"eventID": "1", "eventTime": "2026-03-02T09:00:00Z"}')
SELECT travel.try_parse('{"eventID": "1", "eventTime": "2026-03-02T09:00:00Z"}')
SELECT travel.records('{"Records": [{"eventID": "1"}]}')
SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM events
SELECT travel.leg(event_time, 1::float8, 2::float8) OVER (ORDER BY event_time) FROM events
SELECT travel.impossible_legs(event_time, source_ip) FROM events
SELECT travel.impossible_legs(event_time, 1::float8, 2::float8) FROM events
SELECT travel.detect_sql('events')
SELECT travel.coverage('events')
SELECT travel.geoip_databases()
SELECT travel.ingest('events', '[]')
SELECT travel.prune('400 days')
SELECT travel.create_rule('access_key', 'events')
CALL travel.scan()
SELECT * FROM travel.status
SQL
holds 'some of them waited' [ "$WAITED" -gt 5 ]
note "$WAITED statements waited"
no_crash
