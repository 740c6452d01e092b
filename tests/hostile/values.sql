-- The hostile values of each type. The first one of a type is a good value, which an argument has while another argument is
-- tried. A type of an argument without values ends the test, so a new type gets its values. Only the long form of the
-- test uses `heavy` values, which tests/hostile/heavy.sql builds.
CREATE TABLE hostile.value (
    n int GENERATED ALWAYS AS IDENTITY, type regtype NOT NULL, expression text NOT NULL, heavy boolean NOT NULL
);
CREATE FUNCTION hostile.add(type regtype, expressions text[], heavy boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hostile.value (type, expression, heavy) SELECT $1, e, $3 FROM unnest($2) AS e
$$;
-- Values that are built once. Statements read them from this table, so no plan contains a constant of 100 MB.
CREATE TABLE hostile.built (name text PRIMARY KEY, t text, j jsonb, a text[]);
CREATE FUNCTION hostile.add_built(type regtype, field text, names text[], heavy boolean) RETURNS void LANGUAGE sql AS $$
    SELECT hostile.add($1, array_agg(format('(SELECT %I FROM hostile.built WHERE name = %L)', $2, n)), $4) FROM unnest($3) AS n
$$;
-- Documents of 10,000 levels, for whose text PostgreSQL needs more stack than by default.
SET max_stack_depth = '6MB';
INSERT INTO hostile.built (name, j) VALUES
    ('arrays', (repeat('[', 10000) || repeat(']', 10000))::jsonb),
    ('objects', (repeat('{"userIdentity": [{"Records":', 3334) || '1' || repeat('}]}', 3334))::jsonb);
RESET max_stack_depth;
-- Literals of a type.
CREATE FUNCTION hostile.literals(type regtype, texts text[]) RETURNS void LANGUAGE sql AS $$
    SELECT hostile.add($1, array_agg(format('%L::%s', t, $1))) FROM unnest($2) AS t
$$;

SELECT hostile.literals('float8', '{1,0,-0,NaN,Infinity,-Infinity,1e308,-1e308,5e-324,90.00000000000001,-180,1e-300,180.5}'),
    hostile.literals('bigint', '{1,0,-1,9223372036854775807,-9223372036854775808,2147483648}'),
    hostile.literals('integer', '{1,0,-1,2147483647,-2147483648}'),
    hostile.literals('numeric', '{1,0,NaN,Infinity,-Infinity,1e131071,-1e131071,1e-16383,1772000000.0000000000001}'),
    hostile.literals('boolean', '{true,false}'),
    hostile.literals('interval', '{1 hour,0,-1 second,178000000 years,-178000000 years,2147483647 days,
        -2147483648 days,9223372036854775807 microseconds,1 month -31 days}'),
    hostile.literals('inet', '{192.0.2.1,203.0.113.1,0.0.0.0/0,::/0,255.255.255.255,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,
        ::ffff:192.0.2.1,10.0.0.1/8,::,fe80::1,127.0.0.1}'),
    hostile.literals('timestamptz', '{2026-03-02 09:00Z,-infinity,infinity,294276-12-31 23:59:59.999999Z,
        4713-11-24 00:00:00 BC,epoch,1582-10-10}'),
    hostile.literals('timestamp', '{2026-03-02 09:00,-infinity,infinity,294276-12-31 23:59:59.999999,
        4713-11-24 00:00:00 BC,epoch}'),
    hostile.literals('cidr', '{10.0.0.0/8,0.0.0.0/0,::/0,255.255.255.255/32}'),
    hostile.literals('uuid', '{00000000-0000-0000-0000-000000000000}'),
    hostile.literals('tid', '{"(0,1)","(0,0)","(4294967295,65535)","(4294967294,1)"}'),
    hostile.literals('pg_snapshot', '{1:1:,1:9223372036854775807:1\,2,5:10:5\,6\,7\,8\,9}'),
    hostile.literals('travel.severity', '{low}'),
    hostile.literals('text[]', '{"{a,b}","{}","{NULL}","{NULL,a,NULL}","{{a,b},{c,d}}","[5:6]={a,b}","{\"\"}"}'),
    hostile.literals('bigint[]', '{"{1,2}","{}","{NULL}","{{1,2},{3,4}}","[-5:-4]={1,9223372036854775807}"}'),
    hostile.literals('timestamptz[]', '{"{2026-03-02 09:00Z,2026-03-03 09:00Z}","{}","{NULL}","{infinity,-infinity}",
        "{{epoch,NULL},{NULL,epoch}}"}'),
    hostile.literals('jsonb[]', '{"{\"{}\"}","{}","{NULL}","{1,null,\"[]\"}","{{1,2},{3,4}}"}'),
    hostile.literals('travel.leg[]', '{"{}","{NULL}","{{NULL},{NULL}}"}');
SELECT hostile.add('travel.leg[]', ARRAY[
    $$ARRAY[(SELECT l FROM travel.legs((SELECT travel.journey(event_time, source_ip) FROM hostile.few)) AS l LIMIT 1), NULL]$$,
    $$ARRAY[jsonb_populate_record(NULL::travel.leg, '{"distance_km": "NaN", "from_time": "infinity", "impossible": true}')]$$]);

-- Texts: of addresses, times, names, templates, expressions, CloudTrail; then control characters, and long ones.
SELECT hostile.add('text', array_agg(CASE WHEN t ~ E'[\\n\\r]'
        -- A statement has one line.
        THEN format('E''%s''::text', replace(replace(t, E'\n', '\n'), E'\r', '\r')) ELSE format('%L::text', t) END))
FROM unnest(ARRAY['x', '', ' ', '%s %n %', '{{entity}}', '{{', '{{@a.b.c}} }}', '''', '"', '"unfinished', '\', '$$', ';', '--',
    '/*', E'\x01\x02\x1f\x7f', E'a\nb\rc\td', '%00', '../../etc/passwd', '/dev/zero', 'pg_catalog.pg_class',
    '"hostile"."trail"', 'hostile.trail; DROP TABLE hostile.trail', 'a.b.c.d.e', 'no.such', '"', '""."" ', 'NaN', '-infinity',
    '294277-01-01', '0000-00-00T00:00:00Z', '2026-02-30', '99999999999999999999', '1e999', '192.0.2.1', '192.0.2.1/33', '::g',
    's3.amazonaws.com', 'AWS Internal', U&'\+01F600 \0301\202E\200B', U&'\FFFF', '{"Records": [{}]}',
    '{"Records": [{"eventID": 1, "eventTime": {}, "userIdentity": [], "responseElements": "x"}]}', '[', '{"a":', 'nul\u0000',
    '{=}', '{a=b, c={d=[e, {f=', '{a={a={a={a=1}}}}', 'arn:aws:sts::::assumed-role//', 'arn:::::::', 'read', 'admin',
    'postgres', 'public', 'none', '1 = 1', 'count(*) > 0', '(SELECT true)', 'random() > 0', 'event_time', 'no_column',
    'event_id::int > 0', '1/0 = 1', 'pg_sleep(0) IS NULL', 'hostile.fail()', 'true) OR (true',
    'lead(event_id) OVER () = ''''', 'generate_series(1, 2) = 1', '$1 = 1', 'access_key_id, access_key_id', ',', 'access_key_id,',
    'GREATEST(access_key_id)', 'ctid', 'tableoid::text', 'xmin::text', 'trail.*::text', 'hostile.trail']) AS t;
SELECT hostile.add('text', '{"repeat(''x'', 1000000)","repeat(''('', 10000)","repeat(''NOT '', 10000) || ''true''",
        "repeat(''a.'', 10000)","repeat(''{{'', 100000)","repeat(''['', 10000)","repeat(''{\"a\":'', 10000)",
        "''{\"Records\": '' || repeat(''['', 10000) || repeat('']'', 10000) || ''}''","repeat(''{a='', 10000)",
        "repeat(''9'', 100000)","repeat(''true AND '', 2000) || ''true''"}'),
    hostile.add_built('text', 't', '{x,[,é,document}', true);
SELECT hostile.add('cstring', array_agg(replace(expression, '::text', '::cstring')))
FROM hostile.value WHERE type = 'text'::regtype AND expression LIKE '''%::text' AND expression !~ '::cstring.*::text';

SELECT hostile.add('cstring', '{repeat(''x'', 100000000)::cstring,repeat(''['', 100000000)::cstring}', true);

-- JSON: CloudTrail of wrong types, nested, wide and long.
SELECT hostile.literals('jsonb', ARRAY['{"eventID": "e", "eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress": "192.0.2.1"}', '{}',
    '[]', 'null', '1', '1e1000', '"x"', 'true', '{"Records": null}', '{"Records": [null, 1, [], {}]}',
    '{"Records": {"Records": {"Records": []}}}', '{"eventTime": 1e400}', '{"eventTime": -1}', '{"eventTime": {}}',
    '{"eventTime": "294277-01-01T00:00:00Z"}', '{"userIdentity": []}', '{"userIdentity": {"sessionContext": "x"}}',
    '{"userIdentity": {"sessionContext": {"sessionIssuer": [], "attributes": {"mfaAuthenticated": 7}}}}',
    '{"responseElements": "x", "requestParameters": []}', '{"": {"": ""}}', '{"sourceIPAddress": {"a": 1}, "readOnly": "maybe"}',
    '{"prefixes": [{"ip_prefix": "x"}], "ipv6_prefixes": 1}', '{"prefixes": [], "ipv6_prefixes": []}',
    '{"prefixes": [{"ip_prefix": "192.0.2.0/24", "region": "us-east-1", "service": "EC2"}], "syncToken": {}}',
    '{"event_time": "now()", "source_ip": 5}', '{"event_time": "event_time) FROM x --"}', '{"no_such_column": "1"}',
    '{"entity": "1/0", "access_key_id": "(SELECT 1)"}', '{"access_key_id": null}', '{"access_key_id": "hostile.fail()"}',
    '{"min_distance_km": "NaN"}', '{"min_velocity_kmh": -1, "learning_period": "infinity"}', '{"condition": "1/0 = 1"}',
    '{"access_key_id": "repeat(access_key_id, 1000)"}', '{"ConsoleLogin": "Failure"}', '{"a": "{{%s}}"}', '{"a": "\u0001\ud83d\ude00"}']),
    hostile.add('jsonb', '{"(repeat(''['', 6000) || repeat('']'', 6000))::jsonb",
        "(repeat(''{\"Records\":'', 6000) || ''1'' || repeat(''}'', 6000))::jsonb",
        "(''{\"userIdentity\":'' || repeat(''[{\"a\":'', 3000) || ''1'' || repeat(''}]'', 3000) || ''}'')::jsonb",
        "jsonb_build_object(''eventID'', repeat(''x'', 1000000), ''eventTime'', repeat(''9'', 1000000))",
        "(SELECT jsonb_object_agg(n, n) FROM generate_series(1, 50000) AS n)",
        "(SELECT jsonb_build_object(''Records'', jsonb_agg(jsonb_build_object(''eventID'', n))) FROM generate_series(1, 5000) AS n)"}'),
    hostile.add_built('jsonb', 'j', '{arrays,objects}', false),
    hostile.add_built('jsonb', 'j', '{id,arn,string}', true);
-- PostgreSQL refuses more levels than its stack holds, so the deepest document is found once.
SELECT hostile.add('json', array_agg(format('(%s)::text::json', expression)), heavy)
FROM hostile.value WHERE type = 'jsonb'::regtype GROUP BY heavy;

-- Relations: no oid, one of a dropped table, and one of each kind.
SELECT hostile.add('regclass', ARRAY['''hostile.trail''::regclass', '0::oid::regclass', '4294967295::oid::regclass']
    || (SELECT format('%s::oid::regclass', oid) FROM hostile.oid_of_dropped)
    || (SELECT format('%s::oid::regclass', reltoastrelid) FROM pg_class WHERE oid = 'travel.rules'::regclass)
    || (SELECT array_agg(format('%L::regclass', oid::regclass) ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'hostile'::regnamespace AND relname NOT IN ('trail', 'value', 'built', 'oid_of_dropped', 'few'))
    || '{"''pg_catalog.pg_class''::regclass","''pg_catalog.pg_stat_activity''::regclass",
         "''information_schema.columns''::regclass","''travel.rules''::regclass","''travel.alerts''::regclass",
         "''travel.status''::regclass","''travel_internal.scans''::regclass","''travel.event''::regclass"}'::text[]);

-- States of aggregates and of scans, from elsewhere.
SELECT hostile.add('travel.journey', ARRAY[
    '(SELECT travel.journey(event_time, source_ip) FROM hostile.few)',
    '(SELECT travel.journey(event_time, source_ip, event_id) FROM hostile.few)',
    '(SELECT travel.journey(event_time, 90.0, n - 180.0) FROM hostile.few, generate_series(0, 360) AS n)',
    '(SELECT travel.journey(event_time, source_ip, event_id) FROM hostile.extremes)']);
SELECT hostile.add('bytea', '{"(SELECT newest FROM travel_internal.entity_checkpoints ORDER BY rule, entity LIMIT 1)",
    "(SELECT earlier FROM travel_internal.baseline_checkpoints ORDER BY rule, baseline_entity LIMIT 1)",
    "(SELECT newest FROM travel_internal.baseline_checkpoints ORDER BY rule, baseline_entity LIMIT 1)","''''::bytea","''\\x00''::bytea","''\\xff''::bytea",
    "decode(repeat(''ff'', 100), ''hex'')","decode(repeat(''00'', 100), ''hex'')","decode(repeat(''7f'', 10000), ''hex'')",
    "(SELECT set_byte(newest, 0, 255) FROM travel_internal.entity_checkpoints ORDER BY rule, entity LIMIT 1)",
    "(SELECT newest || newest FROM travel_internal.entity_checkpoints ORDER BY rule, entity LIMIT 1)"}');
SELECT hostile.add('text[]', '{"(SELECT array_agg(repeat(''x'', 1000)) FROM generate_series(1, 10000))"}'),
    hostile.add_built('text[]', 'a', '{many,long}', true),
    hostile.add('bigint[]', '{"array_fill(1::bigint, ''{100000}'')","array_fill(NULL::bigint, ''{10,10,10,10}'')"}'),
    hostile.add('jsonb[]', '{"array_fill(''{\"eventID\": \"x\"}''::jsonb, ''{10000}'')"}');

-- A polymorphic argument takes any type. PostgreSQL refuses those of records with fields of its own.
SELECT hostile.add('"any"', (SELECT array_agg(expression ORDER BY n) FROM (
        SELECT min(n) AS n, (array_agg(expression ORDER BY n))[1] AS expression FROM hostile.value GROUP BY type
        HAVING type <> ALL ('{cstring}'::regtype[])) AS v)
    || '{"''unknown''","ROW(1, NULL)","ARRAY[ROW(1)]","''(1,2)''::point","int4range(1, 2)","''<a/>''::xml",
         "NULL::hostile.checked","ARRAY[]::int[]","''1''::\"char\"","current_user","B''1''"}'::text[]);
SELECT hostile.add('"any"', (SELECT array_agg(expression ORDER BY n) FROM hostile.value
                             WHERE heavy AND type = ANY ('{text,jsonb,text[]}'::regtype[])), true);
-- Every argument can be NULL.
INSERT INTO hostile.value (type, expression, heavy) SELECT type, format('NULL::%s', type), false FROM hostile.value
WHERE type <> '"any"'::regtype GROUP BY type;
INSERT INTO hostile.value (type, expression, heavy) VALUES ('"any"', 'NULL', false), ('internal', 'NULL::internal', false);

-- Good values of arguments that have a meaning.
CREATE TABLE hostile.good (
    argument text PRIMARY KEY, expression text NOT NULL, types regtype[] NOT NULL DEFAULT '{text,bigint,jsonb}'
);
INSERT INTO hostile.good VALUES ('rule', '''hostile''::text'), ('entity', '''access_key_id''::text'), ('condition', '''true''::text'),
    ('level', '''read''::text'), ('role', '''hostile_role''::text'), ('preset', '''access_key''::text'),
    ('document', '''{"Records": []}'''), ('columns', '''{"access_key_id": "access_key_id"}''::jsonb'),
    ('reason', '''expected''::text'), ('alert_id', '(SELECT min(id) FROM travel.alerts)'), ('id', '(SELECT min(id) FROM travel.alerts)'),
    ('settings', '''{"min_distance_km": 100}''::jsonb'), ('severity', '''low''::text');
INSERT INTO hostile.good VALUES ('since', '''2026-03-02 00:00Z''::timestamptz', '{timestamptz}'),
    ('until', '''2026-03-03 00:00Z''::timestamptz', '{timestamptz}'), ('older_than', '''30 days''::interval', '{interval}'),
    ('labels', '''a label''::text', '{"\"any\""}');
-- Routines that refuse these values with an SQLSTATE: they take other documents, paths, names or states than those, or
-- they always raise an error. An overload of detect and others only says that its arguments are in the wrong order, and
-- an overload of the aggregates that their types are wrong. A signature tells these overloads from the real ones.
CREATE TABLE hostile.refusal (routine regprocedure, state text);
INSERT INTO hostile.refusal VALUES
    ('travel.import_aws_ranges(jsonb)', '22023'),
    ('travel.load_files(regclass,text,bigint,bigint,bigint,bigint,bigint,bigint)', '42602'),
    ('travel_internal.begin_loading(regclass,text)', '42602'),
    ('travel_internal.find_files(text)', '42602'),
    ('travel_internal.load_file(regclass,text,text,text)', '42602'),
    ('travel.check_rule(text)', '42704'),
    ('travel_internal.alert_not_found(bigint)', '42704'),
    ('travel.make_partitions(regclass,timestamptz,bigint,bigint)', '42809'),
    ('travel_internal.make_partition(regclass,timestamptz)', '42809'),
    ('travel_internal.months_to_make(regclass,timestamptz)', '42809'),
    ('travel.assert_healthy()', '55000'),
    ('travel_internal.states_of(text,timestamptz,bigint,bytea,bytea)', 'XX001'),
    ('travel_internal.coverage_rows(bytea)', '22P03'),
    ('travel_internal.coverage_sum(bytea)', '22P03'),
    ('travel_internal.parsed_records(jsonb[])', '42804'),
    ('travel.coverage(regclass,timestamptz,timestamptz)', '42883'),
    ('travel.detect(regclass,timestamptz,timestamptz)', '42883'),
    ('travel.detect_sql(regclass,timestamptz,timestamptz)', '42883'),
    ('travel.impossible_legs(timestamptz,"any")', '42804'),
    ('travel.journey(timestamptz,"any")', '42804'),
    ('travel_internal.journey_add(travel.journey,timestamptz,"any")', '42804'),
    ('travel_internal.legs_add(travel.journey,timestamptz,"any")', '42804'),
    ('travel_internal.journey_final_refused(travel.journey)', '42804'),
    ('travel_internal.legs_final_refused(travel.journey)', '42804');
-- Returns whether a routine may refuse good values. Functions of triggers, of aggregates and of travel.detect cannot be
-- called by themselves.
CREATE FUNCTION hostile.may_refuse(routine regprocedure, state text, said text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT state = '0A000' AND said ~ 'outside of its aggregate$|(by a trigger|as triggers)$'
        OR state = '55000' AND said ~ 'outside of travel.detect$'
        OR EXISTS (SELECT FROM hostile.refusal AS r WHERE r.routine = may_refuse.routine AND r.state = may_refuse.state)
$$;
-- Counts what a statement reached, even if the statement is rolled back.
CREATE SEQUENCE hostile.reached;

