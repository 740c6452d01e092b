-- CloudTrail: documents, records, events -----------------------------------------------------------------------------

CREATE TYPE travel.event AS (
    event_id              text,
    event_time            timestamptz,
    event_name            text,
    event_source          text,
    event_type            text,
    event_category        text,
    aws_region            text,
    account_id            text,        -- of the caller
    recipient_account_id  text,
    shared_event_id       text,
    source_ip             inet,        -- a host; NULL where sourceIPAddress is no address
    source_text           text,        -- sourceIPAddress as it is
    source_kind           text,        -- public | private | aws_service | aws_internal | malformed | absent
    identity_type         text,
    principal_id          text,
    arn                   text,
    user_name             text,
    session_name          text,        -- an IAM user's name, a role's session
    principal             text,        -- the role without its session, or the user's ARN
    actor                 text,        -- the person, where one can be told
    access_key_id         text,
    issued_access_key_id  text,        -- the temporary key that this call minted
    session_issuer_arn    text,
    source_identity       text,
    invoked_by            text,        -- the service that made the call
    mfa_used              boolean,
    from_console          boolean,
    vpc_endpoint_id       text,
    user_agent            text,
    error_code            text,
    error_message         text,
    outcome               text,        -- success | denied | error | failed_auth
    read_only             boolean
);
COMMENT ON TYPE travel.event IS 'a CloudTrail record as flat columns; a column that the record does not have is NULL';

CREATE FUNCTION travel.records(document jsonb) RETURNS SETOF jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100
    AS 'MODULE_PATHNAME', 'travel_records';
COMMENT ON FUNCTION travel.records(jsonb) IS
    'the CloudTrail records of a document: an S3 file, an EventBridge event, LookupEvents output, an array, a record';

CREATE FUNCTION travel.parse(record jsonb) RETURNS travel.event
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_parse';
COMMENT ON FUNCTION travel.parse(jsonb) IS
    'a CloudTrail record as columns; call it as CROSS JOIN LATERAL travel.parse(record), so that it runs once a row';

CREATE FUNCTION travel.try_parse(record jsonb) RETURNS travel.event
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_try_parse';
COMMENT ON FUNCTION travel.try_parse(jsonb) IS
    'as travel.parse, but a value that cannot be what it must be is NULL instead of an error';

CREATE FUNCTION travel.try_jsonb(text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_try_jsonb';
COMMENT ON FUNCTION travel.try_jsonb(text) IS
    'reads JSON from text; characters that jsonb cannot hold are replaced by U+FFFD; NULL where the text cannot be read';

CREATE FUNCTION travel.event_time(text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time';
COMMENT ON FUNCTION travel.event_time(text) IS
    'reads a time in ISO 8601 (UTC where it names no zone) or Unix time; NULL for anything else; immutable, so it can be indexed';

CREATE FUNCTION travel.event_time(integer) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_int4';
COMMENT ON FUNCTION travel.event_time(integer) IS
    'reads Unix time by the number of digits before the point: 10 seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds; NULL for anything else';

CREATE FUNCTION travel.event_time(bigint) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_int8';
COMMENT ON FUNCTION travel.event_time(bigint) IS
    'reads Unix time by the number of digits before the point: 10 seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds; NULL for anything else';

CREATE FUNCTION travel.event_time(numeric) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_numeric';
COMMENT ON FUNCTION travel.event_time(numeric) IS
    'reads Unix time by the number of digits before the point: 10 seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds; NULL for anything else';

CREATE FUNCTION travel.event_time(float8) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_float8';
COMMENT ON FUNCTION travel.event_time(float8) IS
    'reads Unix time by the number of digits before the point: 10 seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds; NULL for anything else';

CREATE FUNCTION travel.source_kind(text) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_kind';
COMMENT ON FUNCTION travel.source_kind(text) IS
    'what a sourceIPAddress is: public, private, aws_service, aws_internal, malformed or absent';

CREATE FUNCTION travel.source_ip(text) RETURNS inet
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_ip_text';
COMMENT ON FUNCTION travel.source_ip(text) IS
    'the host of a sourceIPAddress, also with the prefix of a host or a port; an IPv4-mapped IPv6 address is unwrapped; NULL for anything else';

CREATE FUNCTION travel.source_ip(inet) RETURNS inet
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_ip_inet';
COMMENT ON FUNCTION travel.source_ip(inet) IS
    'the host of an inet: without its netmask, an IPv4-mapped IPv6 address unwrapped';

CREATE FUNCTION travel.number(text) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_number';
COMMENT ON FUNCTION travel.number(text) IS
    'reads a number from text, as a table may keep coordinates; NULL for anything else; immutable, so it can be indexed';
