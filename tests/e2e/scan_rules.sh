#!/usr/bin/env bash
# A rule has the privileges of its owner, its functions cannot exceed them, and a rule that fails stops no other rule.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-rules 'impossible_travel.scan_batch = 1000'
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    CREATE ROLE scanner LOGIN;
    CREATE ROLE reader LOGIN;
    CREATE ROLE mallory LOGIN;
    SELECT travel.grant_to('scanner', 'admin');
    GRANT CREATE ON SCHEMA public TO mallory;
    CREATE SCHEMA evil AUTHORIZATION mallory;
    GRANT USAGE ON SCHEMA evil TO PUBLIC;
    SELECT journey('plain');
SQL
new_rule plain

as() { local role=$1; shift; PGUSER=$role "$@"; }
scan() { ask 'CALL travel.scan()' 2>"$SCRATCH/said"; }
warned() { grep -c "WARNING:  scan of rule \"$1\" failed" "$SCRATCH/said" || true; }
verdicts_of() { ask "SELECT count(*) FROM travel.verdicts WHERE rule = '$1'"; }

# Fails if code of mallory ran with the privileges of another role, or left something behind.
nothing_happened() {
    same "$1: no role changed" 'f|f|f' "$(ask "SELECT rolsuper, rolcreaterole, pg_has_role('mallory', 'postgres',
        'member') FROM pg_roles WHERE rolname = 'mallory'")"
    same "$1: nothing was left" 0 "$(ask 'SELECT count(*) FROM evil.loot')"
    same "$1: nothing of travel's changed" 'medium|f' \
        "$(ask "SELECT severity, EXISTS (SELECT FROM travel.alerts WHERE status <> 'open' AND rule IN (SELECT name
        FROM travel.rules)) FROM travel.rules WHERE name = 'plain'")"
}


rule "a rule reads with its owner's privileges: without them it fails, travel.status shows it, and other rules are scanned"
ask "INSERT INTO travel.rules (name, owner, source, baseline)
    VALUES ('a reader''s', 'reader', 'public.cloudtrail', false)" 2>/dev/null
before=$(ask 'SELECT clock_timestamp()')
scan
same 'a warning' 1 "$(grep -c 'WARNING: .*permission denied for source "public.cloudtrail"' "$SCRATCH/said")"
same 'in the status' t "$(ask "SELECT last_error ~ 'permission denied' AND last_error_at > '$before'
    AND last_scan IS NULL
    FROM travel.status WHERE rule = 'a reader''s'")"
same 'it evaluated nothing' 0 "$(verdicts_of "a reader''s")"
same 'the other rule was evaluated' plain "$(alerts_of plain)"
same 'the other rule has no error' '' "$(error_of plain)"

rule 'once the owner has the privileges, the next scan works, and the error is gone'
ask 'GRANT SELECT ON public.cloudtrail TO reader'
scan
same 'no warning' '' "$(cat "$SCRATCH/said")"
same 'no error' '' "$(error_of "a reader''s")"
same_ends 'as the other' plain "a reader''s"

rule 'row-level security applies to the owner of the rule, not to the role that scans'
run_psql --quiet <<'SQL'
    CREATE TABLE public.secret AS SELECT * FROM public.cloudtrail;
    INSERT INTO public.secret
    SELECT (jsonb_populate_record(c, '{"access_key_id": "hidden"}')).*
    FROM public.cloudtrail AS c;
    ALTER TABLE public.secret ENABLE ROW LEVEL SECURITY;
    CREATE POLICY part ON public.secret TO reader USING (access_key_id = 'plain');
    GRANT SELECT ON public.secret TO reader;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('policy', 'reader', 'public.secret', false);
SQL
scan
same 'only the visible rows' plain "$(alerts_of policy)"

rule 'a role that scans needs no privilege on the source, and gets none'
as scanner refused 42501 'SELECT * FROM public.secret'
ask "SELECT journey('for the scanner')" >/dev/null
as scanner ask 'CALL travel.scan()'
same 'evaluated' 'for the scanner plain' "$(alerts_of plain)"
as reader refused 42501 'CALL travel.scan()'
as reader refused 42501 "SELECT travel_internal.scan_step('plain')"

run_psql --quiet --output /dev/null <<'SQL'
    DELETE FROM travel.rules WHERE name <> 'plain';
    GRANT SELECT ON public.cloudtrail TO mallory;
    CREATE TABLE evil.loot (what text, by text DEFAULT current_user);
    GRANT INSERT ON evil.loot TO PUBLIC;
    ALTER TABLE evil.loot OWNER TO mallory;
    SET ROLE mallory;
    -- Each kind tries one thing that mallory must not do.
    CREATE FUNCTION evil.attack(kind text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
    BEGIN
        CASE kind
            WHEN 'role' THEN PERFORM set_config('role', 'postgres', false);
            WHEN 'session' THEN SET SESSION AUTHORIZATION postgres;
            WHEN 'reset' THEN RESET ROLE;
            WHEN 'alter role' THEN ALTER ROLE mallory SUPERUSER;
            WHEN 'alter' THEN UPDATE travel.rules SET severity = 'info';
            WHEN 'status' THEN UPDATE travel.alerts SET status = 'archived';
            WHEN 'temporary' THEN CREATE TEMPORARY TABLE rules (name text);
            WHEN 'grant' THEN GRANT postgres TO mallory;
            WHEN 'listen' THEN LISTEN travel_alerts;
            WHEN 'cursor' THEN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1';
            WHEN 'commit' THEN COMMIT;
            WHEN 'insert' THEN INSERT INTO evil.loot VALUES ('insert');
            WHEN 'read' THEN PERFORM * FROM travel.alerts;
            WHEN 'step' THEN PERFORM travel_internal.scan_step('plain');
        END CASE;
        RETURN true;
    END $$;
    CREATE FUNCTION evil.attack_anyhow(kind text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        -- mallory may write her own tables.
        IF kind = 'insert' AND current_user = 'mallory' THEN RAISE insufficient_privilege USING MESSAGE = 'mine';
        END IF;
        RETURN evil.attack_now(kind);
    END $$;
SQL
ask "DO \$\$BEGIN EXECUTE replace(replace(pg_get_functiondef('evil.attack'::regproc), 'evil.attack',
    'evil.attack_now'), ' STABLE', ''); END\$\$; ALTER FUNCTION evil.attack_now OWNER TO mallory"

rule 'a function in a condition cannot set or change a role, nor write: the rule fails, and nothing happened'
kinds=(role session reset 'alter role' alter status temporary grant listen cursor commit insert read step)
for kind in "${kinds[@]}"; do
    ask "INSERT INTO travel.rules (name, owner, source, baseline, condition)
        VALUES ('$kind', 'mallory', 'public.cloudtrail', false, 'evil.attack(''$kind'')')" 2>/dev/null
done
scan
for kind in "${kinds[@]}"; do
    same "$kind fails" "1 t 0" "$(warned "$kind") $(ask "SELECT last_error ~ '[(](42501|0A000|2D000|25006)[)]'
        FROM travel.status WHERE rule = '$kind'") $(verdicts_of "$kind")"
done
nothing_happened 'conditions'
same 'the other rules have no error' '' "$(error_of plain)"

rule 'a condition that becomes volatile is refused'
run_psql --quiet <<'SQL'
    CREATE FUNCTION evil.turns() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
    DELETE FROM travel.rules WHERE name <> 'plain';
    INSERT INTO travel.rules (name, owner, source, baseline, condition)
    VALUES ('turns', 'mallory', 'public.cloudtrail', false, 'evil.turns()');
SQL
scan
same 'evaluated' 2 "$(verdicts_of turns)"
ask "CREATE OR REPLACE FUNCTION evil.turns() RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN INSERT INTO evil.loot
    VALUES (1); RETURN true; END'"
scan
same 'refused' 1 "$(warned turns)"
nothing_happened 'a volatile condition'

rule "the functions of a view that is a source run as the rule's owner, in a security-restricted operation"
ask "DELETE FROM travel.rules WHERE name <> 'plain'"
for kind in "${kinds[@]}"; do
    as mallory ask "CREATE VIEW evil.\"$kind\" AS SELECT * FROM public.cloudtrail WHERE evil.attack_anyhow('$kind')"
    ask "INSERT INTO travel.rules (name, owner, source, baseline)
        VALUES ('$kind', 'mallory', 'evil.\"$kind\"', false)" 2>/dev/null
done
scan
for kind in "${kinds[@]}"; do
    same "$kind fails" "1 t 0" "$(warned "$kind") $(ask "SELECT last_error ~ '[(](42501|0A000|2D000|25006)[)]'
        FROM travel.status WHERE rule = '$kind'") $(verdicts_of "$kind")"
done
nothing_happened 'views'

rule 'settings that a function of a rule leaves behind are reset before any name is looked up'
ask "DELETE FROM travel.rules WHERE name <> 'plain'"
run_psql --quiet --output /dev/null <<'SQL'
    SET ROLE mallory;
    CREATE FUNCTION evil.seize() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        IF current_user <> 'mallory' THEN
            INSERT INTO evil.loot VALUES ('seized');
            ALTER ROLE mallory SUPERUSER;
        END IF;
    END $$;
    -- Operators, functions, types and tables that would be found before the real ones.
    DO $do$
    DECLARE
        o record;
    BEGIN
        FOR o IN
            SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r
            FROM pg_operator
            WHERE oprnamespace = 'pg_catalog'::regnamespace
                AND oprname IN ('=', '<>', '<', '<=', '>', '>=')
                AND oprleft = oprright
                AND oprleft IN ('text'::regtype, 'int8'::regtype, 'timestamptz'::regtype, 'name'::regtype,
                    'oid'::regtype, 'bool'::regtype, 'int4'::regtype)
        LOOP
            EXECUTE format('CREATE FUNCTION evil.%I(%s, %s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN PERFORM '
                           'evil.seize(); RETURN $1 OPERATOR(pg_catalog.%s) $2; END''',
                o.oprname, o.l, o.r, o.oprname);
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.%I)', o.oprname, o.l,
                o.r, o.oprname);
        END LOOP;
    END $do$;
    CREATE FUNCTION evil.checked(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
        'BEGIN PERFORM evil.seize(); RETURN true; END';
    CREATE FUNCTION evil.array_agg(anyelement) RETURNS anyarray
        LANGUAGE plpgsql AS 'BEGIN PERFORM evil.seize(); RETURN ARRAY[$1]; END';
    CREATE FUNCTION evil."unnest"(pg_catalog.text[]) RETURNS SETOF pg_catalog.text
        LANGUAGE plpgsql AS 'BEGIN PERFORM evil.seize(); RETURN QUERY SELECT pg_catalog.unnest($1); END';
    CREATE FUNCTION evil.format(pg_catalog.text, pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text
        LANGUAGE plpgsql AS 'BEGIN PERFORM evil.seize(); RETURN $1; END';
    CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.checked(VALUE));
    CREATE DOMAIN evil.bool AS pg_catalog.bool CHECK (evil.checked(VALUE::pg_catalog.text));
    CREATE FUNCTION evil.sets(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool
        LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM set_config($1, $2, false); RETURN true; END';
    CREATE VIEW evil.leaves AS
    SELECT *
    FROM public.cloudtrail
    WHERE evil.sets('search_path', 'evil, pg_catalog') AND evil.sets('TimeZone', 'Asia/Tokyo');
    RESET ROLE;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('leaves', 'mallory', 'evil.leaves', false);
    INSERT INTO travel.rules (name, owner, source, baseline, condition)
    VALUES ('leaves too', 'mallory', 'public.cloudtrail', false,
        'evil.sets(''search_path'', ''evil, pg_catalog'') AND evil.sets(''enable_seqscan'', ''off'')');
SQL
before='SHOW search_path; SHOW timezone; SHOW enable_seqscan'
ask "SELECT journey('settings')" >/dev/null
same 'settings of the session' "$(ask "$before")" "$(ask "CALL travel.scan(); $before")"
same 'evaluated by all three' '3|3|3' "$(verdicts_of plain)|$(verdicts_of leaves)|$(verdicts_of 'leaves too')"
nothing_happened 'settings left behind'

rule "scans run nothing that a hostile search_path of the caller or a temporary object offers"
ask "SELECT journey('by a path')" >/dev/null
# One rule fails, to produce a warning, too.
ask "INSERT INTO travel.rules (name, owner, source, baseline, condition)
    VALUES ('failing', 'mallory', 'public.cloudtrail', false, 'evil.attack(''role'')')" 2>/dev/null
# Statements without operators, each in a transaction of its own.
statements=("CALL travel.scan()" "CALL travel.scan('plain')" "CALL travel.rescan('plain', '2026-01-01Z')" "SELECT travel.check_rule('plain')"
    "UPDATE travel.alerts SET assignee = 'me'" "SELECT rule, last_error FROM travel.status"
    "INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('plain', 'nobody', 'nothing')"
    "INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('plain', 'nobody', 'GB')")
for role in scanner postgres; do
    # Only a member of the owner of a rule may change it.
    [ "$role" != postgres ] || statements+=("UPDATE travel.rules SET goal = 'peace'" "SELECT travel.create_rule('root', 'public.cloudtrail')")
    for statement in "${statements[@]}"; do
        PGOPTIONS='-c search_path=evil,pg_catalog,public' as "$role" ask "$statement" >/dev/null 2>"$SCRATCH/said" \
            || fail "$role: $statement: $(cat "$SCRATCH/said")"
        nothing_happened "search_path of $role: $statement"
    done
    PGOPTIONS='-c search_path=evil,pg_catalog,public' as "$role" refused 42704 "CALL travel.scan('none')"
    as "$role" ask_all "CREATE TEMPORARY TABLE rules (name text); CREATE TEMPORARY TABLE scans (rule text); CREATE TEMPORARY TABLE cloudtrail (access_key_id text);
        CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (evil.checked(VALUE));
            SET search_path = pg_temp, evil, pg_catalog; CALL travel.scan(); CALL travel.rescan('plain',
            '2026-01-01Z')" >"$SCRATCH/said"
    same "$role: no error" '' "$(grep ERROR "$SCRATCH/said" || true)"
    nothing_happened "pg_temp of $role"
done
same 'evaluated' 4 "$(verdicts_of plain)"

rule 'the results of a scan do not depend on the settings of the session'
ask "DELETE FROM travel.rules WHERE name <> 'plain'"
new_rule one; new_rule two
ask "CALL travel.scan('one')"
PGOPTIONS='-c TimeZone=Asia/Tokyo -c DateStyle=German -c IntervalStyle=iso_8601 -c extra_float_digits=-10 -c bytea_output=escape -c standard_conforming_strings=off -c enable_indexscan=off' \
    ask "CALL travel.scan('two')"
same_ends 'settings' one two
same 'the times of an alert are in UTC' '2026-03-01 12:10:00+00' \
    "$(ask "SELECT DISTINCT signal #>> '{impossible_travel,triggering_locations,second_location,time}'
    FROM travel.alerts WHERE rule = 'two'")"

rule 'a source can be renamed, dropped and created again, or replaced by another'
run_psql --quiet --output /dev/null <<'SQL'
    DELETE FROM travel.rules;
    SELECT travel.create_events_table('public.other');
    INSERT INTO public.other SELECT * FROM public.cloudtrail;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('moving', 'postgres', 'public.other', false);
SQL
scan
had=$(ask "SELECT string_agg(id || ' ' || entity || ' ' || raised_at, ',' ORDER BY id) FROM travel.alerts
    WHERE rule = 'moving' AND withdrawn_at IS NULL")
state() { ask "SELECT string_agg(id || ' ' || entity || ' ' || raised_at, ',' ORDER BY id) FROM travel.alerts
    WHERE rule = 'moving' AND withdrawn_at IS NULL"; }
ask 'ALTER TABLE public.other RENAME TO another'
scan
same 'a renamed source is an error' 't|t' "$(ask "SELECT last_error ~ 'public.other'
    AND last_error ~ 'does not exist', last_scan IS NOT NULL FROM travel.status WHERE rule = 'moving'")"
same 'nothing is lost' "$had" "$(state)"
ask "UPDATE travel.rules SET source = 'public.another'"
scan
same 'under its new name it has the same alerts' "$had||" "$(state)|$(error_of moving)|$(cat "$SCRATCH/said")"
ask 'CREATE TABLE public.other AS SELECT * FROM public.another; DROP TABLE public.another; ALTER TABLE public.other RENAME TO another'
scan
same 'created again with the same rows it has the same alerts' "$had" "$(state)"
ask "INSERT INTO public.another SELECT (jsonb_populate_record(c, jsonb_build_object('access_key_id', 'new', 'event_id',
    'new ' || event_id, 'ingest_xid', pg_current_xact_id()))).*
    FROM public.another AS c WHERE access_key_id = 'plain'"
scan
same 'with more rows' 1 "$(ask "SELECT count(*) FROM travel.alerts
    WHERE rule = 'moving' AND entity = 'new' AND withdrawn_at IS NULL")"
ask "DELETE FROM public.cloudtrail WHERE access_key_id <> 'plain'; UPDATE travel.rules SET source = 'public.cloudtrail'"
scan
new_rule fresh
scan
same_ends 'the results are those of the other source alone' fresh moving
same 'the other alerts are withdrawn' t "$(ask "SELECT count(*) > 2 FROM travel.alerts
    WHERE rule = 'moving' AND withdrawn_at IS NOT NULL")"
no_crash
