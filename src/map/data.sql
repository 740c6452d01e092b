-- What the page of travel.map_html shows, as one JSON document. $1 is a rule or NULL for all, $2 the earliest time or NULL,
-- $3 the number of alerts to list. One statement, so all numbers are of one moment. Texts that callers of AWS choose, such
-- as session names, are shortened.
WITH alert AS MATERIALIZED (
    SELECT b.alert_id, b.severity, b.status, b.first_seen,
           row_number() OVER (ORDER BY b.last_seen DESC, b.alert_id DESC) AS nr
    FROM travel.alerts_brief AS b
    WHERE ($1 IS NULL OR b.rule = $1) AND ($2 IS NULL OR b.last_seen >= $2)
), listed AS (
    SELECT l.nr, jsonb_build_object(
        'id', a.id::text, 'rule', r.rule, 'severity', r.severity, 'status', r.status, 'who', left(r.identity, 200),
        'entity', left(a.entity, 200), 'leg_count', a.leg_count, 'evidence', a.evidence,
        'elapsed_seconds', r.elapsed_seconds, 'distance_km', round(r.distance_km), 'velocity_kmh', round(r.velocity_kmh),
        'from', jsonb_build_object('time', r.from_time, 'ip', host(a.from_ip), 'key', k.from_key, 'city', left(a.from_city, 100),
            'place', left(r.from_place, 200), 'latitude', a.from_latitude, 'longitude', a.from_longitude),
        'to', jsonb_build_object('time', r.to_time, 'ip', host(a.to_ip), 'key', k.to_key, 'city', left(a.to_city, 100),
            'place', left(r.to_place, 200), 'latitude', a.to_latitude, 'longitude', a.to_longitude),
        'route', r.route) AS alert
    FROM alert AS l
    JOIN travel.alert_routes AS r ON r.alert_id = l.alert_id
    JOIN travel.alerts AS a ON a.id = l.alert_id
    -- The access keys, if they differ.
    LEFT JOIN LATERAL (SELECT coalesce(left(a.from_access_key_id, 200), 'no access key') AS from_key,
                              coalesce(left(a.to_access_key_id, 200), 'no access key') AS to_key) AS k
        ON a.from_access_key_id IS DISTINCT FROM a.to_access_key_id
    WHERE l.nr <= $3
), not_raised AS MATERIALIZED (
    SELECT v.reasons
    FROM travel.verdicts AS v
    WHERE ($1 IS NULL OR v.rule = $1) AND ($2 IS NULL OR v.to_time >= $2) AND NOT v.raised
), withdrawn AS (
    SELECT count(*) AS alerts
    FROM travel.alerts AS a
    WHERE ($1 IS NULL OR a.rule = $1) AND ($2 IS NULL OR a.last_seen >= $2) AND a.withdrawn_at IS NOT NULL
), older AS (
    SELECT count(*) AS alerts
    FROM travel.alerts_brief AS b
    WHERE ($1 IS NULL OR b.rule = $1) AND b.last_seen < $2
), rules AS MATERIALIZED (
    SELECT * FROM travel.status AS s WHERE $1 IS NULL OR s.rule = $1
), days AS (
    SELECT (first_seen AT TIME ZONE 'UTC')::date AS day, severity, count(*) AS alerts
    FROM alert
    GROUP BY 1, 2
), coverage AS MATERIALIZED (
    SELECT v.status, sum(v.events) AS events
    FROM travel.coverage_daily AS c
    CROSS JOIN LATERAL (
        VALUES ('located', c.located), ('unknown_address', c.unknown_address), ('private_address', c.private_address),
               ('no_address', c.no_address), ('no_entity', c.no_entity), ('ignored', c.ignored)
    ) AS v (status, events)
    WHERE ($1 IS NULL OR c.rule = $1) AND ($2 IS NULL OR c.day >= ($2 AT TIME ZONE 'UTC')::date)
    GROUP BY v.status
    HAVING sum(v.events) > 0
), counts AS (
    SELECT (SELECT count(*) FROM alert) AS alerts, (SELECT count(*) FROM alert WHERE status = 'open') AS open,
           (SELECT count(*) FROM not_raised) AS not_raised, (SELECT alerts FROM withdrawn) AS withdrawn,
           (SELECT alerts FROM older) AS older
), page AS (
    SELECT jsonb_build_object(
        'rule', $1, 'since', $2, 'generated_at', now(),
        'alert_count', c.alerts, 'open_count', c.open, 'not_raised_count', c.not_raised,
        'alerts', (SELECT coalesce(jsonb_agg(alert ORDER BY nr), '[]') FROM listed),
        'daily', (SELECT coalesce(jsonb_agg(jsonb_build_object('day', day, 'severity', severity, 'alerts', alerts)
                                            ORDER BY day), '[]') FROM days),
        'reasons', (SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'legs', legs)
                                              ORDER BY legs DESC, reason COLLATE "C"), '[]')
                    FROM (SELECT reason, count(*) AS legs FROM not_raised CROSS JOIN unnest(reasons) AS reason
                          GROUP BY reason) AS r),
        'coverage', (SELECT coalesce(jsonb_agg(jsonb_build_object('status', status, 'events', events)
                                               ORDER BY status <> 'located', events DESC, status COLLATE "C"), '[]')
                     FROM coverage),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', rule, 'enabled', enabled, 'last_scan', last_scan,
                                                'problem', problem, 'last_error', left(last_error, 500))
                                            ORDER BY rule COLLATE "C"), '[]') FROM rules),
        'why_none', CASE
            WHEN c.older > 0 THEN format('There is no alert since this time; the earlier ones are %s.', c.older)
            WHEN NOT EXISTS (SELECT FROM rules) THEN 'There is no alert, because there is no rule: travel.create_rule creates one.'
            WHEN NOT EXISTS (SELECT FROM rules WHERE last_scan IS NOT NULL) THEN
                'There is no alert, because no scan has ended yet: CALL travel.scan() runs one.'
            ELSE 'There is no alert. See how many events were evaluated, and the state of the rules.' END,
        'why_no_coverage', 'No scan has counted events of this time.',
        'left_out', to_jsonb(array_remove(ARRAY[
            CASE WHEN c.alerts > $3 THEN
                format('The list and the map have the newest %s of %s alerts. The figures and the charts count all.',
                       $3, c.alerts) END,
            CASE WHEN c.older > 0 THEN format('Alerts that were last seen before this time: %s.', c.older) END,
            CASE WHEN c.withdrawn > 0 THEN
                format('Withdrawn alerts, which have no raised leg any more: %s.', c.withdrawn) END,
            CASE WHEN (SELECT count(*) FROM rules) > 1 THEN
                'In the coverage, an event counts once for each rule that read it.' END,
            'The coverage has no failed sign-ins and no calls by AWS services, which scans do not read.',
            'The legs of an alert after its first one: travel.verdicts has them.',
            'Events, user agents and calls behind an alert. Texts of more than 200 characters are cut off.'
        ], NULL))) AS data
    FROM counts AS c
)
SELECT data::text FROM page
