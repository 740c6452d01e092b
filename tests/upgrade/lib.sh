# shellcheck shell=bash
# Shared functions of the tests of this folder, beside those of tests/e2e. To be sourced: it is not executable, so
# scripts/test.sh does not run it.
#
#   install_into VERSION…   installs the extension into these servers, which it builds at most once for each major version
#   on VERSION              from here on, servers and clients are those of this version
#   new_server NAME         starts a server of this version with the sample's GeoIP files
#   fill                    makes the database audit with everything that a user of the extension can have
#   copy_server FROM TO     stops the server FROM and copies it, with its transactions
#   contents                prints each row of the extension's tables, the sequences, the user's objects and all rights
#   settled                 prints what a scan that finds nothing new must not change
#   unchanged WHAT FILE COMMAND   fails unless the command prints what the file contains
#   more_events             inserts events of each kind: in time, late, duplicate, of new keys
#   scan_quietly WHAT       scans, and fails if anybody is notified, or if a rule fails but gone
#   results                 prints the results of all rules, without times of writing and transactions
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/scan_lib.sh"

# The server of the caller's PG_CONFIG is that of its version.
given=$PG_CONFIG given_version=$(pg_major 2>/dev/null || true)

on() {
    if [ "$1" = "$given_version" ]; then
        PG_CONFIG=$given
    else
        PG_CONFIG=$("$ROOT/scripts/postgresql.sh" config "$1")
    fi
    export PG=$1 PG_CONFIG
}

# A release build that is already there is as good as a debug build. 15.5 gets the files of 15: within a major version,
# a library works with every release. There are no files of the extension in contrib, which 15.5 lacks.
install_into() {
    local version built
    for version in "$@"; do
        on "${version%.*}"
        PROFILE=any "$ROOT/scripts/setup.sh" --tests
        PROFILE=any "$ROOT/scripts/install.sh" --if-changed
        if [ "$version" != "${version%.*}" ]; then
            built=("$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)/extension")
            "$ROOT/scripts/postgresql.sh" get "$version"
            on "$version"
            # A server might have the old file open, so the new one replaces it.
            cp --remove-destination "${built[0]}/impossible_travel.so" "$("$PG_CONFIG" --pkglibdir)"
            rm -f "$("$PG_CONFIG" --sharedir)"/extension/impossible_travel*
            cp "${built[1]}"/impossible_travel* "$("$PG_CONFIG" --sharedir)/extension"
        fi
    done
}

new_server() { scan_server "$1" "${@:2}"; }

copy_server() {
    server_at "$1"
    server_stop
    server_at "$2"
    STARTED+=("$2")
    rm -rf "$SERVER_DIR"
    cp -a "$SERVERS/$1" "$SERVER_DIR"
    as_server sed -i "s|$SERVERS/$1/|$SERVERS/$2/|" "$SERVER_DIR/data/postgresql.conf"
}

fill() {
    "$(pg_bin createdb)" audit
    export PGDATABASE=audit
    scan_database
    run_psql --quiet --output /dev/null <<'SQL'
    CREATE ROLE soc;
    CREATE ROLE auditor;
    CREATE ROLE analyst;
    CREATE ROLE chief LOGIN;
    ALTER DATABASE audit SET impossible_travel.coverage_notice = off;
    ALTER ROLE chief SET search_path = travel, public;
    ALTER TABLE public.cloudtrail OWNER TO soc;
    SELECT travel.grant_to('auditor', 'read');
    SELECT travel.grant_to('analyst', 'triage');
    SELECT travel.grant_to('chief', 'admin');

    -- Sources in which a scan finds new rows by their transaction, by their time of arrival, and by reading again.
    CREATE TABLE public.arriving (LIKE public.cloudtrail INCLUDING ALL);
    ALTER TABLE public.arriving DROP COLUMN ingest_xid, ADD arrived timestamptz NOT NULL DEFAULT clock_timestamp(),
        OWNER TO soc;
    CREATE INDEX ON public.arriving (arrived);
    CREATE VIEW public.plain WITH (security_invoker) AS
        SELECT event_id, event_time, event_name, source_ip, access_key_id, actor, principal FROM public.arriving;
    ALTER VIEW public.plain OWNER TO soc;
    CREATE TABLE public.moved AS SELECT * FROM public.cloudtrail;
    CREATE FUNCTION public.copied() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.arriving (event_id, event_time, event_name, event_source, source_ip, access_key_id, actor)
            VALUES (new.event_id, new.event_time, new.event_name, new.event_source, new.source_ip, new.access_key_id,
                new.actor);
            RETURN NULL;
        END
    $$;
    CREATE TRIGGER copied AFTER INSERT ON public.cloudtrail FOR EACH ROW EXECUTE FUNCTION public.copied();

    INSERT INTO travel.rules (name, owner, source, baseline) VALUES
        ('by xid', 'soc', 'public.cloudtrail', false),
        ('gone', 'postgres', 'public.moved', false),
        ('idle', 'soc', 'public.cloudtrail', false),
        ('halfway', 'soc', 'public.cloudtrail', false),
        ('again', 'soc', 'public.plain', false);
    INSERT INTO travel.rules (name, owner, source, baseline, arrival_column)
    VALUES ('by arrival', 'soc', 'public.arriving', false, 'arrived');
    INSERT INTO travel.rules (name, owner, source, learning_period, condition, message)
    VALUES ('people', 'soc', 'public.cloudtrail', '1 day', 'event_name <> ''Nothing''', 'Look at {{entity}}');
    INSERT INTO travel.rules (name, owner, source, learning_period, learn, learn_transitions)
    VALUES ('moves', 'soc', 'public.cloudtrail', '1 day', 'encountered', true);
    INSERT INTO travel.rules (name, owner, source, baseline, lineage)
    VALUES ('sessions', 'soc', 'public.cloudtrail', false, true);
    SELECT travel.create_rule('access_key', 'public.cloudtrail', 'of a preset');

    -- Ten people work in London every day and travel to Tokyo now and then.
    SELECT call('AKIA' || p, '2026-02-01 09:00Z'::timestamptz + d * interval '1 day' + p * interval '1 minute',
        '192.0.2.1', 'person ' || p)
    FROM generate_series(1, 10) AS p, generate_series(0, 40) AS d;
    SELECT call('AKIA' || p, '2026-02-10 09:30Z'::timestamptz + p * interval '2 days', '203.0.113.1', 'person ' || p)
    FROM generate_series(1, 10) AS p;
    SELECT call('AKIA' || p, '2026-02-11 09:30Z'::timestamptz + p * interval '2 days', '203.0.113.1', 'person ' || p)
    FROM generate_series(1, 5) AS p;
    SELECT journey('AKIA last', '2026-03-13 12:00Z');
    -- One of their keys mints another, which is used in Tokyo.
    INSERT INTO public.cloudtrail
        (event_id, event_time, event_name, event_source, source_ip, access_key_id, issued_access_key_id)
    VALUES ('minting', '2026-02-11 09:00Z', 'AssumeRole', 'sts.amazonaws.com', '192.0.2.1', 'AKIA1', 'ASIA1');
    SELECT call('ASIA1', '2026-02-11 09:20Z', '203.0.113.1');

    INSERT INTO travel.networks (network, name, treatment) VALUES ('198.51.100.0/28', 'our VPN', 'vpn');
    INSERT INTO travel.networks (asn, name, treatment) VALUES (64500, 'nobody', 'ignore');
    INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('people', 'AKIA3', 'on a tour');
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, valid_from, note)
    SELECT 'people', 'person 4', to_country_code, to_subdivision, to_city, '2026-01-01Z', 'her home'
    FROM travel.detect('public.cloudtrail')
    LIMIT 1;
    INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code)
    VALUES ('moves', 'person 5', 'GB', 'JP');
    SET impossible_travel.scan_batch = 100;
    UPDATE travel.rules SET enabled = false WHERE name = 'halfway';
    CALL travel.scan();
    SELECT travel_internal.scan_step('halfway');
    RESET impossible_travel.scan_batch;

    -- What analysts did since.
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected', assignee = 'me'
    WHERE id = (SELECT min(id) FROM travel.alerts WHERE rule = 'people');
    UPDATE travel.alerts SET status = 'under_review'
    WHERE id = (SELECT max(id) FROM travel.alerts WHERE rule = 'people');
    INSERT INTO travel.alert_comments (alert_id, comment)
    SELECT max(id), 'asked for a ticket' FROM travel.alerts WHERE rule = 'people';
    INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('by xid', 'AKIA7', 'a test');
    UPDATE travel.rules SET enabled = false WHERE name = 'idle';
    CALL travel.rescan('by xid', '-infinity');
    CALL travel.rescan('people', '-infinity');
    DROP TABLE public.moved;

    -- What users build of it.
    SELECT format('CREATE VIEW public.by_query AS %s', travel.detect_sql('public.cloudtrail')) \gexec
    CREATE MATERIALIZED VIEW public.found AS SELECT * FROM travel.detect('public.cloudtrail');
    CREATE UNIQUE INDEX ON public.found (leg_id);
    CREATE VIEW public.by_window AS
    SELECT access_key_id, (l).*
    FROM (
        SELECT access_key_id, travel.leg(event_time, source_ip, event_id)
            OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
        FROM public.cloudtrail
        WHERE access_key_id IS NOT NULL
    ) AS s
    WHERE (l).impossible;
    CREATE VIEW public.board AS SELECT id, rule, entity, severity, status FROM travel.alerts;
    CREATE TABLE public.raw (
        id int PRIMARY KEY, at text, address text, severity travel.severity,
        kind text GENERATED ALWAYS AS (travel.source_kind(address)) STORED,
        CHECK (travel.event_time(at) > '2000-01-01Z')
    );
    INSERT INTO public.raw
    SELECT row_number() OVER (ORDER BY event_id), to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        host(source_ip), 'high'
    FROM public.cloudtrail;
    CREATE INDEX raw_time ON public.raw (travel.event_time(at));
    CREATE TABLE public.place AS SELECT DISTINCT source_ip, travel.locate(source_ip) AS place FROM public.cloudtrail;
    CREATE TABLE public.leg AS
    SELECT access_key_id, unnest(travel.impossible_legs(event_time, source_ip)) AS leg
    FROM public.cloudtrail
    GROUP BY 1;
SQL
    ask_all 'CALL travel.scan()' >"$SCRATCH/warnings"
    same 'the rule without a source warns' 1 "$(grep -c 'WARNING: .*"gone"' "$SCRATCH/warnings")"
    same 'a pass is under way' t "$(ask "SELECT under_way AND position IS NOT NULL FROM travel.status
        WHERE rule = 'halfway'")"
    same 'alerts of all kinds' 't|t|t|t' "$(ask "SELECT bool_or(status = 'archived'), bool_or(status = 'under_review'),
        bool_or(withdrawn_at IS NOT NULL), bool_or(message LIKE 'Look at%') FROM travel.alerts")"
    same 'every table has rows' '' "$(ask "SELECT string_agg(o::regclass::text, ' ')
        FROM pg_extension AS e, unnest(e.extconfig) AS o WHERE extname = 'impossible_travel'" |
        tr ' ' '\n' | while read -r table; do [ "$(ask "SELECT count(*) > 0 FROM $table")" = t ] || echo "$table"; done)"
}

# The tables and sequences of the extension, one a line.
tables() {
    ask "SELECT c.oid::regclass FROM pg_extension AS e, unnest(e.extconfig) AS o JOIN pg_class AS c ON c.oid = o
        WHERE extname = 'impossible_travel' ORDER BY c.oid::regclass::text"
}

rows() {
    local table columns query=
    while read -r table; do
        columns='*'
        case $table in *_seq) columns='last_value, is_called' ;; esac
        query+="${query:+ UNION ALL }SELECT '$table ' || row_to_json(t)::text FROM (SELECT $columns FROM $table) AS t"
    done < <(tables)
    ask "$query ORDER BY 1"
}

contents() {
    rows
    ask "SELECT 'by_query ' || t::text FROM public.by_query AS t
        UNION ALL SELECT 'found ' || t::text FROM public.found AS t
        UNION ALL SELECT 'by_window ' || t::text FROM public.by_window AS t
        UNION ALL SELECT 'board ' || t::text FROM public.board AS t
        UNION ALL SELECT 'raw ' || t::text FROM public.raw AS t
        UNION ALL SELECT 'place ' || t::text FROM public.place AS t
        UNION ALL SELECT 'leg ' || t::text FROM public.leg AS t
        UNION ALL SELECT 'cloudtrail ' || t::text FROM public.cloudtrail AS t
        UNION ALL SELECT 'arriving ' || t::text FROM public.arriving AS t
        ORDER BY 1"
    # Every right on the extension's objects and on the user's, and who owns them. MAINTAIN is of PostgreSQL 17.
    ask "SELECT format('%s %s of %s: %s may %s', o.kind, o.name, o.owner::regrole, a.grantee::regrole, a.privilege_type)
        FROM (
            SELECT 'relation', oid::regclass::text, relowner, coalesce(relacl, acldefault('r', relowner))
            FROM pg_class WHERE relnamespace IN ('travel'::regnamespace, 'travel_internal'::regnamespace,
                'public'::regnamespace) AND relkind IN ('r', 'v', 'm')
            UNION ALL SELECT 'sequence', oid::regclass::text, relowner, coalesce(relacl, acldefault('s', relowner))
            FROM pg_class WHERE relnamespace = 'travel'::regnamespace AND relkind = 'S'
            UNION ALL SELECT 'column', attrelid::regclass || '.' || attname, relowner, attacl
            FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
            WHERE relnamespace = 'travel'::regnamespace AND attacl IS NOT NULL
            UNION ALL SELECT 'function', oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
            FROM pg_proc WHERE pronamespace IN ('travel'::regnamespace, 'travel_internal'::regnamespace,
                'public'::regnamespace)
            UNION ALL SELECT 'schema', oid::regnamespace::text, nspowner, nspacl
            FROM pg_namespace WHERE nspname IN ('travel', 'travel_internal')
        ) AS o (kind, name, owner, acl), aclexplode(o.acl) AS a
        WHERE a.privilege_type <> 'MAINTAIN'
        ORDER BY 1"
    ask "SELECT format('setting of %s: %s', setrole, setconfig) FROM (SELECT setrole::regrole, setconfig
        FROM pg_db_role_setting WHERE setrole <> 0) AS s"
}

# Rules that do not find new rows by their transaction read recent rows again, and write their checkpoints and count the
# events of each day again.
settled() {
    rows | grep -v '^travel_internal.scans\|^travel.known_[a-z_]*_seq' |
        grep -v '^travel_internal.coverage_days.*"rule":"\(again\|by arrival\)"' |
        sed -E -e '/"rule":"(again|by arrival)"/ s/"pass":[^,]*,"evaluated_from":[^,]*,//' \
            -e '/^travel_internal.coverage_days/ s/"pass":[0-9]*,|,"counted_at":"[^"]*"//g' \
            -e '/^travel_internal.minted_keys/ s/,"pass":[^}]*//'
}

# The passes that wrote the checkpoints.
without_pass() { sed -E 's/"pass":[^,]*,"evaluated_from":[^,]*,//' "$@"; }

unchanged() {
    "$3" >"$SCRATCH/now"
    cmp -s "$2" "$SCRATCH/now" || fail "$1
$(diff "$2" "$SCRATCH/now" | cut -c 1-300 | head -n 12)"
}

more_events() {
    ask "SELECT journey('AKIA new', '2026-03-20 12:00Z');
        SELECT call('AKIA' || p, '2026-03-19 09:00Z', '192.0.2.1', 'person ' || p),
            call('AKIA' || p, '2026-03-19 09:10Z', CASE p % 2 WHEN 0 THEN '192.0.2.1'::inet ELSE '203.0.113.1' END,
                'person ' || p) FROM generate_series(1, 10) AS p;
        SELECT call('AKIA1', '2026-02-20 09:10Z', '203.0.113.1', 'person 1');
        SELECT call('AKIA last', '2026-03-13 12:15Z', '192.0.2.1');
        SELECT call('AKIA9', '2026-03-18 09:20Z', '198.51.100.1', 'person 9')" >/dev/null
}

scan_quietly() {
    ask 'LISTEN travel_alerts; CALL travel.scan(); SELECT 1' >"$SCRATCH/told" 2>"$SCRATCH/warnings"
    same "$1: nobody is notified" 1 "$(cat "$SCRATCH/told")"
    same "$1: only the rule without a source warns" '1 1' \
        "$(grep -c WARNING "$SCRATCH/warnings") $(grep -c 'WARNING: .*"gone"' "$SCRATCH/warnings")"
}

results() {
    local name
    while read -r name; do
        ends "$name" | sed "s/^/$name: /"
    done < <(ask 'SELECT name FROM travel.rules ORDER BY 1')
    ask "SELECT format('alert %s of %s is %s', id, rule, leg_id) FROM travel.alerts ORDER BY 1"
}
