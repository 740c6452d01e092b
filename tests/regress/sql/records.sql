-- travel.records returns the records of a document in every wrapping of CloudTrail. A record is an object with at least
-- two of the keys of a record; in an array of records one key suffices.
\pset null '-'
CREATE FUNCTION ids(document jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(r ->> 'eventID', '(no eventID)'), ' ' ORDER BY n)
    FROM travel.records(document) WITH ORDINALITY AS t (r, n)
$$;

-- Every wrapping. A LookupEvents record is JSON within a string.
SELECT what, ids(document::jsonb)
FROM (VALUES
    (1, 'a file in S3', '{"Records": [{"eventID": "a", "eventTime": "t"}, {"eventID": "b", "eventTime": "t"}]}'),
    (2, 'an empty file',        '{"Records": []}'),
    (3, 'EventBridge',
        '{"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "detail": '
        '{"eventID": "a", "eventTime": "t", "eventName": "n"}}'),
    (4, 'LookupEvents',
        '{"Events": [{"EventId": "a", "EventName": "n", "CloudTrailEvent": "{\"eventID\": \"a\", \"eventTime\": '
        '\"t\"}"}, {"CloudTrailEvent": "{\"eventID\": \"b\", \"eventTime\": \"t\"}"}]}'),
    (5, 'one event of LookupEvents',
        '{"EventId": "a", "CloudTrailEvent": "{\"eventID\": \"a\", \"eventTime\": \"t\"}"}'),
    (6, 'an array of records',  '[{"eventID": "a", "eventTime": "t"}, {"eventID": "b"}]'),
    (7, 'an empty array',       '[]'),
    (8, 'one record',           '{"eventID": "a", "eventTime": "t", "eventName": "n"}'),
    (9, 'an array of EventBridge events',
        '[{"detail-type": "t", "detail": {"eventID": "a", "eventTime": "t"}}, {"detail-type": "t", "detail": '
        '{"eventID": "b", "eventTime": "t"}}]'),
    (10, 'an array of files',
        '[{"Records": [{"eventID": "a", "eventTime": "t"}]}, {"Records": [{"eventID": "b", "eventTime": "t"}]}]'),
    (11, 'records without ids', '{"Records": [{"eventTime": "t", "eventName": "n"}]}'),
    (12, 'a digest',
        '{"digestStartTime": "2026-03-01T00:00:00Z", "digestEndTime": "2026-03-01T01:00:00Z", "logFiles": '
        '[{"s3Object": "x"}]}'),
    (13, 'an Insight event',
        '{"eventVersion": "1.09", "eventTime": "t", "eventType": "AwsCloudTrailInsight", "eventID": "i", '
        '"insightDetails": {"state": "Start"}, "eventCategory": "Insight"}'),
    (14, 'Insights among records',
        '{"Records": [{"eventID": "i", "eventTime": "t", "eventCategory": "Insight"}, {"eventID": "a", "eventTime": '
        '"t"}]}')
) AS v (n, what, document)
ORDER BY n;

-- The content of a record does not change.
SELECT r
FROM travel.records('{"Records": [{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z", "x": [1, 2.50, null, {"y": '
                    '"ü\"\\"}]}]}')
    AS r;
-- Numbers within a string of LookupEvents keep their digits.
SELECT r
FROM travel.records('{"Events": [{"CloudTrailEvent": "{\"eventID\": \"a\", \"eventTime\": \"t\", \"n\": '
                    '123456789012345678901234567890.10, \"z\": \"a\\u0000b\"}"}]}')
    AS r;

-- Anything else is 22023: the error says what it is, and what is accepted.
\pset format unaligned
SELECT error_of($$SELECT travel.records('{"hello": "world"}')$$);
\pset format aligned
SELECT document, sqlstate_of(format('SELECT travel.records(%L)', document)) AS code,
       substring(error_of(format('SELECT travel.records(%L)', document)) FROM 'detail: ([^\n]*)') AS detail,
       error_of(format('SELECT travel.records(%L)', document)) LIKE '%hint: Accepted are%' AS has_hint
FROM unnest(ARRAY['null', '1', 'true', '"text"', '{}', '{"eventID": "one key is too few"}', '{"Records": "none"}',
    '{"Records": {}}', '{"detail": 1}',
                  '{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}'])
     WITH ORDINALITY AS v (document, n)
ORDER BY n;

-- Elements that are not records are skipped: one warning counts them and names the first.
SELECT ids('{"Records": [{"eventID": "a", "eventTime": "t"}, 7, null, {"foo": 1}, {"eventID": "b", "eventTime": '
           '"t"}]}');
SELECT ids('{"Events": [{"CloudTrailEvent": "{broken"}, {"CloudTrailEvent": "{\"eventID\": \"b\", \"eventTime\": '
           '\"t\"}"}]}');

-- A document without a single record is not a CloudTrail document: an envelope around something else, a list of other
-- things.
SELECT document, sqlstate_of(format('SELECT travel.records(%L)', document)) AS code,
       substring(error_of(format('SELECT travel.records(%L)', document)) FROM 'detail: ([^\n]*)') AS detail,
       error_of(format('SELECT travel.records(%L)', document)) LIKE '%hint: Accepted are%' AS has_hint
FROM unnest(ARRAY['[1, 2, 3]', '[null]', '[[]]', '{"Records": [{"foo": 1}]}',
    '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "t"}]}',
                  '{"detail-type": "EC2 Instance State-change Notification", "detail": {"instance-id": "i-1", "state": '
                  '"running"}}',
                      '{"Events": [{"CloudTrailEvent": "{}"}]}'])
     WITH ORDINALITY AS v (document, n)
ORDER BY n;

-- NULL has no records. The function works in FROM and in a select list.
SELECT count(*) FROM travel.records(NULL);
SELECT travel.records('[{"eventID": "a"}, {"eventID": "b"}]') ->> 'eventID' AS id;

-- The function is immutable, strict and parallel safe.
SELECT provolatile, proisstrict, proparallel, proretset FROM pg_proc WHERE oid = 'travel.records(jsonb)'::regprocedure;
DROP FUNCTION ids;
