-- Detection in an existing table of events ----------------------------------------------------------------------------

CREATE TYPE travel.finding AS (
    leg_id                text,
    entity                text,
    account_id            text,
    identity_type         text,
    principal             text,
    actor                 text,
    session_name          text,
    user_name             text,
    arn                   text,
    access_key_id         text,
    from_time             timestamptz,
    from_ip               inet,
    from_event_id         text,
    from_city             text,
    from_subdivision      text,
    from_country          text,
    from_country_code     text,
    from_latitude         float8,
    from_longitude        float8,
    from_accuracy_km      float8,
    from_asn              bigint,
    from_as_organization  text,
    from_hosting          text,
    from_anonymizer       text,
    from_carrier          text,
    to_time               timestamptz,
    to_ip                 inet,
    to_event_id           text,
    to_city               text,
    to_subdivision        text,
    to_country            text,
    to_country_code       text,
    to_latitude           float8,
    to_longitude          float8,
    to_accuracy_km        float8,
    to_asn                bigint,
    to_as_organization    text,
    to_hosting            text,
    to_anonymizer         text,
    to_carrier            text,
    distance_km           float8,
    effective_distance_km float8,
    elapsed_seconds       float8,
    velocity_kmh          float8,
    impossible            boolean,
    from_event_name       text,
    from_event_source     text,
    from_aws_region       text,
    from_access_key_id    text,
    from_user_agent       text,
    from_outcome          text,
    from_error_code       text,
    to_event_name         text,
    to_event_source       text,
    to_aws_region         text,
    to_access_key_id      text,
    to_user_agent         text,
    to_outcome            text,
    to_error_code         text,
    travel_time           text,
    message               text
);
COMMENT ON TYPE travel.finding IS
    'Leg with the identity and the calls at both of its ends, as travel.detect returns it';
-- The tables of verdicts and alerts copy these comments.
COMMENT ON COLUMN travel.finding.leg_id IS
    '32 hex digits, computed from the entity, both times and both locations. The same leg has the same ID on every '
    'server';
COMMENT ON COLUMN travel.finding.entity IS 'Identity whose consecutive events are compared';
COMMENT ON COLUMN travel.finding.account_id IS 'AWS account of the caller of the second event';
COMMENT ON COLUMN travel.finding.identity_type IS
    'Type of the caller of the second event, such as IAMUser, AssumedRole or Root';
COMMENT ON COLUMN travel.finding.principal IS
    'ARN of the caller of the second event: the role without its session, or the user';
COMMENT ON COLUMN travel.finding.actor IS 'Person who made the second call, if the event identifies one';
COMMENT ON COLUMN travel.finding.session_name IS 'Name of the IAM user or of the role session of the second event';
COMMENT ON COLUMN travel.finding.user_name IS 'Name of the IAM user of the second event';
COMMENT ON COLUMN travel.finding.arn IS 'ARN of the caller of the second event, with its session';
COMMENT ON COLUMN travel.finding.access_key_id IS 'Access key of the second event';
COMMENT ON COLUMN travel.finding.from_time IS 'Time of the first event of the leg';
COMMENT ON COLUMN travel.finding.from_ip IS
    'Source IP address of the first event; NULL if the events have coordinates instead of addresses';
COMMENT ON COLUMN travel.finding.from_event_id IS
    'ID of the first event; the smallest one if several rows have this time and location';
COMMENT ON COLUMN travel.finding.from_city IS 'City at the start of the leg, in English';
COMMENT ON COLUMN travel.finding.from_subdivision IS 'State, province or other subdivision at the start of the leg';
COMMENT ON COLUMN travel.finding.from_country IS 'Country at the start of the leg, in English';
COMMENT ON COLUMN travel.finding.from_country_code IS 'Country at the start of the leg, as an ISO 3166-1 alpha-2 code';
COMMENT ON COLUMN travel.finding.from_latitude IS 'Latitude at the start of the leg, in degrees';
COMMENT ON COLUMN travel.finding.from_longitude IS 'Longitude at the start of the leg, in degrees';
COMMENT ON COLUMN travel.finding.from_accuracy_km IS
    'Radius in kilometers around the location of the first event that probably contains the address';
COMMENT ON COLUMN travel.finding.from_asn IS 'Number of the autonomous system (AS) of the first event''s address';
COMMENT ON COLUMN travel.finding.from_as_organization IS
    'Organization that operates the autonomous system of the first event''s address';
COMMENT ON COLUMN travel.finding.from_hosting IS
    'Hosting provider of the first event''s address: aws, azure, gcp, … or other';
COMMENT ON COLUMN travel.finding.from_anonymizer IS
    'Anonymizer of the first event''s address: tor, vpn, proxy or relay';
COMMENT ON COLUMN travel.finding.from_carrier IS 'Carrier of the first event''s address: mobile or satellite';
COMMENT ON COLUMN travel.finding.to_time IS 'Time of the second event of the leg';
COMMENT ON COLUMN travel.finding.to_ip IS
    'Source IP address of the second event; NULL if the events have coordinates instead of addresses';
COMMENT ON COLUMN travel.finding.to_event_id IS
    'ID of the second event; the smallest one if several rows have this time and location';
COMMENT ON COLUMN travel.finding.to_city IS 'City at the end of the leg, in English';
COMMENT ON COLUMN travel.finding.to_subdivision IS 'State, province or other subdivision at the end of the leg';
COMMENT ON COLUMN travel.finding.to_country IS 'Country at the end of the leg, in English';
COMMENT ON COLUMN travel.finding.to_country_code IS 'Country at the end of the leg, as an ISO 3166-1 alpha-2 code';
COMMENT ON COLUMN travel.finding.to_latitude IS 'Latitude at the end of the leg, in degrees';
COMMENT ON COLUMN travel.finding.to_longitude IS 'Longitude at the end of the leg, in degrees';
COMMENT ON COLUMN travel.finding.to_accuracy_km IS
    'Radius in kilometers around the location of the second event that probably contains the address';
COMMENT ON COLUMN travel.finding.to_asn IS 'Number of the autonomous system (AS) of the second event''s address';
COMMENT ON COLUMN travel.finding.to_as_organization IS
    'Organization that operates the autonomous system of the second event''s address';
COMMENT ON COLUMN travel.finding.to_hosting IS
    'Hosting provider of the second event''s address: aws, azure, gcp, … or other';
COMMENT ON COLUMN travel.finding.to_anonymizer IS 'Anonymizer of the second event''s address: tor, vpn, proxy or relay';
COMMENT ON COLUMN travel.finding.to_carrier IS 'Carrier of the second event''s address: mobile or satellite';
COMMENT ON COLUMN travel.finding.distance_km IS 'Great-circle distance between the two locations, in kilometers';
COMMENT ON COLUMN travel.finding.effective_distance_km IS
    'Distance that is compared with the thresholds, in kilometers: distance_km, minus both accuracy radii if '
    'use_accuracy is set';
COMMENT ON COLUMN travel.finding.elapsed_seconds IS 'Time between the two events, in seconds';
COMMENT ON COLUMN travel.finding.velocity_kmh IS
    'Velocity in km/h: distance_km divided by the time; NULL if both events have the same time';
COMMENT ON COLUMN travel.finding.impossible IS
    'Whether the leg exceeds both thresholds, min_distance_km and min_velocity_kmh';
COMMENT ON COLUMN travel.finding.from_event_name IS 'API call or sign-in of the first event, such as ConsoleLogin';
COMMENT ON COLUMN travel.finding.from_event_source IS 'AWS service of the first event, such as s3.amazonaws.com';
COMMENT ON COLUMN travel.finding.from_aws_region IS 'AWS Region that logged the first event';
COMMENT ON COLUMN travel.finding.from_access_key_id IS 'Access key of the first event';
COMMENT ON COLUMN travel.finding.from_user_agent IS 'Program that made the call of the first event';
COMMENT ON COLUMN travel.finding.from_outcome IS 'Outcome of the first event: success, failed_auth, denied or error';
COMMENT ON COLUMN travel.finding.from_error_code IS 'Error code of the first event, if it failed';
COMMENT ON COLUMN travel.finding.to_event_name IS 'API call or sign-in of the second event, such as ConsoleLogin';
COMMENT ON COLUMN travel.finding.to_event_source IS 'AWS service of the second event, such as s3.amazonaws.com';
COMMENT ON COLUMN travel.finding.to_aws_region IS 'AWS Region that logged the second event';
COMMENT ON COLUMN travel.finding.to_access_key_id IS 'Access key of the second event';
COMMENT ON COLUMN travel.finding.to_user_agent IS 'Program that made the call of the second event';
COMMENT ON COLUMN travel.finding.to_outcome IS 'Outcome of the second event: success, failed_auth, denied or error';
COMMENT ON COLUMN travel.finding.to_error_code IS 'Error code of the second event, if it failed';
COMMENT ON COLUMN travel.finding.travel_time IS 'Time between the two events in words, such as 1 hour 5 minutes';
COMMENT ON COLUMN travel.finding.message IS 'One sentence that describes the leg';

CREATE FUNCTION travel.detect(
    source regclass, entity text DEFAULT 'access_key_id',
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, condition text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false,
    all_legs boolean DEFAULT false, columns jsonb DEFAULT NULL
) RETURNS SETOF travel.finding
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 100
    AS 'MODULE_PATHNAME', 'travel_detect';
COMMENT ON FUNCTION travel.detect(
    regclass, text, timestamptz, timestamptz, text, float8, float8, boolean, boolean, jsonb
) IS
    'Impossible legs in a table or view of CloudTrail events, read with the privileges of the caller. Defaults: '
    'entity access_key_id, thresholds 500 km and 1000 km/h';

CREATE FUNCTION travel.detect_sql(
    source regclass, entity text DEFAULT 'access_key_id',
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, condition text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false,
    all_legs boolean DEFAULT false, columns jsonb DEFAULT NULL
) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_sql';
COMMENT ON FUNCTION travel.detect_sql(
    regclass, text, timestamptz, timestamptz, text, float8, float8, boolean, boolean, jsonb
) IS
    'The query that travel.detect runs for the same arguments, to explain it or to create a view of it';

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
    'What happens to the rows of a table or view in travel.detect: how many are evaluated, and why the others are '
    'not. The counts add up to the number of rows';

-- These overloads catch a time that is passed as the entity. PostgreSQL would report that the function does not exist
-- and suggest a cast. The arguments have names of their own, so a call that names since or until is one of the
-- functions above.
CREATE FUNCTION travel.detect(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL
) RETURNS SETOF travel.finding
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_time_as_entity';
COMMENT ON FUNCTION travel.detect(regclass, timestamptz, timestamptz) IS
    'Raises an error that says how to write a time range: the second argument of travel.detect is the entity';
CREATE FUNCTION travel.detect_sql(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL
) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_detect_sql_time_as_entity';
COMMENT ON FUNCTION travel.detect_sql(regclass, timestamptz, timestamptz) IS
    'Raises an error that says how to write a time range: the second argument of travel.detect_sql is the entity';
CREATE FUNCTION travel.coverage(
    source regclass, a_time timestamptz, another_time timestamptz DEFAULT NULL,
    OUT source_kind text, OUT status text, OUT events bigint, OUT entities bigint,
    OUT first_time timestamptz, OUT last_time timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_coverage_time_as_entity';
COMMENT ON FUNCTION travel.coverage(regclass, timestamptz, timestamptz) IS
    'Raises an error that says how to write a time range: the second argument of travel.coverage is the entity';

-- Functions that the query of travel.detect_sql calls -----------------------------------------------------------------

CREATE FUNCTION travel_internal.each_leg(legs travel.leg[]) RETURNS SETOF travel.leg
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1
    AS 'MODULE_PATHNAME', 'travel_each_leg';
COMMENT ON FUNCTION travel_internal.each_leg(travel.leg[]) IS
    'Elements of an array of legs. Like unnest, but the planner expects one leg per array';

CREATE FUNCTION travel_internal.entity_legs_add(
    internal, event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) RETURNS internal
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_entity_legs_add';
COMMENT ON FUNCTION travel_internal.entity_legs_add(internal, timestamptz, inet, float8, float8, boolean) IS
    'Transition function of travel_internal.legs_of_entity and travel_internal.rows_of_legs: adds a row to the state';
CREATE FUNCTION travel_internal.entity_legs_final(internal) RETURNS travel.leg[]
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'travel_entity_legs_final';
COMMENT ON FUNCTION travel_internal.entity_legs_final(internal) IS
    'Final function of travel_internal.legs_of_entity: locates the events and evaluates their legs';
CREATE FUNCTION travel_internal.entity_rows_final(internal) RETURNS tid[]
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_entity_rows_final';
COMMENT ON FUNCTION travel_internal.entity_rows_final(internal) IS
    'Final function of travel_internal.rows_of_legs: returns the positions of the rows at the ends of the legs, or '
    'NULL if they are not known';
CREATE AGGREGATE travel_internal.legs_of_entity(
    event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.entity_legs_add, STYPE = internal, SSPACE = 4000,
    FINALFUNC = travel_internal.entity_legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.legs_of_entity(timestamptz, inet, float8, float8, boolean) IS
    'Same legs as travel.impossible_legs, for rows in the order of an index. It shares its state with '
    'travel_internal.rows_of_legs';
CREATE AGGREGATE travel_internal.rows_of_legs(
    event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.entity_legs_add, STYPE = internal, SSPACE = 4000,
    FINALFUNC = travel_internal.entity_rows_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.rows_of_legs(timestamptz, inet, float8, float8, boolean) IS
    'Positions in the table of the rows at the ends of the legs of travel_internal.legs_of_entity. NULL if they are '
    'not known, or if legs_of_entity does not come before it in the same query';

CREATE FUNCTION travel_internal.times_of_legs(legs travel.leg[]) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_times_of_legs';
COMMENT ON FUNCTION travel_internal.times_of_legs(travel.leg[]) IS 'Times of both ends of each leg';

CREATE FUNCTION travel_internal.events_of_legs_add(
    internal, event_time timestamptz, ip inet, VARIADIC labels "any"
) RETURNS internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_events_of_legs_add';
COMMENT ON FUNCTION travel_internal.events_of_legs_add(internal, timestamptz, inet, "any") IS
    'Transition function of travel_internal.events_of_legs: adds a row';
CREATE FUNCTION travel_internal.events_of_legs_final(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_events_of_legs_final';
COMMENT ON FUNCTION travel_internal.events_of_legs_final(internal) IS
    'Final function of travel_internal.events_of_legs: the rows as bytes';
-- With VARIADIC text[], PostgreSQL would make an array of the labels for each row.
CREATE AGGREGATE travel_internal.events_of_legs(event_time timestamptz, ip inet, VARIADIC labels "any") (
    SFUNC = travel_internal.events_of_legs_add, STYPE = internal,
    FINALFUNC = travel_internal.events_of_legs_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.events_of_legs(timestamptz, inet, "any") IS
    'Rows at the ends of the legs of an entity, with their labels, which are texts, for travel_internal.findings; NULL '
    'without rows';
CREATE FUNCTION travel_internal.findings(
    entity text, legs travel.leg[], events bytea, labels text[], own_labels text[]
) RETURNS SETOF travel.finding
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
    AS 'MODULE_PATHNAME', 'travel_findings';
COMMENT ON FUNCTION travel_internal.findings(text, travel.leg[], bytea, text[], text[]) IS
    'Legs of an entity as findings, with the events at both ends, as travel_internal.events_of_legs collected them. '
    'The labels of an event with several rows are those of the first. own_labels has those of the entity itself';

CREATE FUNCTION travel_internal.ends_add(internal, entity text, legs travel.leg[])
    RETURNS internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_ends_add';
COMMENT ON FUNCTION travel_internal.ends_add(internal, text, travel.leg[]) IS
    'Transition function of travel_internal.ends: adds both ends of each leg of an entity';
CREATE FUNCTION travel_internal.ends_final(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_ends_final';
COMMENT ON FUNCTION travel_internal.ends_final(internal) IS
    'Final function of travel_internal.ends: the filter';
CREATE AGGREGATE travel_internal.ends(entity text, legs travel.leg[]) (
    SFUNC = travel_internal.ends_add, STYPE = internal, FINALFUNC = travel_internal.ends_final,
    FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.ends(text, travel.leg[]) IS
    'Filter for the events at both ends of legs, for travel_internal.may_be_end; NULL without legs';

CREATE FUNCTION travel_internal.may_be_end_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_may_be_end_support';
COMMENT ON FUNCTION travel_internal.may_be_end_support(internal) IS
    'Tells the planner that few events are at the ends of legs';
CREATE FUNCTION travel_internal.may_be_end(ends bytea, entity text, event_time timestamptz) RETURNS boolean
    -- The low cost makes PostgreSQL evaluate this condition first, and the others only for the few events that pass.
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 0.1 SUPPORT travel_internal.may_be_end_support
    AS 'MODULE_PATHNAME', 'travel_may_be_end';
COMMENT ON FUNCTION travel_internal.may_be_end(bytea, text, timestamptz) IS
    'Whether an event may be at the end of a leg. False is certain; true is not';

CREATE FUNCTION travel_internal.write_events_add(
    internal, event_time timestamptz, ip inet, "position" tid, VARIADIC entity "any"
) RETURNS internal
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_write_events_add';
COMMENT ON FUNCTION travel_internal.write_events_add(internal, timestamptz, inet, tid, "any") IS
    'Transition function of travel_internal.write_events: writes an event to the file of its share';
CREATE FUNCTION travel_internal.write_events_add(
    internal, event_time timestamptz, latitude float8, longitude float8, "position" tid, VARIADIC entity "any"
) RETURNS internal
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_write_events_add_coordinates';
COMMENT ON FUNCTION travel_internal.write_events_add(internal, timestamptz, float8, float8, tid, "any") IS
    'Transition function of travel_internal.write_events: writes an event to the file of its share';
CREATE FUNCTION travel_internal.write_events_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_write_events_combine';
COMMENT ON FUNCTION travel_internal.write_events_combine(internal, internal) IS
    'Combine function of travel_internal.write_events: adds the numbers of events of two processes';
CREATE FUNCTION travel_internal.write_events_serialize(internal) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_write_events_serialize';
COMMENT ON FUNCTION travel_internal.write_events_serialize(internal) IS
    'Serialization function of travel_internal.write_events: finishes the files of a process';
CREATE FUNCTION travel_internal.write_events_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_write_events_deserialize';
COMMENT ON FUNCTION travel_internal.write_events_deserialize(bytea, internal) IS
    'Deserialization function of travel_internal.write_events: reads the number of events of a process';
CREATE FUNCTION travel_internal.write_events_final(internal) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_write_events_final';
COMMENT ON FUNCTION travel_internal.write_events_final(internal) IS
    'Final function of travel_internal.write_events: returns the number of events';
CREATE AGGREGATE travel_internal.write_events(
    event_time timestamptz, ip inet, "position" tid, VARIADIC entity "any"
) (
    SFUNC = travel_internal.write_events_add, STYPE = internal,
    COMBINEFUNC = travel_internal.write_events_combine,
    SERIALFUNC = travel_internal.write_events_serialize, DESERIALFUNC = travel_internal.write_events_deserialize,
    FINALFUNC = travel_internal.write_events_final, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.write_events(timestamptz, inet, tid, "any") IS
    'Writes events to temporary files, one for each process and share of the entities, and returns their number. Only '
    'travel.detect can call it';
CREATE AGGREGATE travel_internal.write_events(
    event_time timestamptz, latitude float8, longitude float8, "position" tid, VARIADIC entity "any"
) (
    SFUNC = travel_internal.write_events_add, STYPE = internal,
    COMBINEFUNC = travel_internal.write_events_combine,
    SERIALFUNC = travel_internal.write_events_serialize, DESERIALFUNC = travel_internal.write_events_deserialize,
    FINALFUNC = travel_internal.write_events_final, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.write_events(timestamptz, float8, float8, tid, "any") IS
    'Writes events with coordinates to temporary files, one for each process and share of the entities, and returns '
    'their number. Only travel.detect can call it';
CREATE FUNCTION travel_internal.legs_of_shares(
    first integer, step integer, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean,
    with_positions boolean, OUT entity text[], OUT legs travel.leg[], OUT row_ids tid[]
) RETURNS SETOF record
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10000000 ROWS 1000
    AS 'MODULE_PATHNAME', 'travel_legs_of_shares';
COMMENT ON FUNCTION travel_internal.legs_of_shares(integer, integer, float8, float8, boolean, boolean) IS
    'Impossible legs of each entity of every step-th share from the first on, from the files of '
    'travel_internal.write_events, and optionally the positions of the rows at their ends. Only travel.detect can '
    'call it';

CREATE FUNCTION travel_internal.sorted_ge(text, text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_sorted_ge';
COMMENT ON FUNCTION travel_internal.sorted_ge(text, text) IS
    'Returns what the operator >= of text returns. Faster if consecutive calls have the same arguments';
CREATE FUNCTION travel_internal.sorted_lt(text, text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_sorted_lt';
COMMENT ON FUNCTION travel_internal.sorted_lt(text, text) IS
    'Returns what the operator < of text returns. Faster if consecutive calls have the same arguments';

-- The cost makes PostgreSQL evaluate the caller's condition first, which can exclude a value.
CREATE FUNCTION travel_internal.as_text(value "any") RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_as_text';
COMMENT ON FUNCTION travel_internal.as_text("any") IS
    'A value as text, as its cast returns it. An error if the value has more than 8 MB, because PostgreSQL does not '
    'check for a cancel while it converts one value';

CREATE FUNCTION travel_internal.entity(VARIADIC parts text[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_entity';
COMMENT ON FUNCTION travel_internal.entity(text[]) IS
    'Entity of several columns: their values joined with |, or NULL if one of them is NULL, empty or hidden';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamptz, from_ip inet, to_time timestamptz, to_ip inet
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamptz, inet, timestamptz, inet) IS
    'ID of a leg between two addresses; it is the same on every server';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamptz, from_latitude float8, from_longitude float8,
    to_time timestamptz, to_latitude float8, to_longitude float8
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id_coordinates';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamptz, float8, float8, timestamptz, float8, float8) IS
    'ID of a leg between two coordinates; it is the same on every server';

CREATE FUNCTION travel_internal.travel_time(elapsed_seconds float8) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_travel_time';
COMMENT ON FUNCTION travel_internal.travel_time(float8) IS
    'Seconds in words, by their two largest units, such as 1 hour 5 minutes';

CREATE FUNCTION travel_internal.finding_message(
    entity text, from_access_key_id text, from_identity_type text, from_session_name text,
    to_access_key_id text, to_identity_type text, to_session_name text,
    from_city text, from_country text, from_latitude float8, from_longitude float8,
    to_city text, to_country text, to_latitude float8, to_longitude float8,
    elapsed_seconds float8, distance_km float8, velocity_kmh float8, impossible boolean
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_finding_message';
COMMENT ON FUNCTION travel_internal.finding_message(
    text, text, text, text, text, text, text, text, text, float8, float8, text, text, float8, float8,
    float8, float8, float8, boolean
) IS
    'One sentence that describes a leg';
