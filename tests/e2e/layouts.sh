#!/usr/bin/env bash
# Every layout that the sample tool writes is recognized: detection, an adopted view and a rule find in it what they find
# in a table of the extension's own.
#
#   tests/e2e/layouts.sh            all layouts
#   tests/e2e/layouts.sh NAME…      only these
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

tool="$(target_dir)/release/travel-sample"
mapfile -t layouts < <("$tool" layouts | cut -d ' ' -f 1)
# The tables that do not say something of an event, as `travel-sample layouts` prints it.
lacking() { "$tool" layouts | sed -n "s/^\([a-z0-9_]*\) .*; lacks .*$1.*/\1/p" | paste -s -d ' '; }
no_error_codes=$(lacking 'error codes')
no_services=$(lacking 'calling services')
no_sign_ins=$(lacking 'results of sign-ins')
same 'tables without error codes' 'home_made_monitoring home_made_foreign_key' "$no_error_codes"
same 'tables without calling services' 'console_csv console_csv_snake_case' "$no_services"
same 'tables without results of sign-ins' 'console_csv console_csv_snake_case home_made_accounts' "$no_sign_ins"

start e2e-layouts 'impossible_travel.geoip_path = '"'$SERVERS/e2e-layouts/files/geoip'" 'impossible_travel.coverage_notice = off' \
    'client_min_messages = error' "timezone = 'America/New_York'"
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
ask 'CREATE EXTENSION impossible_travel' >/dev/null
[ $# = 0 ] || layouts=("$@")
for layout in file_jsonb "${layouts[@]}"; do
    # The reference is loaded from the files, which may be among the layouts.
    [ "$layout" != file_jsonb ] || [ -z "${loaded:-}" ] || continue
    loaded=yes
    echo "CREATE SCHEMA \"$layout\"; SET search_path = \"$layout\", public;"
    "$tool" layout "$layout"
done | run_psql --quiet

run_psql --quiet --output /dev/null <<'SQL'
-- The events in a table of the extension's own, with which all other tables are compared.
CREATE SCHEMA reference;
SELECT travel.create_events_table('reference.events');
SELECT count(*) FROM file_jsonb.files CROSS JOIN LATERAL travel.ingest('reference.events', document);
ANALYZE;

CREATE TABLE layout (name text PRIMARY KEY, source regclass, findings text, adopted text, sign_ins text, alerts text);

-- The number of findings, and a digest of what they are.
CREATE FUNCTION findings(source regclass, entity text DEFAULT 'access_key_id') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT count(*) || ' ' || md5(string_agg(line, E'\n' ORDER BY line COLLATE "C"))
    INTO found
    FROM travel.detect(source, entity) AS f
    CROSS JOIN LATERAL concat_ws('|', f.entity, f.from_time, f.to_time, f.from_ip, f.to_ip) AS line;
    RETURN found;
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', sqlstate, sqlerrm);
END $$;

-- The same through an adopted view.
CREATE FUNCTION adopted(source regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN findings(travel.adopt(source));
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', sqlstate, sqlerrm);
END $$;

CREATE FUNCTION make_rule(source regclass, name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN travel.create_rule('access_key', source, name);
EXCEPTION WHEN OTHERS THEN
    UPDATE layout SET alerts = format('%s: %s', sqlstate, sqlerrm) WHERE layout.name = make_rule.name;
    RETURN NULL;
END $$;

INSERT INTO layout (name, source)
SELECT n.nspname, c.oid
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|travel|public)' AND c.relname !~ '_files$';
SQL

# Each half of the layouts in a session of its own.
find_in_half() { # find_in_half 0|1
    run_psql --quiet --command "
        UPDATE layout
        SET findings = findings(source), adopted = adopted(source), sign_ins = findings(source, 'principal_id')
        WHERE abs(hashtext(name)) % 2 = $1"
}
find_in_half 0 &
find_in_half 1
wait $!

run_psql --quiet --output /dev/null <<'SQL'
SELECT make_rule(source, name) FROM layout;
-- A condition on a standard column, which few of the tables have by this name. The console's CSV does not tell it.
UPDATE travel.rules SET condition = $$identity_type <> 'AWSService'$$ WHERE name !~ '^console_csv';
CALL travel.scan();
UPDATE layout
SET alerts = coalesce(
        (SELECT last_error FROM travel.status WHERE rule = name),
        (SELECT count(*) || ' ' || md5(string_agg(line, E'\n' ORDER BY line COLLATE "C"))
         FROM travel.alerts AS a
         CROSS JOIN LATERAL concat_ws('|', a.entity, a.first_seen, a.last_seen, a.leg_count, a.severity) AS line
         WHERE rule = name))
WHERE alerts IS NULL;
SQL

# The layouts, other than the named ones, whose column differs from that of the reference.
others() { # others COLUMN EXCEPT
    ask "SELECT coalesce(string_agg(format('%s (%s)', l.name, l.$1), '; ' ORDER BY l.name), 'none')
         FROM layout AS l JOIN layout AS r ON r.name = 'reference'
         WHERE l.$1 IS DISTINCT FROM r.$1 AND l.name <> ALL (string_to_array('$2', ' '))"
}
count_of() { ask "SELECT split_part($1, ' ', 1) FROM layout WHERE name = '$2'"; }

rule 'every layout has a table with each event'
same 'tables' "$(printf '%s\n' reference file_jsonb "${layouts[@]}" | sort -u | wc -l)" "$(ask 'SELECT count(*) FROM layout')"

rule 'travel.detect finds the same 13 impossible legs over every layout'
same 'impossible legs of the reference' 13 "$(count_of findings reference)"
same 'layouts with other legs' none "$(others findings "$no_error_codes $no_services")"

rule 'through a view of travel.adopt, too'
same 'impossible legs of the reference' 13 "$(count_of adopted reference)"
same 'layouts with other legs' none "$(others adopted "$no_error_codes $no_services")"

rule 'a rule raises the same alerts'
same 'alerts of the reference' 5 "$(count_of alerts reference)"
same 'layouts with other alerts' none "$(others alerts "$no_error_codes $no_services")"

# Bob's key, with a wrong signature from Moscow, or used by a service in Ashburn: there and back are two legs.
rule 'where a table has no error codes or no calling services, just what they would tell counts as well'
for layout in $no_error_codes $no_services; do
    case " ${layouts[*]} " in *" $layout "*) ;; *) continue ;; esac
    same "legs of $layout" '15 15' "$(count_of findings "$layout") $(count_of adopted "$layout")"
done

# The failed sign-ins name a principal and no key. Where a table does not tell their results, they would count.
rule 'failed sign-ins do not count'
same 'layouts with other legs' none "$(others sign_ins "$no_error_codes $no_services $no_sign_ins")"
# Those with responses tell them without error codes. The wrong signature counts there.
for layout in $no_error_codes; do
    case " ${layouts[*]} " in *" $layout "*) same "legs of $layout" 15 "$(count_of sign_ins "$layout")" ;; esac
done
case " ${layouts[*]} " in *' home_made_accounts '*)
    holds 'they would count' [ "$(count_of sign_ins home_made_accounts)" -gt "$(count_of sign_ins reference)" ] ;;
esac
no_crash
