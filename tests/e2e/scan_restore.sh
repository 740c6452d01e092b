#!/usr/bin/env bash
# A dump holds the whole state of detection rules. In the database where it is restored, scans continue where they stopped.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# Every row of every table of the extension that a dump holds, and the position of the sequences.
everything() {
    ask "SELECT format('SELECT %1\$L || row_to_json(t)::text FROM (SELECT %2\$s FROM %1\$s) AS t', c.oid::regclass,
            CASE relkind WHEN 'S' THEN 'last_value, is_called' ELSE '*' END)
        FROM pg_extension AS e, unnest(e.extconfig) AS o JOIN pg_class AS c ON c.oid = o
        WHERE extname = 'impossible_travel' ORDER BY c.oid::regclass::text" |
        paste -s -d '~' | sed 's/~/ UNION ALL /g' >"$SCRATCH/query"
    ask "$(cat "$SCRATCH/query") ORDER BY 1"
}
tables() { ask "SELECT count(*) FROM pg_extension AS e, unnest(e.extconfig) WHERE extname = 'impossible_travel'"; }

# What a scan that has nothing to do must not change: the above without the progress of scans, and without the
# sequences, which advance for known places that turn out to exist. A scan that evaluates everything once more also counts
# the events of each day once more. It cannot know whether later scans of another cluster will read them again.
settled() {
    everything | grep -v '^travel_internal.scans\|^travel.known_[a-z_]*_seq' |
        sed -e '/^travel_internal.coverage_days/ s/"pass":[0-9]*,\|,"is_exact":[a-z]*\|,"counted_at":"[^"]*"//g' \
            -e '/^travel_internal.minted_keys/ s/,"pass":[^}]*//'
}

unchanged() { # unchanged WHAT FILE COMMAND: what the command answers is in the file
    "$3" >"$SCRATCH/now"
    cmp -s "$2" "$SCRATCH/now" || fail "$1
$(diff "$2" "$SCRATCH/now" | cut -c 1-300 | head -n 12)"
}

scan_server e2e-scan-old
"$(pg_bin createdb)" audit
export PGDATABASE=audit
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    CREATE ROLE analyst;
    CREATE TABLE public.moved AS SELECT * FROM public.cloudtrail;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES
        ('plain', 'postgres', 'public.cloudtrail', false),
        ('gone', 'postgres', 'public.moved', false),
        ('idle', 'postgres', 'public.cloudtrail', false);
    INSERT INTO travel.rules (name, owner, source, learning_period, condition, message) VALUES
        ('people', 'postgres', 'public.cloudtrail', '1 day', 'event_name <> ''Nothing''', 'Look at {{entity}}');
    INSERT INTO travel.rules (name, owner, source, learning_period, learn, learn_transitions) VALUES
        ('moves', 'postgres', 'public.cloudtrail', '1 day', 'encountered', true);
    INSERT INTO travel.rules (name, owner, source, baseline, lineage)
    VALUES ('sessions', 'postgres', 'public.cloudtrail', false, true);
    -- Ten people work in London every day and travel to Tokyo now and then.
    SELECT call('AKIA' || p, '2026-02-01 09:00Z'::timestamptz + d * interval '1 day' + p * interval '1 minute',
        '192.0.2.1', 'person ' || p)
    FROM generate_series(1, 10) AS p, generate_series(0, 40) AS d;
    SELECT call('AKIA' || p, '2026-02-10 09:30Z'::timestamptz + p * interval '2 days', '203.0.113.1', 'person ' || p)
    FROM generate_series(1, 10) AS p;
    SELECT call('AKIA' || p, '2026-02-11 09:30Z'::timestamptz + p * interval '2 days', '203.0.113.1', 'person ' || p)
    FROM generate_series(1, 5) AS p;
    -- One of their keys mints another, which is used in Tokyo.
    INSERT INTO public.cloudtrail
        (event_id, event_time, event_name, event_source, source_ip, access_key_id, issued_access_key_id)
    VALUES ('minting', '2026-02-11 09:00Z', 'AssumeRole', 'sts.amazonaws.com', '192.0.2.1', 'AKIA1', 'ASIA1');
    SELECT call('ASIA1', '2026-02-11 09:20Z', '203.0.113.1');
    INSERT INTO public.moved SELECT * FROM public.cloudtrail;
    INSERT INTO travel.networks (network, name, treatment) VALUES ('198.51.100.0/28', 'our VPN', 'vpn');
    INSERT INTO travel.networks (asn, name, treatment) VALUES (64500, 'nobody', 'ignore');
    INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('people', 'AKIA3', 'on a tour');
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, valid_from, note)
        SELECT 'people', 'person 4', to_country_code, to_subdivision, to_city, '2026-01-01Z', 'her home'
        FROM travel.detect('public.cloudtrail')
        LIMIT 1;
    INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code)
    VALUES ('moves', 'person 5', 'GB', 'JP');
    CALL travel.scan();
    UPDATE travel.alerts
    SET status = 'archived', archive_reason = 'expected', assignee = 'me'
    WHERE id = (SELECT min(id) FROM travel.alerts WHERE rule = 'people');
    UPDATE travel.alerts
    SET status = 'under_review'
    WHERE id = (SELECT max(id) FROM travel.alerts WHERE rule = 'people');
    INSERT INTO travel.alert_comments (alert_id, comment)
    SELECT max(id), 'asked for a ticket' FROM travel.alerts WHERE rule = 'people';
    INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('plain', 'AKIA7', 'a test');
    UPDATE travel.rules SET enabled = false WHERE name = 'idle';
    -- This withdraws some alerts. In another cluster all events are evaluated again, by the present rows of analysts.
    CALL travel.rescan('plain', '-infinity');
    CALL travel.rescan('people', '-infinity');
    DROP TABLE public.moved;
    CREATE VIEW public.board AS SELECT id, rule, entity, status FROM travel.alerts;
    CREATE VIEW public.found AS SELECT * FROM travel.detect('public.cloudtrail');
    SELECT travel.grant_to('analyst', 'triage');
SQL
ask_all 'CALL travel.scan()' >"$SCRATCH/warnings"
same 'the rule without a source warns' 1 "$(grep -c 'WARNING: .*"gone"' "$SCRATCH/warnings")"
everything >"$SCRATCH/old"
settled >"$SCRATCH/old-settled"
note "$(tables) tables and sequences; rows: $(sed 's/[{].*//' "$SCRATCH/old" | uniq -c | awk '{ printf "%s %s  ", $2, $1 }')"
same 'every table has rows' '' "$(ask "SELECT string_agg(o::regclass::text, ' ')
    FROM pg_extension AS e, unnest(e.extconfig) AS o WHERE extname = 'impossible_travel'" |
    tr ' ' '\n' | while read -r table; do grep -q "^${table}{" "$SCRATCH/old" || printf '%s ' "$table"; done)"
same 'alerts of all kinds' 't|t|t|t' "$(ask "SELECT bool_or(status = 'archived'), bool_or(status = 'under_review'),
    bool_or(withdrawn_at IS NOT NULL), bool_or(message LIKE 'Look at%') FROM travel.alerts")"
newest=$(ask 'SELECT max(id) FROM travel.alerts')
"$(pg_bin pg_dump)" --format custom --file "$SCRATCH/dump" audit

goes_on() { # goes_on WHERE: in a database that the dump was restored into
    unchanged "$1: every row is there" "$SCRATCH/old" everything

    ask 'LISTEN travel_alerts; CALL travel.scan(); SELECT 1' >"$SCRATCH/told" 2>"$SCRATCH/warnings"
    same "$1: nobody is told of anything" 1 "$(cat "$SCRATCH/told")"
    same "$1: the rule without a source warns" 1 "$(grep -c 'WARNING: .*"gone"' "$SCRATCH/warnings")"
    same "$1: no other does" 1 "$(grep -c WARNING "$SCRATCH/warnings")"
    # A pass over everything may write the checkpoints again; their contents are the same.
    settled | sed -E 's/"pass":[^,]*,"evaluated_from":[^,]*,//' >"$SCRATCH/new-settled"
    sed -E 's/"pass":[^,]*,"evaluated_from":[^,]*,//' "$SCRATCH/old-settled" >"$SCRATCH/wanted"
    cmp -s "$SCRATCH/wanted" "$SCRATCH/new-settled" || fail "$1: a scan changed something
$(diff "$SCRATCH/wanted" "$SCRATCH/new-settled" | cut -c 1-300 | head -n 12)"

    # New events, and late ones.
    ask "SELECT journey('AKIA new', '2026-03-20 12:00Z'); SELECT call('AKIA1', '2026-02-20 09:10Z', '203.0.113.1',
        'person 1')" >/dev/null
    ask 'CALL travel.scan()' 2>/dev/null
    same "$1: new alerts have new ids" t "$(ask "SELECT min(id) > $newest AND count(*) = 1 FROM travel.alerts
        WHERE rule = 'plain' AND entity = 'AKIA new'")"
    same "$1: a late event is evaluated" 1 \
        "$(ask "SELECT count(*) FROM travel.alerts
        WHERE rule = 'plain' AND entity = 'AKIA1' AND from_time >= '2026-02-20' AND from_time < '2026-02-21'")"
    ask 'CALL travel.scan()' 2>/dev/null
    new_rule fresh
    ask "CALL travel.scan('fresh'); CALL travel.rescan('idle', '-infinity')"
    same_ends "$1: as if it had never moved" idle fresh
    ask "INSERT INTO travel.rules (name, owner, source, baseline, lineage)
        VALUES ('new sessions', 'postgres', 'public.cloudtrail', false, true); CALL travel.scan('new sessions')"
    same_ends "$1: chains of keys are as if they had never moved" 'new sessions' sessions
    ask "UPDATE travel.rules SET source = 'public.cloudtrail' WHERE name = 'gone'; CALL travel.scan('gone')"
    same_ends "$1: a rule that has a source again" fresh gone
    ask "INSERT INTO travel.networks (network, name)
        VALUES ('10.0.0.0/8', 'n'); INSERT INTO travel.suppressions (entity_like, reason) VALUES ('x', 'y')"

    [ "$1" = elsewhere ] || ask "SELECT travel.grant_to('analyst', 'triage')" >/dev/null
    same "$1: rights that were given are there, or are given again" 't|t|f' \
        "$(ask "SELECT has_table_privilege('analyst', 'travel.alerts', 'select'), has_column_privilege('analyst',
        'travel.alerts', 'status', 'update'),
        has_table_privilege('analyst', 'travel.rules', 'update')")"
}


rule 'a dump restores every row into another server, where scans raise no alert twice and miss none'
scan_server e2e-scan-new
ask 'CREATE ROLE analyst'
"$(pg_bin createdb)" elsewhere
export PGDATABASE=elsewhere
"$(pg_bin pg_restore)" --exit-on-error --single-transaction --dbname elsewhere "$SCRATCH/dump" 2>"$SCRATCH/said"
goes_on 'elsewhere'

rule 'pg_restore with several jobs, which loads the tables in any order, loses and changes no row'
for round in 1 2 3 4 5 6; do
    "$(pg_bin createdb)" "jobs$round"
    PGDATABASE=postgres "$(pg_bin pg_restore)" --exit-on-error --jobs 4 --dbname "jobs$round" "$SCRATCH/dump" 2>"$SCRATCH/said" || fail "round $round: $(cat "$SCRATCH/said")"
    export PGDATABASE=jobs$round
    unchanged "round $round: every row is there" "$SCRATCH/old" everything
    ask 'LISTEN travel_alerts; CALL travel.scan(); SELECT 1' >"$SCRATCH/told" 2>"$SCRATCH/warnings"
    same "round $round: nobody is told of anything" 1 "$(cat "$SCRATCH/told")"
    settled | sed -E 's/"pass":[^,]*,"evaluated_from":[^,]*,//' >"$SCRATCH/new-settled"
    sed -E 's/"pass":[^,]*,"evaluated_from":[^,]*,//' "$SCRATCH/old-settled" | cmp -s - "$SCRATCH/new-settled" \
        || fail "round $round: a scan changed something"
    export PGDATABASE=elsewhere
    "$(pg_bin dropdb)" "jobs$round"
done

rule 'a dump restores into another database of the same server'
server_at e2e-scan-old
"$(pg_bin createdb)" beside
export PGDATABASE=beside
"$(pg_bin pg_restore)" --exit-on-error --single-transaction --no-acl --dbname beside "$SCRATCH/dump" 2>"$SCRATCH/said"
goes_on 'beside'

rule 'a rule whose owner does not exist in the other server waits for its owner, and the other rules are scanned'
export PGDATABASE=audit
ask "CREATE ROLE gardener; GRANT SELECT ON public.cloudtrail TO gardener; UPDATE travel.rules SET owner = 'gardener'
    WHERE name = 'people'; DELETE FROM travel.rules WHERE name = 'gone'"
"$(pg_bin pg_dump)" --format custom --no-acl --file "$SCRATCH/dump" audit
server_at e2e-scan-new
"$(pg_bin createdb)" waiting
export PGDATABASE=waiting
"$(pg_bin pg_restore)" --exit-on-error --single-transaction --dbname waiting "$SCRATCH/dump" 2>"$SCRATCH/said"
ask 'CALL travel.scan()' 2>"$SCRATCH/warnings"
same 'a warning' 1 "$(grep -c 'WARNING: .*"people".*gardener' "$SCRATCH/warnings")"
same 'in the status' t "$(ask "SELECT bool_and((last_error LIKE '%gardener%') IS TRUE = (rule = 'people'))
    FROM travel.status")"
ask 'CREATE ROLE gardener; GRANT SELECT ON public.cloudtrail TO gardener; CALL travel.scan()'
same 'with its owner the rule is scanned' '' "$(ask 'SELECT last_error FROM travel.status WHERE last_error IS NOT NULL')"

rule 'DROP EXTENSION CASCADE keeps the tables and views of the user, except views over objects of the extension'
server_at e2e-scan-old
export PGDATABASE=beside
rows=$(ask 'SELECT count(*) FROM public.cloudtrail')
ask 'CREATE VIEW public.own AS SELECT count(*) FROM public.cloudtrail; CREATE TABLE public.kept AS SELECT * FROM travel.verdicts'
refused 2BP01 'DROP EXTENSION impossible_travel'
kept=$(ask 'SELECT count(*) FROM public.kept')
ask_all 'DROP EXTENSION impossible_travel CASCADE' >/dev/null
same 'the objects that are left' "$rows|$rows|$kept|||" \
    "$(ask "SELECT (SELECT count(*) FROM public.cloudtrail), (SELECT * FROM public.own), (SELECT count(*)
    FROM public.kept),
    to_regclass('public.board'), to_regclass('public.found'), to_regnamespace('travel')")"
ask 'CREATE EXTENSION impossible_travel'
new_rule again
ask 'CALL travel.scan()'
same 'it begins again' t "$(ask 'SELECT count(*) > 5 FROM travel.alerts')"
no_crash
