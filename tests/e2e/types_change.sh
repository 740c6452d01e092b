#!/usr/bin/env bash
# What a query is made of is replaced between its analysis and its execution: a function that a column is made of returns a value
# of another type then. Whatever column, entry point and type it is: an SQLSTATE, never a crash, never one type read as another.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-types-change
scan_database
ask "SELECT journey('somebody')" >/dev/null
ask "ALTER TABLE cloudtrail ADD latitude float8 DEFAULT 1, ADD longitude float8 DEFAULT 2"
# A statement waits here after it has looked up the types of all columns that come before vpc_endpoint_id.
ask "CREATE TABLE gate (shut text)"
new_rule steps
session_open --quiet

# What the columns are of, and what they become: bytes that name an address, were they taken for a text; a number that is one.
UUID="'01014141-4141-4141-4141-000000000000'::uuid"
NUMBER='4702111234474983745::bigint'
TEXT="repeat('x', 20)::text"
shifting() { # shifting TYPE EXPRESSION
    printf "CREATE FUNCTION public.shifting() RETURNS %s LANGUAGE sql STABLE AS \$\$ SELECT %s \$\$" "$1" "$2"
}

# A statement waits at the gate while the function comes to return another type. What is said of it is in $SAID.
meanwhile() { # meanwhile TYPE EXPRESSION STATEMENT
    session 'BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE'
    ask_all "$3" >"$SCRATCH/said" &
    local waiting=$!
    waits_for_lock 'travel.'
    session "DROP FUNCTION public.shifting; $(shifting "$1" "$2"); COMMIT"
    wait "$waiting"
    SAID=$(head -n 1 "$SCRATCH/said")
}

# Every key that a query reads, with the type that its values have; those that are not read by each entry point.
KEYS=(event_id:text event_name:text event_source:text aws_region:text account_id:text identity_type:text principal:text actor:text
    session_name:text user_name:text arn:text access_key_id:text user_agent:text outcome:text error_code:text invoked_by:text source_kind:text
    source_text:text source_ip:inet event_time:timestamptz mfa_used:boolean record:jsonb
    latitude:float8 longitude:float8 accuracy_km:float8 city:text subdivision:text country:text country_code:text)
NOT_READ=' detect:source_kind detect:mfa_used scan:source_kind '
READ_BY_COVERAGE=' access_key_id outcome invoked_by source_kind source_text source_ip event_time record latitude longitude '
reads() { # reads ENTRY_POINT KEY
    case $1 in
    coverage) [[ $READ_BY_COVERAGE == *" $2 "* ]] ;;
    *) [[ $NOT_READ != *" $1:$2 "* ]] ;;
    esac
}
value_of() {
    case $1 in
    text) echo "'a'::text" ;;
    inet) echo "'192.0.2.1'::inet" ;;
    timestamptz) echo "'2026-03-01 12:00Z'::timestamptz" ;;
    boolean) echo 'true' ;;
    float8) echo '1::float8' ;;
    jsonb) echo "'{\"eventTime\": \"2026-03-01T12:00:00Z\", \"sourceIPAddress\": \"192.0.2.1\", \"userIdentity\": {\"accessKeyId\": \"K\"}}'::jsonb" ;;
    esac
}
columns_with() {
    local more=
    case $1 in
    latitude) more='"longitude": "longitude", ' ;;
    longitude) more='"latitude": "latitude", ' ;;
    accuracy_km | city | subdivision | country | country_code) more='"latitude": "latitude", "longitude": "longitude", ' ;;
    esac
    printf "{%s\"%s\": \"(public.shifting())\", \"vpc_endpoint_id\": \"((SELECT min(shut) FROM public.gate))\"}" "$more" "$1"
}

rule 'a statement whose columns come to be of another type while it runs ends with an SQLSTATE of class 42 or 22'
COUNT=0
for key in "${KEYS[@]}"; do
    type=${key#*:} key=${key%:*}
    columns=$(columns_with "$key")
    for to in "uuid:$UUID" "bigint:$NUMBER" "text:$TEXT"; do
        value=${to#*:} to=${to%%:*}
        [ "$to" != "$type" ] || continue
        for entry_point in detect coverage scan; do
            reads "$entry_point" "$key" || continue
            ask "SET client_min_messages = error; DELETE FROM travel.rules; DROP FUNCTION IF EXISTS public.shifting; $(shifting "$type" "$(value_of "$type")")" >/dev/null
            case $entry_point in
            scan)
                ask "SET client_min_messages = error; INSERT INTO travel.rules (name, owner, source, columns) VALUES ('steps', 'postgres', 'public.cloudtrail', '$columns')" >/dev/null
                statement="CALL travel.scan('steps')"
                ;;
            *) statement="SELECT count(*) FROM travel.$entry_point('cloudtrail', columns => '$columns')" ;;
            esac
            meanwhile "$to" "$value" "$statement"
            COUNT=$((COUNT + 1))
            case $SAID in
            *'ERROR:  42'* | *'ERROR:  22'* | *'WARNING:  42'*'the scan of the rule'* | *'WARNING:  22'*'the scan of the rule'*) continue ;;
            esac
            case "$entry_point $key $to" in
            # PostgreSQL itself takes these for what is wanted: a text may be an address, a bigint is a number.
            'detect source_ip text' | 'detect l'*'itude bigint' | 'coverage l'*'itude bigint') ;;
            *) fail "$entry_point, $key from $type to $to: $SAID" ;;
            esac
        done
    done
done
session_close
note "$COUNT changes"
no_crash
