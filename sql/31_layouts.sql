-- Layouts: how other tools store CloudTrail events in tables ----------------------------------------------------------

CREATE TABLE travel.layouts (
    name          text   PRIMARY KEY,
    rank          int    NOT NULL UNIQUE,
    tool          text   NOT NULL,
    recognized_by text[] NOT NULL,
    absent        text[] NOT NULL,
    columns       jsonb  NOT NULL,
    documentation text   NOT NULL
);
COMMENT ON TABLE travel.layouts IS
    'Layouts of tables in which other tools store CloudTrail events, as travel.columns_for recognizes them. A path '
    'such as useridentity.arn is a column of that name, a column useridentity_arn, or the member arn of a column '
    'useridentity of type jsonb, json, a composite type, or text';
COMMENT ON COLUMN travel.layouts.name IS 'Name of the layout, as notices show it';
COMMENT ON COLUMN travel.layouts.rank IS 'Order in which the layouts are tried: the first one that fits is used';
COMMENT ON COLUMN travel.layouts.tool IS 'Tool that creates tables with this layout';
COMMENT ON COLUMN travel.layouts.recognized_by IS
    'Paths that a table with this layout has; a|b means one of the two. Empty for the layout that is recognized by the '
    'values of a column';
COMMENT ON COLUMN travel.layouts.absent IS 'Paths that a table with this layout does not have';
COMMENT ON COLUMN travel.layouts.columns IS
    'Location of each standard column: a path, an array of paths (the first value that is neither NULL nor empty), an '
    'SQL expression in which {path} is text, {a|b} the first of two, and {path!} required, or an array of expressions '
    '(the first whose required paths exist)';
COMMENT ON COLUMN travel.layouts.documentation IS 'Page that describes the tables of the tool';
GRANT SELECT ON travel.layouts TO PUBLIC;

-- Tables with the whole record. Of the other columns that the tool has, the time is used. Another one is used only if
-- it is indexed or the table is foreign, because not every tool fills it.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
VALUES
    ('steampipe_trail_event', 10, 'Steampipe, aws_cloudtrail_trail_event',
     '{cloudtrail_event,user_identity,user_identifier,log_group_name}', '{}',
     '{"record": "cloudtrail_event", "event_time": "event_time", "access_key_id": "access_key_id"}',
     'https://hub.steampipe.io/plugins/turbot/aws/tables/aws_cloudtrail_trail_event'),
    ('steampipe_lookup_event', 11, 'Steampipe, aws_cloudtrail_lookup_event',
     '{cloud_trail_event,start_time,end_time}', '{_cq_id}',
     '{"record": "cloud_trail_event", "event_time": "event_time", "access_key_id": "access_key_id"}',
     'https://hub.steampipe.io/plugins/turbot/aws/tables/aws_cloudtrail_lookup_event'),
    ('cloudquery', 12, 'CloudQuery, aws_cloudtrail_events',
     '{_cq_id,cloud_trail_event}', '{}',
     '{"record": "cloud_trail_event", "event_time": "event_time", "access_key_id": "access_key_id"}',
     'https://github.com/cloudquery/cloudquery, plugins/source/aws/docs/tables/aws_cloudtrail_events.md'),
    ('airbyte', 13, 'Airbyte, management_events',
     '{CloudTrailEvent,EventId,EventTime}', '{}',
     '{"record": "CloudTrailEvent", "event_time": "EventTime", "access_key_id": "AccessKeyId"}',
     'https://docs.airbyte.com/integrations/sources/aws-cloudtrail'),
    ('cloudtrail_lake', 15, 'CloudTrail Lake, an event data store with eventjson',
     '{eventjson,eventtime}', '{}',
     '{"record": "eventjson", "event_time": "eventtime"}',
     'https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html'),
    ('runreveal', 16, 'RunReveal, logs',
     '{rawLog,eventTime,eventName}', '{}',
     '{"record": "rawLog", "event_time": "eventTime"}',
     'https://docs.runreveal.com/bring-your-own-cloud/data-model'),
    ('raw_record', 17, 'Fivetran and home-made tables that keep the record in raw, raw_log or raw_event',
     '{raw_event|raw_log|raw,event_time|timestamp,event_name|user_identity.arn|source_ip|source_ip_address}', '{}',
     '{"record": ["raw_event", "raw_log", "raw"], "event_time": ["event_time", "timestamp"], '
     '"access_key_id": "access_key_id"}',
     'https://fivetran.com/docs/connectors/applications/aws-cloudtrail'),
    ('fluent_bit', 18, 'Fluent Bit, output pgsql',
     '{tag,time,data}', '{}',
     '{"document": "data"}',
     'https://docs.fluentbit.io/manual/pipeline/outputs/postgresql'),
    ('fluentd', 19, 'Fluentd, output pgjson',
     '{tag,time,record}', '{}',
     '{"document": "record"}',
     'https://github.com/choplin/fluent-plugin-pgjson');

-- Tables with the names of the record, in lower case or unchanged. The keys of structs may have either case.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
SELECT name, rank, tool, recognized_by::text[], '{}'::text[], columns::jsonb, documentation
FROM (
    VALUES
        ('panther', 30, 'Panther, aws_cloudtrail', '{p_event_time,useridentity.type,eventtime,sourceipaddress}',
         'https://docs.panther.com/data-onboarding/supported-logs/aws'),
        ('athena', 31, 'Athena, AWS Glue, CloudTrail Lake', '{useridentity.type,eventtime,sourceipaddress}',
         'https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table.html')
) AS l (name, rank, tool, recognized_by, documentation)
CROSS JOIN (
    VALUES (
        '{"event_id": "eventid", "event_time": "eventtime", "event_name": "eventname", "event_source": "eventsource", '
        '"event_type": "eventtype", "event_category": "eventcategory", "aws_region": "awsregion", '
        '"account_id": ["useridentity.accountid", "useridentity.accountId"], '
        '"recipient_account_id": "recipientaccountid", "shared_event_id": "sharedeventid", '
        '"source_text": "sourceipaddress", "identity_type": "useridentity.type", '
        '"principal_id": ["useridentity.principalid", "useridentity.principalId"], "arn": "useridentity.arn", '
        '"user_name": ["useridentity.username", "useridentity.userName"], '
        '"session_name": "(travel.session_name({useridentity.type}, {useridentity.username|useridentity.userName}, '
        '{useridentity.principalid|useridentity.principalId}, {useridentity.arn}))", '
        '"principal": "(travel.principal({useridentity.arn}, '
        '{useridentity.sessioncontext.sessionissuer.arn|useridentity.sessionContext.sessionIssuer.arn}))", '
        '"actor": "(travel.actor({useridentity.type}, {useridentity.arn}, '
        'travel.session_name({useridentity.type}, {useridentity.username|useridentity.userName}, '
        '{useridentity.principalid|useridentity.principalId}, {useridentity.arn}), '
        '{useridentity.sessioncontext.sessionissuer.arn|useridentity.sessionContext.sessionIssuer.arn}, '
        '{useridentity.onbehalfof.userid|useridentity.onBehalfOf.userId}))", '
        '"access_key_id": ["useridentity.accesskeyid", "useridentity.accessKeyId"], '
        '"issued_access_key_id": "responseelements.credentials.accessKeyId", '
        '"session_issuer_arn": '
        '["useridentity.sessioncontext.sessionissuer.arn", "useridentity.sessionContext.sessionIssuer.arn"], '
        '"source_identity": ["useridentity.sessioncontext.sourceidentity", '
        '"useridentity.sessionContext.sourceIdentity"], '
        '"invoked_by": ["useridentity.invokedby", "useridentity.invokedBy"], '
        '"mfa_used": "(CASE WHEN pg_catalog.lower({additionaleventdata.MFAUsed}) = ''yes'' '
        'OR pg_catalog.lower({useridentity.sessioncontext.attributes.mfaauthenticated|'
        'useridentity.sessionContext.attributes.mfaAuthenticated}) = ''true'' THEN ''true'' '
        'ELSE {additionaleventdata.MFAUsed|useridentity.sessioncontext.attributes.mfaauthenticated|'
        'useridentity.sessionContext.attributes.mfaAuthenticated} END)", '
        '"from_console": "sessioncredentialfromconsole", "vpc_endpoint_id": "vpcendpointid", '
        '"user_agent": "useragent", "error_code": "errorcode", "error_message": "errormessage", '
        '"outcome": ["(travel.outcome({errorcode!}, {eventname}, {eventsource}, {responseelements}, {errormessage}, '
        '{serviceeventdetails}))", "(travel.outcome(NULL::text, {eventname}, {eventsource}, {responseelements!}, '
        '{errormessage}, {serviceeventdetails}))"], '
        '"read_only": "readonly"}'
    )
) AS c (columns);

-- Tables with the names of the record in snake_case. The keys of user_identity are those of the record, or in
-- snake_case.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
SELECT name, rank, tool, recognized_by::text[], '{}'::text[], columns::jsonb, documentation
FROM (
    VALUES
        ('tailpipe', 40, 'Tailpipe, aws_cloudtrail_log', '{tp_id,tp_timestamp,event_time,user_identity.type}',
         'https://hub.tailpipe.io/plugins/turbot/aws/tables/aws_cloudtrail_log'),
        ('snake_case', 41, 'Fivetran and home-made tables with names in snake_case',
         '{event_time|timestamp,user_identity.arn,source_ip_address|source_ip}',
         'https://fivetran.com/docs/connectors/applications/aws-cloudtrail')
) AS l (name, rank, tool, recognized_by, documentation)
CROSS JOIN (
    VALUES (
        '{"event_id": ["cloudtrail_event_id", "event_id"], "event_time": ["event_time", "timestamp"], '
        '"event_name": "event_name", "event_source": "event_source", "event_type": "event_type", '
        '"event_category": "event_category", "aws_region": ["aws_region", "region"], '
        '"account_id": ["user_identity.accountId", "user_identity.account_id", "account_id", "aws_account_id"], '
        '"recipient_account_id": "recipient_account_id", "shared_event_id": "shared_event_id", '
        '"source_text": ["source_ip_address", "source_ip"], '
        '"identity_type": ["user_identity.type", "user_type"], '
        '"principal_id": ["user_identity.principalId", "user_identity.principal_id"], "arn": "user_identity.arn", '
        '"user_name": ["user_identity.userName", "user_identity.user_name", "user_name", "username"], '
        '"session_name": "(travel.session_name({user_identity.type|user_type}, '
        '{user_identity.userName|user_identity.user_name|user_name|username}, '
        '{user_identity.principalId|user_identity.principal_id}, {user_identity.arn}))", '
        '"principal": "(travel.principal({user_identity.arn}, {user_identity.sessionContext.sessionIssuer.arn|'
        'user_identity.session_context.session_issuer.arn}))", '
        '"actor": "(travel.actor({user_identity.type|user_type}, {user_identity.arn}, '
        'travel.session_name({user_identity.type|user_type}, '
        '{user_identity.userName|user_identity.user_name|user_name|username}, '
        '{user_identity.principalId|user_identity.principal_id}, {user_identity.arn}), '
        '{user_identity.sessionContext.sessionIssuer.arn|user_identity.session_context.session_issuer.arn}, '
        '{user_identity.onBehalfOf.userId|user_identity.on_behalf_of.user_id}))", '
        '"access_key_id": ["access_key_id", "user_identity.accessKeyId", "user_identity.access_key_id"], '
        '"issued_access_key_id": "response_elements.credentials.accessKeyId", '
        '"session_issuer_arn": ["user_identity.sessionContext.sessionIssuer.arn", '
        '"user_identity.session_context.session_issuer.arn"], '
        '"source_identity": ["user_identity.sessionContext.sourceIdentity", '
        '"user_identity.session_context.source_identity"], '
        '"invoked_by": ["user_identity.invokedBy", "user_identity.invoked_by", "invoked_by"], '
        '"mfa_used": "(CASE WHEN pg_catalog.lower({additional_event_data.MFAUsed}) = ''yes'' '
        'OR pg_catalog.lower({user_identity.sessionContext.attributes.mfaAuthenticated|'
        'user_identity.session_context.attributes.mfa_authenticated}) = ''true'' THEN ''true'' '
        'ELSE {additional_event_data.MFAUsed|user_identity.sessionContext.attributes.mfaAuthenticated|'
        'user_identity.session_context.attributes.mfa_authenticated} END)", '
        '"from_console": "session_credential_from_console", "vpc_endpoint_id": "vpc_endpoint_id", '
        '"user_agent": "user_agent", "error_code": "error_code", "error_message": "error_message", '
        '"outcome": ["(travel.outcome({error_code!}, {event_name}, {event_source}, {response_elements}, '
        '{error_message}, {service_event_details}))", "(travel.outcome(NULL::text, {event_name}, {event_source}, '
        '{response_elements!}, {error_message}, {service_event_details}))"], '
        '"read_only": "read_only"}'
    )
) AS c (columns);

-- Tables with the names of travel.event, which lack only columns that are derived from others; and the console's Event
-- history. There, a call by a service is recognized by its address alone. The user agent is not used, because the
-- caller chooses it.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
VALUES (
    'event_columns', 45, 'Tables with the names of travel.event and without outcome',
    '{event_time,source_ip|source_text,event_name,event_source,error_code}', '{}',
    '{"outcome": "(travel.outcome({error_code!}, {event_name}, {event_source}, {response_elements}, {error_message}, '
    '{service_event_details}))", '
    '"session_name": "(travel.session_name({identity_type}, {user_name}, {principal_id}, {arn!}))", '
    '"principal": "(travel.principal({arn!}, {session_issuer_arn}))", '
    '"actor": "(travel.actor({identity_type!}, {arn}, '
    'travel.session_name({identity_type}, {user_name}, {principal_id}, {arn}), {session_issuer_arn}))"}',
    'docs/reference.md'
), (
    'event_history', 46, 'The Event history of the AWS console, downloaded as CSV',
    '{"AWS access key|aws_access_key","Event time|event_time","Source IP address|source_ip_address"}', '{}',
    '{"event_id": ["Event ID", "event_id"], "event_time": ["Event time", "event_time"], '
    '"event_name": ["Event name", "event_name"], "event_source": ["Event source", "event_source"], '
    '"event_type": ["Event type", "event_type"], "event_category": ["Event category", "event_category"], '
    '"aws_region": ["AWS region", "aws_region"], "account_id": ["Recipient Account Id", "recipient_account_id"], '
    '"recipient_account_id": ["Recipient Account Id", "recipient_account_id"], '
    '"source_text": ["Source IP address", "source_ip_address"], "session_name": ["User name", "user_name"], '
    '"access_key_id": ["AWS access key", "aws_access_key"], '
    '"invoked_by": "(CASE WHEN {Source IP address|source_ip_address!} LIKE ''%.amazonaws.com'' '
    'THEN {Source IP address|source_ip_address} END)", '
    '"user_agent": ["User agent", "user_agent"], "error_code": ["Error code", "error_code"], '
    '"outcome": "(travel.outcome({Error code|error_code!}, {Event name|event_name}, {Event source|event_source}))", '
    '"read_only": ["Read-only", "read_only"]}',
    'https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events-console.html'
);

-- Common schemas. In OCSF 1.0.0-rc.2, actor.user.uuid is the ARN and actor.user.uid the principal ID; in later
-- versions, uid is the ARN and uid_alt the principal ID. OCSF has the result of a sign-in, which CloudTrail has in the
-- response, in status.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
VALUES (
    'ocsf', 50, 'OCSF, Amazon Security Lake', '{class_uid,time|time_dt,metadata.uid,api.operation,actor.user.type}',
    '{}',
    '{"event_id": "metadata.uid", "event_time": ["time_dt", "time"], "event_name": "api.operation", '
    '"event_source": "api.service.name", "event_type": "metadata.product.feature.name", "aws_region": "cloud.region", '
    '"account_id": ["actor.user.account.uid", "actor.user.account_uid"], '
    '"recipient_account_id": ["unmapped.recipientAccountId", "cloud.account.uid", "cloud.account_uid"], '
    '"source_text": "({src_endpoint.ip|src_endpoint.domain})", "identity_type": "actor.user.type", '
    '"principal_id": "(CASE WHEN {actor.user.uuid} <> '''' THEN {actor.user.uid} ELSE {actor.user.uid_alt} END)", '
    '"arn": ["actor.user.uuid", "actor.user.uid"], "user_name": "actor.user.name", '
    '"session_name": "(travel.session_name({actor.user.type}, {actor.user.name}, '
    'CASE WHEN {actor.user.uuid} <> '''' THEN {actor.user.uid} ELSE {actor.user.uid_alt} END, '
    '{actor.user.uuid|actor.user.uid}))", '
    '"principal": "(travel.principal({actor.user.uuid|actor.user.uid}, {actor.session.issuer}))", '
    '"actor": "(travel.actor({actor.user.type}, {actor.user.uuid|actor.user.uid}, '
    'travel.session_name({actor.user.type}, {actor.user.name}, '
    'CASE WHEN {actor.user.uuid} <> '''' THEN {actor.user.uid} ELSE {actor.user.uid_alt} END, '
    '{actor.user.uuid|actor.user.uid}), {actor.session.issuer}))", '
    '"access_key_id": "actor.user.credential_uid", '
    '"issued_access_key_id": "(coalesce(nullif({session.credential_uid}, ''''), '
    'travel.struct_text({api.response.data}) -> ''credentials'' ->> ''accessKeyId''))", '
    '"session_issuer_arn": "actor.session.issuer", "invoked_by": "actor.invoked_by", '
    '"mfa_used": "(CASE WHEN {is_mfa|mfa} = ''true'' OR {actor.session.is_mfa|actor.session.mfa} = ''true'' '
    'THEN ''true'' ELSE {is_mfa|mfa|actor.session.is_mfa|actor.session.mfa} END)", '
    '"vpc_endpoint_id": "src_endpoint.uid", "user_agent": "http_request.user_agent", '
    '"error_code": "api.response.error", "error_message": "api.response.message", '
    '"outcome": ["(travel.outcome({api.response.error!}, {api.operation}, {api.service.name}, '
    'pg_catalog.json_build_object(coalesce({api.operation}, ''''), {status})::text, {api.response.message}))", '
    '"(travel.outcome(NULL::text, {api.operation}, {api.service.name}, '
    'pg_catalog.json_build_object(coalesce({api.operation}, ''''), {status!})::text, {api.response.message}))"], '
    '"read_only": "unmapped.readOnly"}',
    'https://github.com/ocsf/examples, mappings/markdown/AWS'
), (
    'ecs', 51, 'Elastic Common Schema: Elastic, OpenSearch, Matano',
    '{aws.cloudtrail.user_identity.type|aws.cloudtrail.event_name,event.action|aws.cloudtrail.event_name,'
    'source.ip|source.address,@timestamp|timestamp|_timestamp|ts}', '{}',
    '{"event_id": ["event.id", "aws.cloudtrail.event_id"], '
    '"event_time": ["@timestamp", "_timestamp", "timestamp", "ts"], '
    '"event_name": ["event.action", "aws.cloudtrail.event_name"], '
    '"event_source": ["event.provider", "aws.cloudtrail.event_source"], "event_type": "aws.cloudtrail.event_type", '
    '"event_category": "aws.cloudtrail.event_category", "aws_region": "cloud.region", '
    '"account_id": "cloud.account.id", "recipient_account_id": "aws.cloudtrail.recipient_account_id", '
    '"shared_event_id": "aws.cloudtrail.shared_event_id", "source_text": "({source.address|source.ip})", '
    '"identity_type": "aws.cloudtrail.user_identity.type", "principal_id": "user.id", '
    '"arn": "aws.cloudtrail.user_identity.arn", '
    '"user_name": "(CASE {aws.cloudtrail.user_identity.type} WHEN ''AssumedRole'' THEN NULL ELSE {user.name} END)", '
    '"session_name": "(travel.session_name({aws.cloudtrail.user_identity.type}, {user.name}, {user.id}, '
    '{aws.cloudtrail.user_identity.arn}))", '
    '"principal": "(travel.principal({aws.cloudtrail.user_identity.arn}, '
    '{aws.cloudtrail.user_identity.session_context.session_issuer.arn}))", '
    '"actor": "(travel.actor({aws.cloudtrail.user_identity.type}, {aws.cloudtrail.user_identity.arn}, '
    'travel.session_name({aws.cloudtrail.user_identity.type}, {user.name}, {user.id}, '
    '{aws.cloudtrail.user_identity.arn}), {aws.cloudtrail.user_identity.session_context.session_issuer.arn}))", '
    '"access_key_id": "aws.cloudtrail.user_identity.access_key_id", '
    '"issued_access_key_id": "aws.cloudtrail.flattened.response_elements.credentials.accessKeyId", '
    '"session_issuer_arn": "aws.cloudtrail.user_identity.session_context.session_issuer.arn", '
    '"invoked_by": "aws.cloudtrail.user_identity.invoked_by", '
    '"mfa_used": "(CASE WHEN {aws.cloudtrail.console_login.additional_eventdata.mfa_used} = ''true'' '
    'OR {aws.cloudtrail.user_identity.session_context.mfa_authenticated} = ''true'' THEN ''true'' '
    'ELSE {aws.cloudtrail.console_login.additional_eventdata.mfa_used|'
    'aws.cloudtrail.user_identity.session_context.mfa_authenticated} END)", '
    '"vpc_endpoint_id": "aws.cloudtrail.vpc_endpoint_id", "user_agent": "user_agent.original", '
    '"error_code": "aws.cloudtrail.error_code", "error_message": "aws.cloudtrail.error_message", '
    '"outcome": ["(CASE WHEN {event.provider} = ''signin.amazonaws.com'' '
    'AND pg_catalog.lower({event.outcome}) = ''failure'' THEN ''failed_auth'' '
    'ELSE travel.outcome({aws.cloudtrail.error_code!}, {event.action|aws.cloudtrail.event_name}, '
    '{event.provider|aws.cloudtrail.event_source}, '
    '{aws.cloudtrail.response_elements|aws.cloudtrail.flattened.response_elements}, '
    '{aws.cloudtrail.error_message}, '
    '{aws.cloudtrail.service_event_details|aws.cloudtrail.flattened.service_event_details}) END)", '
    '"(CASE WHEN {event.provider} = ''signin.amazonaws.com'' '
    'AND pg_catalog.lower({event.outcome!}) = ''failure'' THEN ''failed_auth'' '
    'ELSE travel.outcome(NULL::text, {event.action|aws.cloudtrail.event_name}, '
    '{event.provider|aws.cloudtrail.event_source}, '
    '{aws.cloudtrail.response_elements|aws.cloudtrail.flattened.response_elements}, '
    '{aws.cloudtrail.error_message}, '
    '{aws.cloudtrail.service_event_details|aws.cloudtrail.flattened.service_event_details}) END)"], '
    '"read_only": "aws.cloudtrail.read_only"}',
    'https://github.com/elastic/integrations, packages/aws/data_stream/cloudtrail'
);

-- Any other table with CloudTrail documents in one of its columns. Airbyte gives its raw tables the same columns for
-- every connector, so the extension reads their rows first. It goes by the names of the columns only if there are none.

INSERT INTO travel.layouts (name, rank, tool, recognized_by, absent, columns, documentation)
VALUES (
    'documents', 1000, 'Tables with CloudTrail documents or records in one column of JSON or text', '{}', '{}',
    '{"document": "the column"}',
    'https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html'
), (
    'airbyte_raw', 1001, 'Airbyte, the raw table of management_events',
    '{_airbyte_data}', '{CloudTrailEvent}',
    '{"record": "_airbyte_data.CloudTrailEvent"}',
    'https://docs.airbyte.com/integrations/destinations/postgres'
);

CREATE FUNCTION travel.columns_for(source regclass) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_columns_for';
COMMENT ON FUNCTION travel.columns_for(regclass) IS
    'Recognizes the layout of a table or view that another tool made, names it in a notice, and returns the argument '
    'columns of travel.detect for it. If the names of the columns are not enough, it reads a few rows';

CREATE FUNCTION travel.struct_text(text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_struct_text';
COMMENT ON FUNCTION travel.struct_text(text) IS
    'Structure read from JSON text or from the form {type=IAMUser, sessioncontext={…}} of Athena''s CSV files, or '
    'NULL if the text has neither form';

CREATE FUNCTION travel_internal.each_record(document jsonb) RETURNS SETOF jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'travel_each_record';
COMMENT ON FUNCTION travel_internal.each_record(jsonb) IS
    'Records in a CloudTrail document, which may be inside what a log shipper stored. A value that is not a document '
    'has no records, and raises no error';
CREATE FUNCTION travel_internal.each_record(document text) RETURNS SETOF jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'travel_each_record_text';
COMMENT ON FUNCTION travel_internal.each_record(text) IS
    'Records in the CloudTrail documents of a JSON text. Text that is not JSON has no records, and raises no error';

CREATE FUNCTION travel_internal.document_kind(document jsonb) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_document_kind';
COMMENT ON FUNCTION travel_internal.document_kind(jsonb) IS
    'Kind of a value: record (one CloudTrail record), documents (records in envelopes), other, or NULL for a '
    'CloudTrail document without records';
CREATE FUNCTION travel_internal.document_kind(document text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_document_kind_text';
COMMENT ON FUNCTION travel_internal.document_kind(text) IS
    'Kind of a JSON text: record (one CloudTrail record), documents (records in envelopes, or several), other, or NULL '
    'for CloudTrail documents without records';
