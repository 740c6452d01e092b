-- Detection over a table of one's own --------------------------------------------------------------------------------

CREATE TYPE travel.finding AS (
    leg_id               text,   -- 32 hex digits: the entity, both times and both addresses
    entity               text,   -- whom the travel is evaluated for
    account_id           text,   -- of the arriving event
    identity_type        text,
    principal            text,
    actor                text,
    session_name         text,
    user_name            text,
    arn                  text,
    access_key_id        text,
    from_time            timestamptz,
    from_ip              inet,
    from_event_id        text,
    from_city            text,
    from_subdivision     text,
    from_country         text,
    from_country_code    text,
    from_latitude        float8,
    from_longitude       float8,
    from_accuracy_km     float8,
    from_asn             bigint,
    from_as_organization text,
    from_hosting         text,
    from_anonymizer      text,
    from_carrier         text,
    to_time              timestamptz,
    to_ip                inet,
    to_event_id          text,
    to_city              text,
    to_subdivision       text,
    to_country           text,
    to_country_code      text,
    to_latitude          float8,
    to_longitude         float8,
    to_accuracy_km       float8,
    to_asn               bigint,
    to_as_organization   text,
    to_hosting           text,
    to_anonymizer        text,
    to_carrier           text,
    distance_km          float8,
    effective_distance_km   float8,
    elapsed_seconds      float8,
    velocity_kmh         float8,
    impossible           boolean,
    from_event_name      text,
    from_event_source    text,
    from_aws_region      text,
    from_access_key_id   text,
    from_user_agent      text,
    from_outcome         text,
    from_error_code      text,
    to_event_name        text,
    to_event_source      text,
    to_aws_region        text,
    to_access_key_id     text,
    to_user_agent        text,
    to_outcome           text,
    to_error_code        text,
    travel_time          text,          -- the elapsed time in words
    message              text           -- one sentence for an analyst
);
COMMENT ON TYPE travel.finding IS
    'a leg, the events at both ends of it, and a sentence; what travel.detect returns';
-- The tables of verdicts and alerts have these comments, too.
COMMENT ON COLUMN travel.finding.leg_id IS
    '32 hex digits made of the entity, both times and both addresses: the same on any server';
COMMENT ON COLUMN travel.finding.entity IS 'whom the travel is evaluated for';
COMMENT ON COLUMN travel.finding.account_id IS 'of the event at which the leg arrives, as the next seven are';
COMMENT ON COLUMN travel.finding.identity_type IS 'IAMUser, AssumedRole, Root, …';
COMMENT ON COLUMN travel.finding.principal IS 'ARN of the user or role';
COMMENT ON COLUMN travel.finding.actor IS 'the person, where the event says who it was';
COMMENT ON COLUMN travel.finding.session_name IS 'the user''s name, or the session''s';
COMMENT ON COLUMN travel.finding.user_name IS 'of an IAM user';
COMMENT ON COLUMN travel.finding.arn IS 'of the identity';
COMMENT ON COLUMN travel.finding.access_key_id IS 'the credential';
COMMENT ON COLUMN travel.finding.from_time IS 'of the event that the leg starts from';
COMMENT ON COLUMN travel.finding.from_ip IS 'its address; NULL over coordinates';
COMMENT ON COLUMN travel.finding.from_event_id IS 'its id';
COMMENT ON COLUMN travel.finding.from_city IS 'where the address is';
COMMENT ON COLUMN travel.finding.from_subdivision IS 'the same: state or region';
COMMENT ON COLUMN travel.finding.from_country IS 'the same: in English';
COMMENT ON COLUMN travel.finding.from_country_code IS 'the same: two letters';
COMMENT ON COLUMN travel.finding.from_latitude IS 'in degrees';
COMMENT ON COLUMN travel.finding.from_longitude IS 'in degrees';
COMMENT ON COLUMN travel.finding.from_accuracy_km IS 'radius of what GeoIP says';
COMMENT ON COLUMN travel.finding.from_asn IS 'number of the network';
COMMENT ON COLUMN travel.finding.from_as_organization IS 'who runs the network';
COMMENT ON COLUMN travel.finding.from_hosting IS 'on whose machines: aws, azure, …, other';
COMMENT ON COLUMN travel.finding.from_anonymizer IS 'vpn, tor, proxy or relay';
COMMENT ON COLUMN travel.finding.from_carrier IS 'mobile or satellite';
COMMENT ON COLUMN travel.finding.to_time IS 'of the event at which the leg arrives';
COMMENT ON COLUMN travel.finding.to_ip IS 'its address; NULL over coordinates';
COMMENT ON COLUMN travel.finding.to_event_id IS 'its id';
COMMENT ON COLUMN travel.finding.to_city IS 'where the address is';
COMMENT ON COLUMN travel.finding.to_subdivision IS 'the same: state or region';
COMMENT ON COLUMN travel.finding.to_country IS 'the same: in English';
COMMENT ON COLUMN travel.finding.to_country_code IS 'the same: two letters';
COMMENT ON COLUMN travel.finding.to_latitude IS 'in degrees';
COMMENT ON COLUMN travel.finding.to_longitude IS 'in degrees';
COMMENT ON COLUMN travel.finding.to_accuracy_km IS 'radius of what GeoIP says';
COMMENT ON COLUMN travel.finding.to_asn IS 'number of the network';
COMMENT ON COLUMN travel.finding.to_as_organization IS 'who runs the network';
COMMENT ON COLUMN travel.finding.to_hosting IS 'on whose machines: aws, azure, …, other';
COMMENT ON COLUMN travel.finding.to_anonymizer IS 'vpn, tor, proxy or relay';
COMMENT ON COLUMN travel.finding.to_carrier IS 'mobile or satellite';
COMMENT ON COLUMN travel.finding.distance_km IS 'great circle between the two';
COMMENT ON COLUMN travel.finding.effective_distance_km IS
    'what is held against the thresholds: with use_accuracy less both radii';
COMMENT ON COLUMN travel.finding.elapsed_seconds IS 'between the two events';
COMMENT ON COLUMN travel.finding.velocity_kmh IS 'distance over time; NULL in the same second';
COMMENT ON COLUMN travel.finding.impossible IS 'over both thresholds';
COMMENT ON COLUMN travel.finding.from_event_name IS 'what was called';
COMMENT ON COLUMN travel.finding.from_event_source IS 'the service';
COMMENT ON COLUMN travel.finding.from_aws_region IS 'where it was called';
COMMENT ON COLUMN travel.finding.from_access_key_id IS 'the credential';
COMMENT ON COLUMN travel.finding.from_user_agent IS 'the program';
COMMENT ON COLUMN travel.finding.from_outcome IS 'success, failed_auth, denied or error';
COMMENT ON COLUMN travel.finding.from_error_code IS 'of a call that failed';
COMMENT ON COLUMN travel.finding.to_event_name IS 'what was called';
COMMENT ON COLUMN travel.finding.to_event_source IS 'the service';
COMMENT ON COLUMN travel.finding.to_aws_region IS 'where it was called';
COMMENT ON COLUMN travel.finding.to_access_key_id IS 'the credential';
COMMENT ON COLUMN travel.finding.to_user_agent IS 'the program';
COMMENT ON COLUMN travel.finding.to_outcome IS 'success, failed_auth, denied or error';
COMMENT ON COLUMN travel.finding.to_error_code IS 'of a call that failed';
COMMENT ON COLUMN travel.finding.travel_time IS 'the elapsed time in words';
COMMENT ON COLUMN travel.finding.message IS 'one sentence for an analyst';

CREATE FUNCTION travel.detect(
    source regclass, entity text DEFAULT 'access_key_id',
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, condition text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false,
    all_legs boolean DEFAULT false, columns jsonb DEFAULT NULL
) RETURNS SETOF travel.finding
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 100
    AS 'MODULE_PATHNAME', 'travel_detect';
COMMENT ON FUNCTION travel.detect(regclass, text, timestamptz, timestamptz, text, float8, float8, boolean, boolean, jsonb) IS
    'the impossible travels in a table or view of CloudTrail events, with the caller''s rights';

CREATE FUNCTION travel.detect_sql(
    source regclass, entity text DEFAULT 'access_key_id',
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, condition text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false,
    all_legs boolean DEFAULT false, columns jsonb DEFAULT NULL
) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_sql';
COMMENT ON FUNCTION travel.detect_sql(regclass, text, timestamptz, timestamptz, text, float8, float8, boolean, boolean, jsonb) IS
    'the query that travel.detect runs with the same arguments: to explain it, or to make a view of it';

CREATE FUNCTION travel.coverage(
    source regclass, entity text DEFAULT 'access_key_id',
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, condition text DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    OUT source_kind text, OUT status text, OUT events bigint, OUT entities bigint,
    OUT first_time timestamptz, OUT last_time timestamptz
) RETURNS SETOF record
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 20
    AS 'MODULE_PATHNAME', 'travel_coverage';
COMMENT ON FUNCTION travel.coverage(regclass, text, timestamptz, timestamptz, text, jsonb) IS
    'what becomes of each row of a source: evaluated, or the first reason why not; the counts sum to the rows';

-- These overloads catch a time given in place of the entity. PostgreSQL would only report that the function does not exist.
-- (Their arguments have names of their own: a call that names since or until is of the functions above.)
CREATE FUNCTION travel.detect(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL
) RETURNS SETOF travel.finding
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_time_as_entity';
COMMENT ON FUNCTION travel.detect(regclass, timestamptz, timestamptz) IS
    'an error that says how to name a range of time: the second argument is the entity';
CREATE FUNCTION travel.detect_sql(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL
) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_sql_time_as_entity';
COMMENT ON FUNCTION travel.detect_sql(regclass, timestamptz, timestamptz) IS
    'an error that says how to name a range of time: the second argument is the entity';
CREATE FUNCTION travel.coverage(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL,
    OUT source_kind text, OUT status text, OUT events bigint, OUT entities bigint,
    OUT first_time timestamptz, OUT last_time timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_coverage_time_as_entity';
COMMENT ON FUNCTION travel.coverage(regclass, timestamptz, timestamptz) IS
    'an error that says how to name a range of time: the second argument is the entity';

-- What the query of travel.detect_sql is made of ----------------------------------------------------------------------

CREATE FUNCTION travel_internal.each_leg(legs travel.leg[]) RETURNS SETOF travel.leg
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1
    AS 'MODULE_PATHNAME', 'travel_each_leg';
COMMENT ON FUNCTION travel_internal.each_leg(travel.leg[]) IS 'as unnest, but the planner expects few legs';

CREATE FUNCTION travel_internal.entity(VARIADIC parts text[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_entity';
COMMENT ON FUNCTION travel_internal.entity(text[]) IS
    'one text of several columns, joined with |; NULL where a part is NULL, empty or hidden';

CREATE FUNCTION travel_internal.leg_id(entity text, from_time timestamptz, from_ip inet, to_time timestamptz, to_ip inet) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamptz, inet, timestamptz, inet) IS
    'the id of a leg, the same on any server';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamptz, from_latitude float8, from_longitude float8,
    to_time timestamptz, to_latitude float8, to_longitude float8
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id_coordinates';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamptz, float8, float8, timestamptz, float8, float8) IS
    'the id of a leg over coordinates, the same on any server';

CREATE FUNCTION travel_internal.travel_time(elapsed_seconds float8) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_travel_time';
COMMENT ON FUNCTION travel_internal.travel_time(float8) IS 'seconds in words, in their two largest units';

CREATE FUNCTION travel_internal.finding_message(
    entity text, access_key_id text, identity_type text, session_name text,
    from_city text, from_country text, from_latitude float8, from_longitude float8,
    to_city text, to_country text, to_latitude float8, to_longitude float8,
    elapsed_seconds float8, distance_km float8, velocity_kmh float8, impossible boolean
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_finding_message';
COMMENT ON FUNCTION travel_internal.finding_message(
    text, text, text, text, text, text, float8, float8, text, text, float8, float8, float8, float8, float8, boolean
) IS 'a leg as one sentence';
