# shellcheck shell=bash
# Shared functions of the tests of scans, beside lib.sh. To be sourced: it is not executable, so scripts/test.sh does
# not run it.
#
#   scan_server NAME [SETTING…]  starts a server with the sample's GeoIP files, where scans wait for locks without limit
#   scan_database             creates the extension, the table cloudtrail and these functions in the current database:
#                               call(key, at, address [, actor])   inserts one event
#                               journey(key [, at])                inserts London and, ten minutes later, Tokyo
#   new_rule NAME [COLUMNS VALUES]  adds a rule over cloudtrail, without a baseline unless the columns say otherwise
#   ends RULE                 prints the results of a rule, without ids, times of writing, the work of analysts and
#                             withdrawn alerts
#   same_ends WHAT RULE RULE  fails unless both rules have the same results
#   alerts_of RULE            prints the entities of its alerts, once for each alert
#   over SOURCE               adds a rule of that name over it, without a baseline; its warnings are in $SCRATCH/said
#   error_of RULE             prints its last error
#   exact_cursor_refused RULE WHY  fails unless ingest_xid is refused as the arrival column, by check_rule and by a scan,
#                             for that reason, with a hint that names arrival_column
#   hold_up TABLE             locks a table in the session of session_open: a scan waits when it writes to it
#   one_step                  lets the waiting scan do one step; it waits again in the next one
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scan_server() {
    start "$1" "impossible_travel.geoip_path = '$SERVERS/$1/files/geoip'" 'impossible_travel.coverage_notice = off' \
        'impossible_travel.scan_lock_timeout = 0' "${@:2}"
    server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
}

scan_database() {
    run_psql --quiet --output /dev/null <<'SQL'
        CREATE EXTENSION impossible_travel;
        SELECT travel.create_events_table('public.cloudtrail');
        CREATE FUNCTION public.call(key text, at timestamptz, address inet, actor text DEFAULT NULL) RETURNS void
            LANGUAGE sql AS $$
            INSERT INTO public.cloudtrail (event_id, event_time, event_name, event_source, source_ip, access_key_id,
                actor)
            VALUES (format('%s %s %s', call.key, extract(epoch FROM call.at), call.address), call.at, 'GetObject',
                's3.amazonaws.com', call.address, call.key, call.actor)
        $$;
        CREATE FUNCTION public.journey(key text, at timestamptz DEFAULT '2026-03-01 12:00Z') RETURNS void
            LANGUAGE sql AS $$
            SELECT public.call(journey.key, journey.at, '192.0.2.1');
            SELECT public.call(journey.key, journey.at + interval '10 minutes', '203.0.113.1')
        $$;
SQL
}

new_rule() {
    ask "INSERT INTO travel.rules (name, owner, source, ${2:-baseline})
        VALUES ('$1', 'postgres', 'public.cloudtrail', ${3:-false})"
}

# Each value has a line of its own, which shows what differs.
ends() {
    ask "SELECT format('%s %s: %s', name, key, value)
         FROM (
             SELECT 'verdict ' || v.leg_id AS name,
                 to_jsonb(v) - '{rule,alert_id}'::text[] || jsonb_build_object('alert', a.leg_id) AS j
             FROM travel.verdicts AS v LEFT JOIN travel.alerts AS a ON a.id = v.alert_id WHERE v.rule = '$1'
             UNION ALL SELECT 'alert ' || leg_id,
                 to_jsonb(a)
                     - '{rule,id,status,archive_reason,assignee,raised_at,updated_at,archived_at,reopened_at}'::text[]
             FROM travel.alerts AS a WHERE rule = '$1' AND withdrawn_at IS NULL
             UNION ALL SELECT 'leg ' || l.leg_id, to_jsonb(l) - 'alert_id' || jsonb_build_object('alert', a.leg_id)
             FROM travel_internal.alert_legs AS l JOIN travel.alerts AS a ON a.id = l.alert_id
                 WHERE a.rule = '$1' AND withdrawn_at IS NULL
             UNION ALL SELECT concat_ws(' ', 'place', baseline_entity, country_code, subdivision, city, origin,
                 valid_from), to_jsonb(k) - '{rule,place_id}'::text[]
             FROM travel.known_places AS k WHERE rule = '$1'
             UNION ALL SELECT concat_ws(' ', 'move', baseline_entity, from_city, to_city),
                 to_jsonb(k) - '{rule,transition_id}'::text[]
             FROM travel.known_transitions AS k WHERE rule = '$1'
             UNION ALL SELECT 'entity ' || entity, to_jsonb(s) - '{rule,pass,evaluated_from}'::text[]
             FROM travel_internal.entity_states AS s WHERE rule = '$1' AND valid_until = 'infinity'
             UNION ALL SELECT 'person ' || baseline_entity, to_jsonb(s) - '{rule,pass,evaluated_from}'::text[]
             FROM travel_internal.baseline_states AS s WHERE rule = '$1' AND valid_until = 'infinity'
             UNION ALL SELECT 'key ' || key, to_jsonb(m) - '{rule,pass}'::text[]
             FROM travel_internal.minted_keys AS m WHERE rule = '$1'
         ) AS s, jsonb_each(j)
         ORDER BY 1"
}

same_ends() {
    ends "$2" >"$SCRATCH/ends-1"
    ends "$3" >"$SCRATCH/ends-2"
    [ -s "$SCRATCH/ends-1" ] || fail "$1: nothing to compare"
    cmp -s "$SCRATCH/ends-1" "$SCRATCH/ends-2" || fail "$1: the rules $2 and $3 differ
$(diff "$SCRATCH/ends-1" "$SCRATCH/ends-2" | cut -c 1-300 | head -n 20)"
}

over() { ask "INSERT INTO travel.rules (name, source, baseline) VALUES ('$1', '$1', false)" 2>"$SCRATCH/said"; }
error_of() { ask "SELECT coalesce(last_error, '') FROM travel.status WHERE rule = '$1'"; }

exact_cursor_refused() {
    refused 0A000 "SELECT travel.check_rule('$1')"
    case $SAID in
    *'cannot find new rows by the column "ingest_xid"'*"$2"*arrival_column*) ;;
    *) fail "the error names no reason or no remedy: $SAID" ;;
    esac
    ask "CALL travel.scan('$1')" 2>"$SCRATCH/said"
    same "the scan of $1 reports it" "rule \"$1\" cannot find new rows by the column \"ingest_xid\" (0A000)" "$(error_of "$1")"
    same "no alert of $1 was raised" '' "$(alerts_of "$1")"
}

hold_up() {
    held=$1
    session "BEGIN \; LOCK TABLE $held IN SHARE MODE"
}
# The lock is requested at once, and granted when the step is committed.
one_step() { session "COMMIT \; BEGIN \; LOCK TABLE $held IN SHARE MODE"; }

alerts_of() { ask "SELECT coalesce(string_agg(entity, ' ' ORDER BY entity, id), '') FROM travel.alerts
    WHERE rule = '$1' AND withdrawn_at IS NULL"; }
