#!/usr/bin/env bash
# The page of travel.map_html in a headless Chromium: what it shows, for whom it can be read, and that hostile names stay
# text. PICTURES is a folder that keeps the pictures of it.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

has_browser() { PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$ROOT/tests" python3 -c 'import browser, sys; sys.exit(not browser.executable())'; }
has_browser || skip 'there is no Chromium (apt-get install chromium)'

scan_server e2e-map-html
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    SELECT travel.create_rule('access_key', 'public.cloudtrail', 'keys');
    INSERT INTO travel.networks (network, name, treatment) VALUES ('198.18.0.0/24', 'office VPN', 'vpn');
    -- A journey of each person: from London to another city in ten minutes, long after the learning period. The names are
    -- what an attacker could choose as the name of a role's session.
    CREATE FUNCTION moves(key text, actor text, day int, address inet) RETURNS void LANGUAGE sql AS $$
        SELECT call(key, '2026-02-01 12:00Z', '192.0.2.1', actor);
        SELECT call(key, '2026-03-01 12:00Z'::timestamptz + day * interval '1 day', '192.0.2.1', actor);
        SELECT call(key, '2026-03-01 12:10Z'::timestamptz + day * interval '1 day', address, actor);
    $$;
    SELECT moves('AKIA1', 'alice', 0, '203.0.113.1'),
           moves('AKIA2', '</script><script>window.hacked = 1</script>', 1, '203.0.113.1'),
           moves('AKIA3', '"><img src=x onerror="window.hacked = 1">', 2, '198.19.0.77'),
           moves('AKIA4', $$'; window.hacked = 1; //\u003c<!--<script>$$, 2, '203.0.113.1'),
           moves('AKIA5', repeat('w', 5000), 3, '203.0.113.1'),
           moves('AKIA6', 'vera', 4, '198.18.0.9');
    CALL travel.scan();
    SELECT travel.create_rule('access_key', 'public.cloudtrail', 'never scanned');
    UPDATE travel.rules SET severity = 'high' WHERE name = 'keys';
SQL
page="$SCRATCH/map.html"
ask 'SELECT travel.map_html()' >"$page"
ask "SELECT travel.map_html('never scanned')" >"$SCRATCH/none.html"
# What the page must show, by the tables.
ask "SELECT jsonb_build_object(
        'alerts', (SELECT count(*) FROM travel.alerts_brief),
        'routes', (SELECT count(*) FROM travel.alert_routes),
        'not_raised', (SELECT count(*) FROM travel.verdicts WHERE NOT raised),
        'reasons', (SELECT array_agg(DISTINCT r) FROM travel.verdicts, unnest(reasons) AS r),
        'evaluated', (SELECT sum(located) FROM travel.coverage_daily),
        'names', (SELECT array_agg(left(identity, 200)) FROM travel.alerts_brief))" >"$SCRATCH/tables.json"
same 'alerts' 5 "$(ask 'SELECT count(*) FROM travel.alerts')"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$ROOT/tests" PICTURES=${PICTURES:-} \
    python3 "$ROOT/tests/e2e/map_html.py" "$page" "$SCRATCH/none.html" "$SCRATCH/tables.json" || fail 'see above'
no_crash
