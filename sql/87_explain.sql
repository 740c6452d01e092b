-- Explanations: every event of an entity with its leg and its verdict in words ---------------------------------------

CREATE TYPE travel.explanation AS (
    event_time            timestamptz,
    event_id              text,
    event_name            text,
    source_ip             inet,
    city                  text,
    country_code          text,
    status                text,
    from_time             timestamptz,
    from_city             text,
    distance_km           float8,
    effective_distance_km float8,
    elapsed_seconds       float8,
    velocity_kmh          float8,
    impossible            boolean,
    raised                boolean,
    reasons               text[],
    causes                text[],
    alert_id              bigint,
    explanation           text,
    leg_id                text
);
COMMENT ON TYPE travel.explanation IS
    'An event of an entity, with the leg that arrives at it and what a rule decided about it';
COMMENT ON COLUMN travel.explanation.event_time IS 'Time of the event';
COMMENT ON COLUMN travel.explanation.event_id IS 'ID of the event';
COMMENT ON COLUMN travel.explanation.event_name IS 'Name of the call';
COMMENT ON COLUMN travel.explanation.source_ip IS 'Source address of the event';
COMMENT ON COLUMN travel.explanation.city IS 'City of the address at that time';
COMMENT ON COLUMN travel.explanation.country_code IS 'Country of the address, as two capital letters';
COMMENT ON COLUMN travel.explanation.status IS
    'Whether the event is evaluated, as in travel.coverage. excluded: the condition of the rule excludes it. too_long: '
    'the name of the entity has more than 2000 bytes. missing: a verdict exists, but the source no longer has the '
    'event';
COMMENT ON COLUMN travel.explanation.from_time IS 'Time of the event at which the leg starts; NULL if there is no leg';
COMMENT ON COLUMN travel.explanation.from_city IS 'City at which the leg starts';
COMMENT ON COLUMN travel.explanation.distance_km IS 'Great-circle distance of the leg in km';
COMMENT ON COLUMN travel.explanation.effective_distance_km IS
    'Distance that the rule compares: with use_accuracy, less the accuracy radii of both ends';
COMMENT ON COLUMN travel.explanation.elapsed_seconds IS 'Time between the two events of the leg in seconds';
COMMENT ON COLUMN travel.explanation.velocity_kmh IS
    'Velocity of the leg in km/h; NULL if both events are in the same second';
COMMENT ON COLUMN travel.explanation.impossible IS 'Whether the leg is impossible; NULL if there is no leg';
COMMENT ON COLUMN travel.explanation.raised IS 'Whether a scan raised the leg; NULL if no scan gave a verdict on it';
COMMENT ON COLUMN travel.explanation.reasons IS
    'Every reason not to raise the leg, as in travel.verdicts. Before a scan has read the event, the reasons that it '
    'would find now';
COMMENT ON COLUMN travel.explanation.causes IS
    'The cause of each reason: the known location, the network or the suppression, and who entered it and when';
COMMENT ON COLUMN travel.explanation.alert_id IS 'Alert that contains the leg';
COMMENT ON COLUMN travel.explanation.explanation IS 'All of the other columns in sentences';
COMMENT ON COLUMN travel.explanation.leg_id IS 'ID of the leg, as in travel.verdicts';

-- The source is read with the rights of the owner of the rule, as a scan reads it.
CREATE FUNCTION travel.explain(
    rule text,
    entity text,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL
) RETURNS SETOF travel.explanation
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_explain';
COMMENT ON FUNCTION travel.explain(text, text, timestamptz, timestamptz) IS
    'Every event of an entity in a range of time, with the leg that arrives at it, what the baseline knew, and the '
    'verdict of the rule in words. Events that are not evaluated have the reason. Requires the level read';
REVOKE ALL ON FUNCTION travel.explain(text, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION travel.explain_alert(id bigint) RETURNS SETOF travel.explanation
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_explain_alert';
COMMENT ON FUNCTION travel.explain_alert(bigint) IS
    'The rows of travel.explain for the entity of an alert, from the start of its first leg to the end of its last '
    'leg. Requires the level read';
REVOKE ALL ON FUNCTION travel.explain_alert(bigint) FROM PUBLIC;
