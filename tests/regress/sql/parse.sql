-- travel.parse: a CloudTrail record as columns, for every identity type and odd value; travel.try_parse never fails.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'

-- Every column of a record that has all of them.
\x on
SELECT e.* FROM travel.parse('{
    "eventVersion": "1.09", "eventID": "e-1", "eventTime": "2026-03-02T09:00:00Z", "eventName": "AssumeRole",
    "eventSource": "sts.amazonaws.com", "eventType": "AwsApiCall", "eventCategory": "Management",
        "awsRegion": "eu-west-1",
    "recipientAccountId": "210987654321", "sharedEventID": "s-1", "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2.15",
    "errorCode": "ThrottlingException", "errorMessage": "slow down", "readOnly": true,
        "sessionCredentialFromConsole": "true",
    "vpcEndpointId": "vpce-1", "additionalEventData": {"MFAUsed": "No"},
    "responseElements": {"credentials": {"accessKeyId": "ASIANEW"}},
    "userIdentity": {"type": "AssumedRole", "principalId": "AROAX:i-0abc",
        "arn": "arn:aws:sts::123456789012:assumed-role/web/i-0abc",
        "accountId": "123456789012", "accessKeyId": "ASIAOLD", "userName": "ignored-for-roles",
            "invokedBy": "ec2.amazonaws.com",
        "sessionContext": {"attributes": {"mfaAuthenticated": "false", "creationDate": "2026-03-02T08:00:00Z"},
            "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::123456789012:role/web", "userName": "web"},
            "sourceIdentity": "alice@example.com"}}
}') AS e;
-- Of an empty record only the kind of the source and the outcome are known.
SELECT e.* FROM travel.parse('{}') AS e;
\x off

-- Every type of identity. The session name is the user's name, else the part after the colon, else the end of the ARN;
-- the principal is the role behind a session; the actor is the person, if the record names one.
SELECT u ->> 'type' AS type, e.session_name, e.principal, e.actor, e.account_id AS account
FROM jsonb_array_elements('[
    {"type": "Root", "principalId": "123456789012", "arn": "arn:aws:iam::123456789012:root",
        "accountId": "123456789012"},
    {"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::123456789012:user/team/alice",
        "userName": "alice"},
    {"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::123456789012:user/team/bob"},
    {"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
    {"type": "AssumedRole", "principalId": "AROAX:carol", "arn": "arn:aws:sts::1:assumed-role/admin/carol",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/admin", "userName": "admin"}}},
    {"type": "AssumedRole", "principalId": "AROAX:carol@example.com",
        "arn": "arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_0a1b/carol@example.com",
        "sessionContext": {"sessionIssuer":
        {"arn": "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b",
        "userName": "AWSReservedSSO_Admin_0a1b"}}},
    {"type": "AssumedRole", "principalId": "AROAX:AWSReservedSSO_Fake",
        "arn": "arn:aws:sts::1:assumed-role/plain/AWSReservedSSO_Fake"},
    {"type": "AssumedRole", "principalId": "AROAX:carol",
        "arn": "arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_0a1b/carol"},
    {"type": "Role", "arn": "arn:aws:iam::1:role/path/deploy"},
    {"type": "FederatedUser", "principalId": "1:dave", "arn": "arn:aws:sts::1:federated-user/dave",
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/broker",
        "userName": "broker"}}},
    {"type": "Directory", "userName": "erin"},
    {"type": "AWSAccount", "principalId": "AIDAX", "accountId": "210987654321"},
    {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"},
    {"type": "IdentityCenterUser", "accountId": "1", "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn"}},
    {"type": "SAMLUser", "principalId": "idp:frank", "userName": "frank", "identityProvider": "idp"},
    {"type": "WebIdentityUser", "principalId": "accounts.google.com:app:sub", "userName": "sub",
        "identityProvider": "accounts.google.com"},
    {"type": "Unknown"},
    {"userName": "no type"},
    null,
    {"type": "Root", "accountId": 12345678901}
]') WITH ORDINALITY AS v (u, n)
CROSS JOIN LATERAL travel.parse(jsonb_build_object('userIdentity', u)) AS e
ORDER BY n;

-- An access key or other text that is "" or hidden is NULL. A number is taken as text.
SELECT r, e.access_key_id, e.event_name, e.invoked_by, e.user_agent, e.recipient_account_id
FROM jsonb_array_elements('[
    {"userIdentity": {"accessKeyId": "", "invokedBy": ""}, "eventName": "",
        "userAgent": "HIDDEN_DUE_TO_SECURITY_REASONS"},
    {"userIdentity": {"accessKeyId": null}, "eventName": null},
    {"userIdentity": {"accessKeyId": "AKIA1"}, "recipientAccountId": 123456789012},
    {"userIdentity": {"accessKeyId": {"odd": 1}}, "eventName": ["odd"], "userAgent": true, "recipientAccountId": 987}
]') WITH ORDINALITY AS v (r, n)
CROSS JOIN LATERAL travel.parse(r) AS e
ORDER BY n;

-- Multi-factor authentication is true if either field says so, false if a field is present and neither says so, else
-- unknown.
SELECT session, additional, e.mfa_used
FROM unnest(ARRAY['true', 'false', NULL]) WITH ORDINALITY AS a (session, i),
     unnest(ARRAY['Yes', 'No', NULL]) WITH ORDINALITY AS b (additional, j),
     travel.parse(jsonb_build_object(
         'userIdentity',
             jsonb_build_object('sessionContext',
                 jsonb_build_object('attributes', jsonb_strip_nulls(jsonb_build_object('mfaAuthenticated', session)))),
         'additionalEventData', jsonb_strip_nulls(jsonb_build_object('MFAUsed', additional)))) AS e
ORDER BY i, j;

-- Outcome. failed_auth: a sign-in with Failure or an error code, or an error code of an invalid signature. denied: the
-- caller was authenticated, the call was not allowed. error: any other code.
SELECT source, name, response, code, e.outcome
FROM (VALUES
    (1, 'signin.amazonaws.com', 'ConsoleLogin', 'Success', NULL),
    (2, 'signin.amazonaws.com', 'ConsoleLogin', 'Failure', NULL),
    (3, 'signin.amazonaws.com', 'ConsoleLogin', NULL, 'AccessDenied'),
    (4, 'signin.amazonaws.com', 'CheckMfa', 'Failure', NULL),
    (5, 'sts.amazonaws.com', 'ConsoleLogin', 'Failure', NULL),
    (6, 's3.amazonaws.com', 'GetObject', NULL, NULL),
    (7, 's3.amazonaws.com', 'GetObject', NULL, ''),
    (8, 's3.amazonaws.com', 'GetObject', NULL, 'AccessDenied'),
    (9, 's3.amazonaws.com', 'GetObject', NULL, 'AccessDeniedException'),
    (10, 'ec2.amazonaws.com', 'RunInstances', NULL, 'Client.UnauthorizedOperation'),
    (11, 'ec2.amazonaws.com', 'RunInstances', NULL, 'Client.AccessDenied'),
    (12, 'x.amazonaws.com', 'X', NULL, 'NotAuthorizedException'),
    (13, 'x.amazonaws.com', 'X', NULL, 'UserNotAuthorizedFault'),
    (14, 'x.amazonaws.com', 'X', NULL, 'ThrottlingException'),
    (15, 'x.amazonaws.com', 'X', NULL, 'NoSuchBucket'),
    (16, 's3.amazonaws.com', 'GetObject', NULL, 'SignatureDoesNotMatch'),
    (17, 'x.amazonaws.com', 'X', NULL, 'InvalidSignatureException'),
    (18, 'x.amazonaws.com', 'X', NULL, 'IncompleteSignature'),
    (19, 'x.amazonaws.com', 'X', NULL, 'InvalidClientTokenId'),
    (20, 'x.amazonaws.com', 'X', NULL, 'UnrecognizedClientException'),
    (21, 'x.amazonaws.com', 'X', NULL, 'ExpiredToken')
) AS v (n, source, name, response, code)
CROSS JOIN LATERAL travel.parse(jsonb_build_object('eventSource', source, 'eventName', name, 'errorCode', code,
    'responseElements', jsonb_strip_nulls(jsonb_build_object(name, response)))) AS e
ORDER BY n;
-- The response element counts only under the name of its event.
SELECT e.outcome
FROM travel.parse('{"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "responseElements": '
                  '{"CheckMfa": "Failure"}}')
    AS e;

-- A time may be Unix time, as a number or a text.
SELECT record, (travel.parse(record)).event_time AT TIME ZONE 'UTC' AS utc
FROM unnest(ARRAY['{"eventTime": 1772442000}', '{"eventTime": "1772442000123"}',
    '{"eventTime": 1772442000.5}']::jsonb[])
    AS record;

-- A value that cannot be converted is an error that names the event; absent, null and "" are not errors.
\pset format unaligned
SELECT error_of($$SELECT travel.parse('{"eventID": "e-1", "eventTime": "yesterday"}')$$);
SELECT error_of($$SELECT travel.parse('{"eventTime": 20260302}')$$);
\pset format aligned
SELECT r, sqlstate_of(format('SELECT travel.parse(%L)', r)) AS parse,
       split_part(error_of(format('SELECT travel.parse(%L)', r)), E'\n', 1) AS message,
       sqlstate_of(format('SELECT travel.try_parse(%L)', r)) AS try_parse
FROM unnest(ARRAY[
    '{"eventTime": null}', '{"eventTime": ""}', '{"eventTime": "2026-02-30T00:00:00Z"}', '{"eventTime": {}}',
    '{"userIdentity": "alice"}', '{"userIdentity": null}', '{"readOnly": "maybe"}', '{"readOnly": "false"}',
        '{"readOnly": 1}',
    '{"sessionCredentialFromConsole": "x"}', '[]', '"text"', 'null', '7'
]) WITH ORDINALITY AS v (r, n)
ORDER BY n;
-- A value that try_parse cannot read is NULL; the other columns are filled.
SELECT e.event_id, e.event_time, e.read_only, e.source_kind
FROM
    travel.try_parse('{"eventID": "e-1", "eventTime": "yesterday", "readOnly": "maybe", "sourceIPAddress": '
                     '"192.0.2.1"}')
    AS e;
SELECT travel.try_parse('7') = travel.parse('{}') AS nothing_is_known;

-- Both read valid records alike; NULL gives NULL, and LATERAL keeps its row.
SELECT travel.parse(r) = travel.try_parse(r) AS same
FROM (VALUES ('{"eventID": "e", "eventTime": "2026-03-02T09:00:00Z", "readOnly": "true", "userIdentity": {"type": '
              '"Root"}}'::jsonb))
    AS v (r);
SELECT travel.parse(NULL) IS NOT DISTINCT FROM NULL AS parse,
    travel.try_parse(NULL) IS NOT DISTINCT FROM NULL AS try_parse;
SELECT n, e.event_id
FROM (VALUES (1, '{"eventID": "a"}'::jsonb), (2, NULL)) AS v (n, r)
CROSS JOIN LATERAL travel.parse(r) AS e
ORDER BY n;

-- The row has the layout that PostgreSQL gives it: with only NULLs, with short and long texts, over a kilobyte, and
-- without a NULL.
CREATE TEMP TABLE rows (n int, record jsonb);
INSERT INTO rows VALUES (1, '{}'),
    (2, '{"eventID": "e", "eventTime": "2026-03-02T09:00:00Z", "readOnly": true, "sourceIPAddress": "2001:db8::1"}'),
    (3, jsonb_build_object('eventName', repeat('n', 126), 'userAgent', repeat('a', 127), 'readOnly', false)),
    (4, jsonb_build_object('eventName', repeat('n', 900), 'userAgent', 'a', 'errorMessage', repeat('ü', 70000))),
    (5, '{"eventID": "e", "eventTime": "2026-03-02T09:00:00Z", "eventName": "n", "eventSource": "s", "eventType": "t",
          "eventCategory": "c", "awsRegion": "r", "recipientAccountId": 1, "sharedEventID": "s",
              "sourceIPAddress": "192.0.2.1",
          "userAgent": "a", "errorCode": "c", "errorMessage": "m", "readOnly": true,
              "sessionCredentialFromConsole": true,
          "vpcEndpointId": "v", "responseElements": {"credentials": {"accessKeyId": "k"}},
          "userIdentity": {"type": "IAMUser", "principalId": "p", "arn": "a", "accountId": "1", "accessKeyId": "k",
              "userName": "u", "invokedBy": "i", "sessionContext": {"attributes": {"mfaAuthenticated": "true"},
                  "sessionIssuer": {"arn": "a"}, "sourceIdentity": "s"}}}');
SELECT n, e *= formed AS same, pg_column_size(e) = pg_column_size(formed) AS same_size, e IS NOT NULL AS no_nulls
FROM rows CROSS JOIN LATERAL (SELECT e, ROW((e).*)::travel.event FROM travel.parse(record) AS e) AS s (e, formed)
ORDER BY n;

-- Keys are found among any number of others, shorter and longer ones, in each object of a record.
SELECT count(*) AS records, count(*) FILTER (WHERE travel.parse(jsonb_build_object(
           'userIdentity', record -> 'userIdentity' || others, 'additionalEventData', '{"MFAUsed": "No"}' || others)
           || (record - 'userIdentity') || others) = travel.parse(record)) AS same
FROM generate_series(1, 150) AS count
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(left(repeat(md5(i::text), 2), 1 + i * 7 % 40), repeat('x', i))
    FROM generate_series(1, count) AS i
) AS s (others)
JOIN rows ON n = 5;

-- Large records are read, toasted and compressed.
CREATE TEMP TABLE raw (record jsonb);
ALTER TABLE raw ALTER record SET STORAGE external;
INSERT INTO raw
SELECT jsonb_build_object('eventID', 'big', 'eventTime', '2026-03-02T09:00:00Z', 'requestParameters',
    repeat('x', 100000), 'userIdentity', '{"type": "Root"}'::jsonb);
SELECT e.event_id, e.event_time, e.identity_type FROM raw CROSS JOIN LATERAL travel.parse(record) AS e;

-- The function is immutable, so its columns can be indexed.
SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND proname IN ('parse', 'try_parse') ORDER BY 1;

-- What inserts records names the columns with their types. Others are refused, because a row is written as these.
\pset format unaligned
SELECT columns, error_of('SELECT * FROM travel_internal.parsed_records(ARRAY[''{"eventID": "x"}''::jsonb]) AS e ('
    || columns || ')') AS error
FROM (
    VALUES ('a text'), ('a text, b text'), ('a int'),
        ((SELECT string_agg(format('%I text', attname), ', ' ORDER BY attnum) FROM pg_attribute
          WHERE attrelid = 'travel.event'::regclass AND attnum > 0) || ', record jsonb')
) AS c (columns);
\pset format aligned
SELECT sqlstate_of($$SELECT travel_internal.parsed_records(ARRAY['{"eventID": "x"}'::jsonb])$$);

-- A composite type that was altered is refused, because a row is written as the columns that the type should have.
CREATE FUNCTION of_altered_type(change text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'ALTER TYPE travel.' || change;
    EXECUTE statement;
    RAISE 'it was not refused';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
SELECT of_altered_type(change, statement)
FROM (VALUES ('event ALTER ATTRIBUTE event_time TYPE text CASCADE', $$SELECT travel.parse('{"eventID": "x"}')$$),
    ('event DROP ATTRIBUTE event_time CASCADE', $$SELECT travel.try_parse('{"eventID": "x"}')$$),
    ('place ALTER ATTRIBUTE latitude TYPE text CASCADE', $$SELECT travel.locate('192.0.2.1')$$),
    ('place DROP ATTRIBUTE city CASCADE', $$SELECT travel.locate('192.0.2.1')$$),
    ('leg ALTER ATTRIBUTE from_city TYPE bigint CASCADE',
     $$SELECT travel.leg(t, '192.0.2.1') OVER () FROM unnest('{epoch,2026-03-02}'::timestamptz[]) AS t$$),
    ('leg DROP ATTRIBUTE from_city CASCADE', $$SELECT travel.impossible_legs(timestamptz 'epoch', inet '192.0.2.1')$$),
    ('leg DROP ATTRIBUTE impossible CASCADE',
     $$SELECT travel.legs(travel.journey(timestamptz 'epoch', inet '192.0.2.1'))$$))
    AS c (change, statement);
DROP FUNCTION of_altered_type;
