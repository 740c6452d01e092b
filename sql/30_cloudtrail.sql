-- CloudTrail: from documents to records to events ---------------------------------------------------------------------

CREATE TYPE travel.event AS (
    event_id             text,
    event_time           timestamptz,
    event_name           text,
    event_source         text,
    event_type           text,
    event_category       text,
    aws_region           text,
    account_id           text,
    recipient_account_id text,
    shared_event_id      text,
    source_ip            inet,
    source_text          text,
    source_kind          text,
    identity_type        text,
    principal_id         text,
    arn                  text,
    user_name            text,
    session_name         text,
    principal            text,
    actor                text,
    access_key_id        text,
    issued_access_key_id text,
    session_issuer_arn   text,
    source_identity      text,
    invoked_by           text,
    mfa_used             boolean,
    from_console         boolean,
    vpc_endpoint_id      text,
    user_agent           text,
    error_code           text,
    error_message        text,
    outcome              text,
    read_only            boolean
);
COMMENT ON TYPE travel.event IS 'CloudTrail record as columns; a column is NULL if the record does not have it';
COMMENT ON COLUMN travel.event.event_id IS 'Field eventID of the record';
COMMENT ON COLUMN travel.event.event_time IS 'Field eventTime: when the call was made';
COMMENT ON COLUMN travel.event.event_name IS 'Field eventName: the API call or sign-in';
COMMENT ON COLUMN travel.event.event_source IS 'Field eventSource: the AWS service that was called';
COMMENT ON COLUMN travel.event.event_type IS 'Field eventType, such as AwsApiCall or AwsConsoleSignIn';
COMMENT ON COLUMN travel.event.event_category IS 'Field eventCategory, such as Management or Data';
COMMENT ON COLUMN travel.event.aws_region IS 'Region that logged the call; global services log in us-east-1';
COMMENT ON COLUMN travel.event.account_id IS 'AWS account of the caller';
COMMENT ON COLUMN travel.event.recipient_account_id IS 'AWS account whose trail contains the record';
COMMENT ON COLUMN travel.event.shared_event_id IS 'ID that the records of one action share if several accounts log it';
COMMENT ON COLUMN travel.event.source_ip IS 'Field sourceIPAddress if it is an IP address, public or private';
COMMENT ON COLUMN travel.event.source_text IS 'Field sourceIPAddress, unchanged';
COMMENT ON COLUMN travel.event.source_kind IS
    'Kind of source address: public, private, aws_service, aws_internal, malformed or absent';
COMMENT ON COLUMN travel.event.identity_type IS 'Type of the caller, such as IAMUser, AssumedRole or Root';
COMMENT ON COLUMN travel.event.principal_id IS 'Field userIdentity.principalId';
COMMENT ON COLUMN travel.event.arn IS 'Field userIdentity.arn';
COMMENT ON COLUMN travel.event.user_name IS 'Field userIdentity.userName: name of an IAM user';
COMMENT ON COLUMN travel.event.session_name IS 'Name of the IAM user or of the role session';
COMMENT ON COLUMN travel.event.principal IS 'ARN of the role without its session, or of the user or root user';
COMMENT ON COLUMN travel.event.actor IS 'The person who made the call, if the record identifies one';
COMMENT ON COLUMN travel.event.access_key_id IS
    'Access key of the call: AKIA… is a long-term key, ASIA… a temporary one';
COMMENT ON COLUMN travel.event.issued_access_key_id IS 'Temporary access key that this call created';
COMMENT ON COLUMN travel.event.session_issuer_arn IS 'ARN of the role or user that issued the session';
COMMENT ON COLUMN travel.event.source_identity IS 'Source identity of the session, as set when the role was assumed';
COMMENT ON COLUMN travel.event.invoked_by IS
    'AWS service that made the call; signin.amazonaws.com if a person made it in the AWS console';
COMMENT ON COLUMN travel.event.mfa_used IS
    'Whether the session was authenticated with a second factor; NULL if the record does not say';
COMMENT ON COLUMN travel.event.from_console IS 'Whether the credentials of the session come from the AWS console';
COMMENT ON COLUMN travel.event.vpc_endpoint_id IS 'VPC endpoint through which the call was made';
COMMENT ON COLUMN travel.event.user_agent IS 'Program that made the call, as it names itself';
COMMENT ON COLUMN travel.event.error_code IS 'Error code of a call that failed';
COMMENT ON COLUMN travel.event.error_message IS 'Error message of a call that failed';
COMMENT ON COLUMN travel.event.outcome IS
    'Outcome of the call: success, denied, error, or failed_auth if it proves no credential';
COMMENT ON COLUMN travel.event.read_only IS 'Whether the call only reads';

CREATE FUNCTION travel.records(document jsonb) RETURNS SETOF jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100
    AS 'MODULE_PATHNAME', 'travel_records';
COMMENT ON FUNCTION travel.records(jsonb) IS
    'The CloudTrail records in a document: a log file, an EventBridge event, the output of LookupEvents, an array, a '
    'single record, or any of these inside what a log shipper stored';

CREATE FUNCTION travel.parse(record jsonb) RETURNS travel.event
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_parse';
COMMENT ON FUNCTION travel.parse(jsonb) IS
    'CloudTrail record as columns. Call it as CROSS JOIN LATERAL travel.parse(record), which parses each record only '
    'once. Values of the wrong type raise an error';

CREATE FUNCTION travel.try_parse(record jsonb) RETURNS travel.event
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_try_parse';
COMMENT ON FUNCTION travel.try_parse(jsonb) IS
    'CloudTrail record as columns, like travel.parse, but values of the wrong type are NULL instead of an error';

CREATE FUNCTION travel.try_jsonb(text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_try_jsonb';
COMMENT ON FUNCTION travel.try_jsonb(text) IS
    'JSON read from text, or NULL if the text is not valid JSON or has more than 8 MB. Characters that jsonb cannot '
    'hold are replaced by U+FFFD';

CREATE FUNCTION travel.event_time(text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time';
COMMENT ON FUNCTION travel.event_time(text) IS
    'Time read from ISO 8601 (UTC unless it names a zone) or Unix time, or NULL if the text is neither. Immutable, so'
    ' it can be indexed';

-- An integer becomes float8, which holds each of its values exactly. bigint and numeric have forms of their own,
-- because float8 would round nanoseconds.
CREATE FUNCTION travel.event_time(bigint) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_int8';
COMMENT ON FUNCTION travel.event_time(bigint) IS
    'Time read from Unix time, or NULL. The number of digits before the point determines the unit: 10 seconds, 13 '
    'milliseconds, 16 microseconds, 19 nanoseconds';

CREATE FUNCTION travel.event_time(numeric) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_numeric';
COMMENT ON FUNCTION travel.event_time(numeric) IS
    'Time read from Unix time, or NULL. The number of digits before the point determines the unit: 10 seconds, 13 '
    'milliseconds, 16 microseconds, 19 nanoseconds';

CREATE FUNCTION travel.event_time(float8) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_event_time_float8';
COMMENT ON FUNCTION travel.event_time(float8) IS
    'Time read from Unix time, or NULL. The number of digits before the point determines the unit: 10 seconds, 13 '
    'milliseconds, 16 microseconds, 19 nanoseconds';

CREATE FUNCTION travel.source_kind(text) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_kind';
COMMENT ON FUNCTION travel.source_kind(text) IS
    'Kind of a CloudTrail sourceIPAddress: public, private, aws_service, aws_internal, malformed or absent';

CREATE FUNCTION travel.source_ip(text) RETURNS inet
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_ip_text';
COMMENT ON FUNCTION travel.source_ip(text) IS
    'IP address of a CloudTrail sourceIPAddress, or NULL if it is not an address. A full-length prefix and a port are'
    ' removed; an IPv4-mapped IPv6 address becomes IPv4';

CREATE FUNCTION travel.source_ip(inet) RETURNS inet
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_source_ip_inet';
COMMENT ON FUNCTION travel.source_ip(inet) IS
    'IP address without its netmask; an IPv4-mapped IPv6 address becomes IPv4';

CREATE FUNCTION travel.try_number(text) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_try_number';
COMMENT ON FUNCTION travel.try_number(text) IS
    'Number read from text, such as a coordinate, or NULL if the text is not a number. Immutable, so it can be '
    'indexed';

-- These functions derive columns of an event from other columns, for tables without records. They read empty and hidden
-- texts as NULL.

CREATE FUNCTION travel.outcome(
    error_code text, event_name text, event_source text, response text DEFAULT NULL,
    error_message text DEFAULT NULL, service_details text DEFAULT NULL
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_outcome_text';
COMMENT ON FUNCTION travel.outcome(text, text, text, text, text, text) IS
    'Outcome of a call, from columns: success, denied, error, or failed_auth if it proves no credential. response and '
    'service_details are JSON text, or text of the form {ConsoleLogin=Success}';

-- response has no default here, so a call without it is not ambiguous.
CREATE FUNCTION travel.outcome(
    error_code text, event_name text, event_source text, response jsonb,
    error_message text DEFAULT NULL, service_details jsonb DEFAULT NULL
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_outcome_jsonb';
COMMENT ON FUNCTION travel.outcome(text, text, text, jsonb, text, jsonb) IS
    'Outcome of a call, from columns: success, denied, error, or failed_auth if it proves no credential';

-- json is stored as text, so the C function of the first form reads it.
CREATE FUNCTION travel.outcome(
    error_code text, event_name text, event_source text, response json,
    error_message text DEFAULT NULL, service_details json DEFAULT NULL
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_outcome_text';
COMMENT ON FUNCTION travel.outcome(text, text, text, json, text, json) IS
    'Outcome of a call, from columns: success, denied, error, or failed_auth if it proves no credential';

CREATE FUNCTION travel.session_name(identity_type text, user_name text, principal_id text, arn text) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_session_name';
COMMENT ON FUNCTION travel.session_name(text, text, text, text) IS
    'Name of the IAM user or of the role session, from columns';

CREATE FUNCTION travel.principal(arn text, session_issuer_arn text DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_principal';
COMMENT ON FUNCTION travel.principal(text, text) IS
    'ARN of the role without its session, or of the user or root user, from columns';

CREATE FUNCTION travel.actor(
    identity_type text, arn text, session_name text, session_issuer_arn text DEFAULT NULL,
    on_behalf_of text DEFAULT NULL
) RETURNS text
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_actor';
COMMENT ON FUNCTION travel.actor(text, text, text, text, text) IS
    'The person who made the call, if the columns identify one. on_behalf_of is userIdentity.onBehalfOf.userId';
