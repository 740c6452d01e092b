-- Triage: what analysts do with alerts --------------------------------------------------------------------------------

CREATE FUNCTION travel.archive(alert_id bigint, reason text, comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_archive';
COMMENT ON FUNCTION travel.archive(bigint, text, text) IS
    'Archives an alert with a reason (expected, true_positive, false_positive or other), and adds a comment. '
    'Requires the level triage';
REVOKE ALL ON FUNCTION travel.archive(bigint, text, text) FROM PUBLIC;

CREATE FUNCTION travel.silence(alert_id bigint, duration interval, reason text) RETURNS SETOF bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 2
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_silence';
COMMENT ON FUNCTION travel.silence(bigint, interval, text) IS
    'Suppresses legs like those of an alert that arrive after its last one, until the duration from now has passed: of '
    'the same entity, between the same countries, to or from the same networks. Returns the IDs of the suppressions. '
    'Requires the level triage';
REVOKE ALL ON FUNCTION travel.silence(bigint, interval, text) FROM PUBLIC;

-- Alerts belong together if they have one entity or one user and overlap in time, and so do all alerts that are
-- connected in this way. A function finds these groups in one pass over the sorted alerts. SQL would need recursion.
CREATE FUNCTION travel_internal.incident_groups(
    ids bigint[], entities text[], users text[], starts timestamptz[], ends timestamptz[],
    OUT alert_id bigint, OUT incident_id bigint
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'travel_incident_groups';
COMMENT ON FUNCTION travel_internal.incident_groups(bigint[], text[], text[], timestamptz[], timestamptz[]) IS
    'Groups alerts into incidents: alerts of one entity or user that overlap in time. Each incident has the smallest '
    'ID of its alerts';

CREATE VIEW travel.incidents AS
WITH grouped AS (
    SELECT g.alert_id, g.incident_id
    FROM (
        SELECT pg_catalog.array_agg(a.id) AS ids,
               pg_catalog.array_agg(a.entity) AS entities,
               pg_catalog.array_agg(coalesce(a.actor, a.principal)) AS users,
               pg_catalog.array_agg(coalesce(a.from_time, a.first_seen)) AS starts,
               pg_catalog.array_agg(a.last_seen) AS ends
        FROM travel.alerts AS a
        WHERE a.withdrawn_at IS NULL
    ) AS s
    CROSS JOIN LATERAL travel_internal.incident_groups(s.ids, s.entities, s.users, s.starts, s.ends) AS g
), summed AS (
    SELECT g.incident_id,
           pg_catalog.max(a.severity_rank) AS severity_rank,
           pg_catalog.bool_or(a.status = 'open') AS is_open,
           pg_catalog.bool_or(a.status = 'under_review') AS is_under_review,
           pg_catalog.string_agg(DISTINCT a.assignee, ', ') AS assignee,
           pg_catalog.min(a.first_seen) AS first_seen,
           pg_catalog.max(a.last_seen) AS last_seen,
           pg_catalog.count(*) AS alert_count,
           pg_catalog.max(a.leg_count) AS leg_count,
           pg_catalog.array_agg(DISTINCT a.rule) AS rules,
           pg_catalog.array_agg(a.id ORDER BY a.severity_rank DESC, a.id) AS alert_ids
    FROM grouped AS g
    JOIN travel.alerts AS a ON a.id = g.alert_id
    GROUP BY g.incident_id
)
SELECT s.incident_id,
       f.severity,
       s.severity_rank,
       CASE WHEN s.is_open THEN 'open' WHEN s.is_under_review THEN 'under_review' ELSE 'archived' END AS status,
       s.assignee,
       coalesce(f.session_name, f.user_name, f.actor, f.principal, f.entity) AS identity,
       s.first_seen,
       s.last_seen,
       travel_internal.place_name(f.from_city, f.from_country, f.from_country_code, f.from_latitude, f.from_longitude)
           AS from_place,
       travel_internal.place_name(f.to_city, f.to_country, f.to_country_code, f.to_latitude, f.to_longitude)
           AS to_place,
       s.leg_count,
       s.alert_count,
       s.rules,
       s.alert_ids
FROM summed AS s
JOIN travel.alerts AS f ON f.id = s.alert_ids[1];
COMMENT ON VIEW travel.incidents IS
    'Alerts that are about one incident in one row: those of one entity or user that overlap in time, of any rules. '
    'Withdrawn alerts are left out';
COMMENT ON COLUMN travel.incidents.incident_id IS
    'Smallest ID of the alerts. It changes if a scan finds that two incidents are one';
COMMENT ON COLUMN travel.incidents.severity IS 'Highest severity of the alerts';
COMMENT ON COLUMN travel.incidents.severity_rank IS 'Rank of the severity, from 1 (info) to 5 (critical)';
COMMENT ON COLUMN travel.incidents.status IS
    'open if an alert is open, else under_review if an alert is under review, else archived';
COMMENT ON COLUMN travel.incidents.assignee IS 'Analysts who work on the alerts';
COMMENT ON COLUMN travel.incidents.identity IS
    'Name of the session or user with which the first leg of the most severe alert arrives; without a name, its actor, '
    'principal or entity';
COMMENT ON COLUMN travel.incidents.first_seen IS 'Time at which the first leg arrived';
COMMENT ON COLUMN travel.incidents.last_seen IS 'Time at which the last leg arrived';
COMMENT ON COLUMN travel.incidents.from_place IS
    'City and country at the start of the first leg of the most severe alert';
COMMENT ON COLUMN travel.incidents.to_place IS 'City and country at the end of the first leg of the most severe alert';
COMMENT ON COLUMN travel.incidents.leg_count IS 'Number of raised legs of the alert that has the most';
COMMENT ON COLUMN travel.incidents.alert_count IS 'Number of alerts';
COMMENT ON COLUMN travel.incidents.rules IS 'Rules that raised the alerts';
COMMENT ON COLUMN travel.incidents.alert_ids IS 'IDs of the alerts, the most severe first';
