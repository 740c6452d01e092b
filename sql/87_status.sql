-- The status of each rule -------------------------------------------------------------------------------------------

CREATE VIEW travel.status AS
SELECT r.name AS rule,
       r.enabled,
       s.finished_at AS last_scan,
       extract(epoch FROM pg_catalog.now() - s.newest_event)::float8 AS lag_seconds,
       s.newest_event,
       s.located::float8 / nullif(s.events, 0) AS share_located,
       (SELECT pg_catalog.count(*) FROM travel.alerts AS a
        WHERE a.rule = r.name AND a.status = 'open' AND a.withdrawn_at IS NULL) AS open_alerts,
       s.geoip_built_at,
       (extract(epoch FROM pg_catalog.now() - s.geoip_built_at) / 86400)::float8 AS geoip_age_days,
       s.under_way,
       s.position,
       s.last_error,
       s.last_error_at,
       nullif(pg_catalog.concat_ws('; ',
           s.problem,
           CASE
               WHEN s.finished_at IS NULL
                    AND (s.under_way IS NOT TRUE OR s.started_at < pg_catalog.now() - interval '1 day') THEN
                   'no scan has ended yet'
               WHEN s.finished_at < pg_catalog.now() - interval '1 day' THEN
                   'no scan has ended since ' || to_char(s.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
               WHEN s.news_at < pg_catalog.now() - greatest(interval '1 day', 10 * s.longest_gap) THEN
                   'no new events since ' || to_char(s.news_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
           END,
           CASE
               WHEN s.geoip_built_at < pg_catalog.now() - interval '30 days' THEN
                   pg_catalog.format('the GeoIP data is %s days old',
                                     floor(extract(epoch FROM pg_catalog.now() - s.geoip_built_at) / 86400))
           END
       ), '') AS problem,
       s.pruned_before AS evaluates_from
FROM travel.rules AS r
LEFT JOIN travel_internal.scans AS s ON s.rule = r.name;
COMMENT ON VIEW travel.status IS
    'Status of each rule: its last scan, the newest event, open alerts, errors and problems';
COMMENT ON COLUMN travel.status.rule IS 'The rule';
COMMENT ON COLUMN travel.status.enabled IS 'Whether travel.scan() without an argument evaluates the rule';
COMMENT ON COLUMN travel.status.last_scan IS 'Time at which the last scan ended; NULL if none has';
COMMENT ON COLUMN travel.status.newest_event IS 'Time of the newest event that was read';
COMMENT ON COLUMN travel.status.lag_seconds IS 'Time since newest_event, in seconds';
COMMENT ON COLUMN travel.status.share_located IS 'Fraction of the events read so far that were located, from 0 to 1';
COMMENT ON COLUMN travel.status.position IS 'Event time that the scan in progress has reached';
COMMENT ON COLUMN travel.status.open_alerts IS 'Number of alerts with the status open that are not withdrawn';
COMMENT ON COLUMN travel.status.geoip_built_at IS
    'Build time of the oldest GeoIP database that was in use at the last scan';
COMMENT ON COLUMN travel.status.geoip_age_days IS 'Age of that GeoIP database, in days';
COMMENT ON COLUMN travel.status.under_way IS 'Whether a scan is in progress';
COMMENT ON COLUMN travel.status.last_error IS
    'Error of the last scan, or of the rule as it was written; NULL after a successful scan';
COMMENT ON COLUMN travel.status.last_error_at IS 'Time of last_error';
COMMENT ON COLUMN travel.status.problem IS
    'Why the rule may miss travel although its scans succeed; NULL if no problem is known';
COMMENT ON COLUMN travel.status.evaluates_from IS
    'The latest cutoff of travel.prune: scans ignore older events; NULL: they evaluate all events';

CREATE FUNCTION travel.assert_healthy() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_assert_healthy';
COMMENT ON FUNCTION travel.assert_healthy() IS
    'Raises an error that names every enabled rule for which travel.status shows an error or a problem. '
    'Requires the level read';
REVOKE ALL ON FUNCTION travel.assert_healthy() FROM PUBLIC;
