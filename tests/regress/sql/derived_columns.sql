-- travel.outcome, session_name, principal and actor derive columns from columns, for tables without records. They give
-- what travel.parse says of the same record.
\pset null '-'

-- Every combination of these fields, as records.
CREATE TEMP TABLE sign_ins AS
SELECT jsonb_strip_nulls(jsonb_build_object('eventSource', source, 'eventName', name, 'errorCode', code,
           'errorMessage', message, 'responseElements', response::jsonb, 'serviceEventDetails', details::jsonb)) AS r
FROM unnest('{signin.amazonaws.com,s3.amazonaws.com,"",NULL}'::text[]) AS a (source),
     unnest('{ConsoleLogin,CheckMfa,CredentialVerification,SwitchRole,GetObject,NULL}'::text[]) AS b (name),
     unnest('{AccessDenied,SignatureDoesNotMatch,NoSuchKey,HIDDEN_DUE_TO_SECURITY_REASONS,"",NULL}'::text[])
         AS c (code),
     unnest('{Failed authentication,"",NULL}'::text[]) AS d (message),
     unnest(ARRAY['{"ConsoleLogin": "Success"}', '{"ConsoleLogin": "Failure"}', '{"CheckMfa": "Failure"}', 'null',
         NULL]) AS e (response),
     unnest(ARRAY['{"CredentialVerification": "Success"}', '{"CredentialVerification": "Failure"}', NULL])
         AS f (details);

-- The structures as jsonb, as JSON text, and as Athena and Elastic write them.
SELECT count(*) AS records, count(DISTINCT e.outcome) AS outcomes,
       count(*) FILTER (WHERE e.outcome IS DISTINCT FROM travel.outcome(r ->> 'errorCode', r ->> 'eventName',
           r ->> 'eventSource', r -> 'responseElements', r ->> 'errorMessage', r -> 'serviceEventDetails')) AS jsonb,
       count(*) FILTER (WHERE e.outcome IS DISTINCT FROM travel.outcome(r ->> 'errorCode', r ->> 'eventName',
           r ->> 'eventSource', r ->> 'responseElements', r ->> 'errorMessage', r ->> 'serviceEventDetails')) AS json,
       count(*) FILTER (WHERE e.outcome IS DISTINCT FROM travel.outcome(r ->> 'errorCode', r ->> 'eventName',
           r ->> 'eventSource', replace(replace(r ->> 'responseElements', '"', ''), ': ', '='), r ->> 'errorMessage',
           replace(replace(r ->> 'serviceEventDetails', '"', ''), ': ', '='))) AS struct
FROM sign_ins CROSS JOIN LATERAL travel.parse(r) AS e;

CREATE TEMP TABLE identities AS
SELECT jsonb_build_object('userIdentity', jsonb_strip_nulls(jsonb_build_object('type', type, 'userName', user_name,
           'principalId', id, 'arn', arn, 'onBehalfOf', jsonb_build_object('userId', user_name),
           'sessionContext', jsonb_build_object('sessionIssuer', jsonb_build_object('arn', issuer))))) AS r
FROM unnest('{Root,IAMUser,AssumedRole,FederatedUser,IdentityCenterUser,WebIdentityUser,SAMLUser,AWSAccount,Unknown,
    NULL}'::text[]) AS a (type),
     unnest('{alice,"",HIDDEN_DUE_TO_SECURITY_REASONS,NULL}'::text[]) AS b (user_name),
     unnest('{AIDAEXAMPLE,AROAEXAMPLE:bob,AROAEXAMPLE:,arn:aws:iam::1:x,"",NULL}'::text[]) AS c (id),
     unnest('{arn:aws:iam::123456789012:user/staff/alice,arn:aws:sts::123456789012:assumed-role/Deploy/bob,
         arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0/bob@example.com,anonymous,"",NULL}'::text[])
         AS d (arn),
     unnest('{arn:aws:iam::123456789012:role/Deploy,"",
         arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0,NULL}'::text[])
         AS e (issuer);

SELECT count(*) AS records, count(DISTINCT (e.session_name, e.principal, e.actor)) AS identities,
       count(*) FILTER (WHERE e.session_name IS DISTINCT FROM name) AS session_name,
       count(*) FILTER (WHERE e.principal IS DISTINCT FROM travel.principal(u ->> 'arn', issuer)) AS principal,
       count(*) FILTER (WHERE e.actor IS DISTINCT FROM travel.actor(u ->> 'type', u ->> 'arn', name, issuer,
           u #>> '{onBehalfOf,userId}')) AS actor
FROM identities
CROSS JOIN LATERAL (VALUES (r -> 'userIdentity', r #>> '{userIdentity,sessionContext,sessionIssuer,arn}'))
    AS v (u, issuer)
CROSS JOIN LATERAL travel.session_name(u ->> 'type', u ->> 'userName', u ->> 'principalId', u ->> 'arn')
    AS s (name)
CROSS JOIN LATERAL travel.parse(r) AS e;

-- An unauthenticated caller has no name.
SELECT travel.session_name('AWSAccount', NULL, 'Anonymous', NULL), travel.principal('anonymous'),
    travel.actor('IAMUser', 'ANONYMOUS_PRINCIPAL', NULL);

-- No call is ambiguous, and a table may lack some of the columns.
SELECT travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com') AS nothing_failed,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', NULL) AS null,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', '{ConsoleLogin=Failure}') AS struct,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', '{"ConsoleLogin": "Failure"}'::json) AS json,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', jsonb '{"ConsoleLogin": "Failure"}') AS jsonb,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', error_message => 'Failed authentication') AS named;
SELECT travel.principal('arn:aws:iam::123456789012:user/alice'),
       travel.actor('IAMUser', 'arn:aws:iam::123456789012:user/alice', 'alice'),
       travel.session_name(NULL, NULL, NULL, NULL);

-- A structure that is neither JSON nor such a text says nothing; a sign-in that failed has other columns, too.
SELECT response, travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', response) AS alone,
       travel.outcome(NULL, 'ConsoleLogin', 'signin.amazonaws.com', response, 'Failed authentication') AS with_message
FROM unnest(ARRAY['', 'null', '[]', '"Failure"', 'Failure', '{', '{"ConsoleLogin": "Fail']) AS response;

DROP TABLE sign_ins, identities;
