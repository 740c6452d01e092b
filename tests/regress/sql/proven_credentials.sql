-- Which events prove that a credential was accepted, and to which entity they belong. 192.0.2.5 is in London,
-- 203.0.113.7 in Tokyo.
SET timezone = 'UTC';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'

-- A sign-in event before the credential is accepted proves nothing, whatever it records; an unknown sign-in event must
-- record its success.
SELECT name, answer,
    (travel.parse(jsonb_build_object('eventSource', 'signin.amazonaws.com', 'eventName', name, 'responseElements',
        jsonb_build_object(name, answer)))).outcome AS in_response,
       (travel.parse(jsonb_build_object('eventSource', 'signin.amazonaws.com', 'eventName', name, 'serviceEventDetails',
           jsonb_build_object(name, answer)))).outcome AS in_details
FROM unnest('{CredentialChallenge,CheckMfa,PasswordRecoveryRequested,CredentialVerification,UserAuthentication,'
            'ConsoleLogin,GetSigninToken,SwitchRole,RenewRole,ExitRole,PasswordRecoveryCompleted,PasswordUpdated,'
            'EmailUpdated,SomethingNew}'::text[])
    WITH ORDINALITY AS n (name, nth)
CROSS JOIN unnest('{Success,Failure,NULL}'::text[]) WITH ORDINALITY AS a (answer, ath) ORDER BY nth, ath;
SELECT (travel.parse('{"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "errorMessage": '
                     '"Failed authentication"}')).outcome;

-- So a challenge raises no alert, and no location is learned from it.
CREATE FUNCTION sign_in(id text, at timestamptz, name text, ip inet, person text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('eventID', id, 'eventTime', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'eventSource', 'signin.amazonaws.com', 'eventName', name,
        'sourceIPAddress', host(ip), 'userIdentity',
            jsonb_build_object('type', 'IdentityCenterUser', 'onBehalfOf', jsonb_build_object('userId', person)),
            'serviceEventDetails', jsonb_build_object(name, 'Success')) $$;
SELECT travel.create_events_table('sign_ins');
SELECT sum(i.inserted) FROM (VALUES
    ('1', timestamptz '2026-03-02 09:00Z', 'UserAuthentication', inet '192.0.2.5'),
    ('2', '2026-03-02 15:00Z', 'CredentialChallenge', '203.0.113.7'),
    ('3', '2026-03-02 15:01Z', 'PasswordRecoveryRequested', '203.0.113.7'),
    ('4', '2026-03-04 09:00Z', 'UserAuthentication', '192.0.2.5'),
        ('5', '2026-03-04 09:30Z', 'UserAuthentication', '203.0.113.7')) AS v (id, at, name, ip)
CROSS JOIN LATERAL travel.ingest('sign_ins', sign_in(id, at, name, ip, 'u-1')) AS i;
SELECT from_city, to_city, to_event_name, to_time FROM travel.detect('sign_ins', 'actor');
SELECT status, events FROM travel.coverage('sign_ins', 'actor');
INSERT INTO travel.rules (name, source, entity, baseline_entity, learning_period, raise_from)
VALUES ('proof', 'sign_ins', 'actor', 'actor', '1 day', '-infinity');
CALL travel.scan('proof');
SELECT raised, reasons, from_city, to_city, to_event_name FROM travel.verdicts WHERE rule = 'proof';
SELECT city, state FROM travel.known_places WHERE rule = 'proof' ORDER BY city;
DELETE FROM travel.rules WHERE name = 'proof';

-- A console call from a public address belongs to the person who makes it: in a record, in columns, in an events table,
-- over coordinates, in a scan.
CREATE TABLE console (record jsonb);
INSERT INTO console
SELECT jsonb_build_object('eventID', id, 'eventTime', at, 'eventName', name, 'eventSource', 'ec2.amazonaws.com',
    'sourceIPAddress', ip, 'userAgent', invoked_by,
    'userIdentity',
        jsonb_build_object('type', 'IAMUser', 'arn', 'arn:aws:iam::111122223333:user/mary', 'userName', 'mary',
            'accessKeyId', 'ASIAMARYCONSOLE', 'invokedBy', invoked_by))
FROM (VALUES ('a', '2026-03-02T09:00:00Z', 'DescribeInstances', '192.0.2.5', 'signin.amazonaws.com'),
    ('b', '2026-03-02T09:10:00Z', 'StopLogging', '203.0.113.7', 'signin.amazonaws.com'),
    ('c', '2026-03-02T09:05:00Z', 'GetObject', '203.0.113.7', 'cloudformation.amazonaws.com'),
    ('d', '2026-03-02T09:06:00Z', 'GetObject', '10.0.0.1', 'signin.amazonaws.com'),
    ('e', '2026-03-02T09:07:00Z', 'GetObject', 'signin.amazonaws.com', 'signin.amazonaws.com')) AS v (id, at, name, ip,
        invoked_by);
SELECT entity, from_city, to_city, to_event_name FROM travel.detect('console', columns => '{"record": "record"}');
SELECT source_kind, status, events FROM travel.coverage('console', columns => '{"record": "record"}');
CREATE VIEW of_columns AS
SELECT e.event_time, e.access_key_id, e.source_text, e.outcome, e.invoked_by, e.event_name
FROM console
CROSS JOIN LATERAL travel.parse(record) AS e;
SELECT entity, from_city, to_city, to_event_name FROM travel.detect('of_columns');
SELECT source_kind, status, events FROM travel.coverage('of_columns');
CREATE VIEW of_coordinates AS
SELECT e.event_time, e.access_key_id, e.outcome, e.invoked_by, e.event_name, p.latitude, p.longitude
FROM console
CROSS JOIN LATERAL travel.parse(record) AS e
CROSS JOIN LATERAL travel.locate(e.source_ip) AS p;
SELECT entity, to_event_name FROM travel.detect('of_coordinates');
SELECT status, events FROM travel.coverage('of_coordinates');
SELECT travel.create_events_table('console_events');
SELECT i.*
FROM (SELECT jsonb_agg(record) AS records FROM console) AS c
CROSS JOIN LATERAL travel.ingest('console_events', records) AS i;
INSERT INTO travel.rules (name, source, entity, baseline, raise_from)
VALUES ('console', 'console_events', 'access_key_id', false, '-infinity');
CALL travel.scan('console');
SELECT raised, from_city, to_city, to_event_name FROM travel.verdicts WHERE rule = 'console';
DELETE FROM travel.rules WHERE name = 'console';

-- Anonymous callers are not an entity, in a record and in other tables. A session may have that name.
CREATE TABLE anonymous (record jsonb);
INSERT INTO anonymous
SELECT jsonb_build_object('eventID', who || n, 'eventTime', '2026-03-02T10:0' || n || ':00Z', 'eventSource',
    's3.amazonaws.com', 'eventName', 'GetObject', 'sourceIPAddress', (ARRAY['192.0.2.5', '203.0.113.7'])[n],
    'userIdentity', identity::jsonb)
FROM (VALUES ('s3', '{"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}'),
    ('S3', '{"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}'),
    ('cognito', '{"type": "Unknown", "principalId": "Anonymous"}')) AS v (who, identity)
CROSS JOIN generate_series(1, 2) AS n;
SELECT by, f.entity
FROM unnest('{account_id,principal_id,principal,actor,arn,session_name,user_name}'::text[]) AS by
CROSS JOIN LATERAL travel.detect('anonymous', by, columns => '{"record": "record"}') AS f;
SELECT status, events FROM travel.coverage('anonymous', 'account_id', columns => '{"record": "record"}');
CREATE TABLE callers (event_time timestamptz, account_id text, principal_id varchar, session_name text, source_ip inet);
INSERT INTO callers
SELECT at, account, principal, 'anonymous', ip
FROM (VALUES ('anonymous', 'Anonymous'), ('ANONYMOUS_PRINCIPAL', 'anonymous'), ('111122223333', 'AIDAEXAMPLE'))
    AS a (account, principal)
CROSS JOIN (VALUES (timestamptz '2026-03-02 10:00Z', inet '192.0.2.5'), ('2026-03-02 10:05Z', '203.0.113.7'))
    AS v (at, ip);
SELECT entity FROM travel.detect('callers', 'account_id');
SELECT entity FROM travel.detect('callers', 'principal_id');
SELECT DISTINCT entity FROM travel.detect('callers', 'session_name');
SELECT status, events FROM travel.coverage('callers', 'account_id, session_name');
-- They share no baseline.
CREATE TABLE anonymous_keys (event_time timestamptz, access_key_id text, actor text, source_ip inet);
INSERT INTO anonymous_keys
VALUES
    ('2026-03-02 09:00Z', 'a', 'anonymous', '192.0.2.5'),
    ('2026-03-02 12:00Z', 'b', 'Anonymous', '203.0.113.7'),
    ('2026-03-02 12:00Z', 'c', 'anonymous', '203.0.113.7'),
    ('2026-03-09 09:00Z', 'a', 'anonymous', '192.0.2.5'), ('2026-03-09 09:10Z', 'a', 'anonymous', '203.0.113.7');
INSERT INTO travel.rules (name, source) VALUES ('anonymous', 'anonymous_keys');
CALL travel.scan('anonymous');
SELECT entity, from_city, to_city, raised, reasons FROM travel.verdicts WHERE rule = 'anonymous';
SELECT count(*) AS of_anonymous FROM travel.known_places WHERE rule = 'anonymous';
DELETE FROM travel.rules WHERE name = 'anonymous';

-- The session name of a web identity is its subject, never a part of an ARN.
SELECT e.session_name, e.user_name
FROM unnest(ARRAY['{"type": "WebIdentityUser", "principalId": '
                  '"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:'
                  'example/app:ref:refs/heads/main", "userName": "repo:example/app:ref:refs/heads/main"}',
    '{"type": "WebIdentityUser", "principalId": '
    '"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:example/app"}',
        '{"type": "SAMLUser", "principalId": "Qualifier=:mary", "userName": "mary@example.com"}',
    '{"type": "SAMLUser", "principalId": "Qualifier=:mary"}',
        '{"type": "FederatedUser", "principalId": "111122223333:mary"}',
        '{"type": "AssumedRole", "principalId": "AROAEXAMPLE:mary"}'])
        WITH ORDINALITY AS u (identity, n)
CROSS JOIN LATERAL travel.parse(jsonb_build_object('userIdentity', identity::jsonb)) AS e ORDER BY n;
