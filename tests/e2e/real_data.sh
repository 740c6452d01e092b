#!/usr/bin/env bash
# Real CloudTrail files and real GeoIP layouts, which are not part of the project. REAL_DATA names their folder.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

[ -d "$REAL_DATA/cloudtrail" ] && [ -d "$REAL_DATA/geoip" ] ||
    skip "no $REAL_DATA/cloudtrail and $REAL_DATA/geoip (REAL_DATA says where the real data are)"

start e2e-real "impossible_travel.geoip_path = '$SERVERS/e2e-real/files/geoip'" 'impossible_travel.coverage_notice = off'
server_copy geoip "$REAL_DATA/geoip/GeoLite2-City-Test.mmdb" >/dev/null
run_psql --quiet <<'SQL'
    CREATE EXTENSION impossible_travel;
    CREATE TABLE document (file text, body text);
SQL
ask "SELECT travel.create_events_table('cloudtrail')" >/dev/null
load_documents "$REAL_DATA/cloudtrail" document

rule 'all files load as S3 delivers them, and loading them again changes nothing'
same 'files' 55 "$(ask 'SELECT count(*) FROM document')"
ingest="SELECT sum(i.records), sum(i.inserted), sum(i.duplicates), sum(i.skipped)
    FROM document CROSS JOIN LATERAL travel.ingest('cloudtrail', body) AS i"
same 'first' '2900|2900|0|0' "$(ask "$ingest")"
same 'again' '2900|0|2900|0' "$(ask "$ingest")"
ask 'ANALYZE' >/dev/null

rule 'load_files, the inbox, the script, and ingest into a partitioned table end in equal tables'
ask "SELECT travel.create_events_table(name, name = 'monthly')
    FROM unnest('{served,boxed,scripted,monthly}'::text[]) AS name" >/dev/null
same 'load_files' '55|2900|2900|0|0|0' \
    "$(ask "CALL travel.load_files('served', '$(server_copy cloudtrail "$REAL_DATA/cloudtrail")')")"
ask 'INSERT INTO boxed_inbox SELECT body FROM document'
# The list of the loaded files is not put beside the data.
said=$(PATH="$(dirname "$(pg_bin psql)"):$PATH" "$ROOT/scripts/load-s3.sh" -s "$SCRATCH" "$REAL_DATA/cloudtrail" scripted)
same 'the script' '55 files loaded, 0 loaded before, 0 failed: 2900 records, 2900 inserted, 0 duplicates, 0 skipped' "$said"
ask "SELECT sum(i.inserted) FROM document CROSS JOIN LATERAL travel.ingest('monthly', body::jsonb) AS i" >/dev/null
for name in served boxed scripted monthly; do
    same "the rows of $name" '2900|0' "$(ask "SELECT (SELECT count(*) FROM $name), count(*) FROM (
        SELECT to_jsonb(t) - '{ingested_at,ingest_xid}'::text[] FROM cloudtrail AS t
        EXCEPT ALL SELECT to_jsonb(t) - '{ingested_at,ingest_xid}'::text[] FROM $name AS t) AS d")"
done

rule 'they hold 2,900 events of 133 access keys; 353 sources are not addresses, and nearly all others are private'
same 'events, access keys, no address' '2900|133|353' \
    "$(ask 'SELECT count(*), count(DISTINCT access_key_id), count(*) FILTER (WHERE source_ip IS NULL) FROM cloudtrail')"
kinds=$(ask "SELECT string_agg(kind || ' ' || n, ', ' ORDER BY n DESC) FROM (SELECT source_kind AS kind, count(*) AS n
    FROM cloudtrail GROUP BY 1) AS k")
note "$kinds"
same 'addresses that are private' t "$(ask "SELECT count(*) FILTER (WHERE source_kind = 'private') > 0.95 * count(*)
    FROM cloudtrail WHERE source_ip IS NOT NULL")"
same 'no key is empty, every record is kept, every column agrees with its record' '0|0|0' "$(ask "SELECT
    count(*) FILTER (WHERE access_key_id = ''), count(*) FILTER (WHERE record IS NULL),
    count(*) FILTER (WHERE ROW(event_id, access_key_id, event_name, aws_region, source_text, error_code)
        IS DISTINCT FROM ROW(record ->> 'eventID', nullif(record #>> '{userIdentity,accessKeyId}', ''),
            record ->> 'eventName', record ->> 'awsRegion',
            record ->> 'sourceIPAddress', record ->> 'errorCode')
        OR event_time <> (record ->> 'eventTime')::timestamptz) FROM cloudtrail")"
same 'coverage counts every row' 2900 "$(ask "SELECT sum(events) FROM travel.coverage('cloudtrail')")"
same 'they contain no impossible leg' 0 "$(ask "SELECT count(*) FROM travel.detect('cloudtrail')")"

rule 'exactly the impossible legs of an invented journey in the same records are found'
run_psql --quiet <<'SQL'
    CREATE TABLE made AS
    WITH victim AS (
        SELECT record, 'AKIAMADE' || row_number() OVER (ORDER BY access_key_id) AS key
        FROM (SELECT DISTINCT ON (access_key_id) access_key_id, record FROM cloudtrail
              WHERE access_key_id IS NOT NULL AND outcome = 'success' AND invoked_by IS NULL
              ORDER BY access_key_id, event_id) AS one
    )
    SELECT key, at, ip, what,
           record || jsonb_build_object('eventID', md5(key || at || ip || what), 'eventTime', at, 'sourceIPAddress', ip)
               || jsonb_build_object('userIdentity',
                   (record -> 'userIdentity') || jsonb_build_object('accessKeyId', key))
               || CASE what
                      WHEN 'failed sign-in' THEN
                          '{"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com", "responseElements": '
                          '{"ConsoleLogin": "Failure"}, "errorMessage": "Failed authentication"}'
                      WHEN 'denied' THEN '{"errorCode": "AccessDenied", "errorMessage": "no"}'
                      WHEN 'a service'
                          THEN jsonb_build_object('userIdentity',
                              (record -> 'userIdentity')
                                  || jsonb_build_object('accessKeyId', key, 'invokedBy',
                                      'cloudformation.amazonaws.com'))
                      WHEN 'wrong key' THEN '{"errorCode": "SignatureDoesNotMatch"}'
                      ELSE '{}' END AS record
    FROM victim JOIN (VALUES
        -- London, 10 minutes later Changchun: impossible, and back a day later: possible
        ('AKIAMADE1', '2023-07-11T00:00:00Z', '81.2.69.160', ''),
        ('AKIAMADE1', '2023-07-11T00:10:00Z', '175.16.199.1', ''),
        ('AKIAMADE1', '2023-07-12T00:10:00Z', '81.2.69.161', ''),
        -- Linköping, a little later Milton: twice impossible, there and back; the middle was denied
        ('AKIAMADE2', '2023-07-11T08:00:00Z', '89.160.20.112', ''),
        ('AKIAMADE2', '2023-07-11T09:00:00Z', '216.160.83.57', 'denied'),
        ('AKIAMADE2', '2023-07-11T10:00:00Z', '89.160.20.113', ''),
        -- a sign-in that failed from afar, one with a wrong key, a service's call, all between two of London
        ('AKIAMADE3', '2023-07-11T00:00:00Z', '81.2.69.162', ''),
        ('AKIAMADE3', '2023-07-11T00:05:00Z', '175.16.199.2', 'failed sign-in'),
        ('AKIAMADE3', '2023-07-11T00:06:00Z', '175.16.199.3', 'wrong key'),
        ('AKIAMADE3', '2023-07-11T00:07:00Z', '216.160.83.58', 'a service'),
        ('AKIAMADE3', '2023-07-11T00:10:00Z', '81.2.69.163', ''),
        -- a plausible hop: London to Linköping in two hours
        ('AKIAMADE4', '2023-07-11T00:00:00Z', '81.2.69.164', ''),
        ('AKIAMADE4', '2023-07-11T02:00:00Z', '89.160.20.114', ''),
        -- London and San Diego (IPv6) in the same second, told by private addresses before, between and after
        ('AKIAMADE5', '2023-07-11T00:00:00Z', '10.1.2.3', ''),
        ('AKIAMADE5', '2023-07-11T00:00:01Z', '81.2.69.165', ''),
        ('AKIAMADE5', '2023-07-11T00:00:01Z', '2001:480::1', ''),
        ('AKIAMADE5', '2023-07-11T00:00:01Z', 'ec2.amazonaws.com', ''),
        ('AKIAMADE5', '2023-07-11T00:00:02Z', '10.1.2.4', ''),
        -- the same as London to Changchun, 500 minutes later, at 981.8 km/h: possible
        ('AKIAMADE6', '2023-07-11T00:00:00Z', '81.2.69.166', ''),
        ('AKIAMADE6', '2023-07-11T08:20:00Z', '175.16.199.4', ''),
        -- the same address written in two ways; a country without a city
        ('AKIAMADE7', '2023-07-11T00:00:00Z', '81.2.69.167', ''),
        ('AKIAMADE7', '2023-07-11T00:00:10Z', '::ffff:81.2.69.167', ''),
        ('AKIAMADE7', '2023-07-11T00:01:00Z', '202.196.224.1', '')
    ) AS journey (of, at, ip, what) ON of = key;
SQL
same 'made records' 23 "$(ask 'SELECT count(*) FROM made')"
# The records are in one document, in the wrong order, each twice.
same 'they are new' '46|23|23|0' "$(ask "SELECT (i).* FROM (SELECT travel.ingest('cloudtrail',
    jsonb_build_object('Records', jsonb_agg(record ORDER BY md5(record ->> 'eventID' || twice)))) AS i
        FROM made, generate_series(1, 2) AS twice) AS s")"
wanted='AKIAMADE1|2023-07-11 00:00:00+00|81.2.69.160|London|2023-07-11 00:10:00+00|175.16.199.1|Changchun|8182|600|49092|10 minutes
AKIAMADE2|2023-07-11 08:00:00+00|89.160.20.112|Linköping|2023-07-11 09:00:00+00|216.160.83.57|Milton|7650|3600|7650|1 hour
AKIAMADE2|2023-07-11 09:00:00+00|216.160.83.57|Milton|2023-07-11 10:00:00+00|89.160.20.113|Linköping|7650|3600|7650|1 hour
AKIAMADE5|2023-07-11 00:00:01+00|81.2.69.165|London|2023-07-11 00:00:01+00|2001:480::1|San Diego|8823|0||the same second
AKIAMADE7|2023-07-11 00:00:10+00|81.2.69.167|London|2023-07-11 00:01:00+00|202.196.224.1||10942|50|787793|50 seconds'
legs="from_time, from_ip, from_city, to_time, to_ip, to_city, round(distance_km) AS km, elapsed_seconds,
    round(velocity_kmh)"
evaluated="access_key_id IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth' AND invoked_by IS NULL"
plain=$(cut -d '|' -f 1-10 <<<"$wanted")
same 'travel.detect' "$wanted" "$(ask "SELECT access_key_id, $legs, travel_time FROM travel.detect('cloudtrail')
    ORDER BY 1, 2")"
same 'the window function' "$plain" "$(ask "SELECT access_key_id, $legs FROM (SELECT access_key_id, (l).* FROM (
        SELECT access_key_id, travel.leg(event_time, source_ip, event_id) OVER (PARTITION BY access_key_id
            ORDER BY event_time, source_ip) AS l
        FROM cloudtrail WHERE $evaluated) AS s WHERE (l).impossible) AS x ORDER BY 1, 2")"
same 'the aggregate' "$plain" "$(ask "SELECT access_key_id, $legs
    FROM (SELECT access_key_id, travel.impossible_legs(event_time, source_ip, event_id) AS found
        FROM cloudtrail WHERE $evaluated GROUP BY access_key_id) AS s, unnest(found) AS l ORDER BY 1, 2")"
same 'the aggregate over the text of sourceIPAddress' "$plain" \
    "$(ask "SELECT access_key_id, $legs
    FROM (SELECT access_key_id, travel.impossible_legs(event_time, travel.source_ip(source_text)) AS found
        FROM cloudtrail WHERE $evaluated GROUP BY access_key_id) AS s, unnest(found) AS l ORDER BY 1, 2")"
ask "CREATE MATERIALIZED VIEW findings AS SELECT *
    FROM travel.detect('cloudtrail'); CREATE UNIQUE INDEX ON findings (leg_id)"
ask 'REFRESH MATERIALIZED VIEW CONCURRENTLY findings'
same 'a materialized view' "$wanted" "$(ask "SELECT access_key_id, $legs, travel_time FROM findings ORDER BY 1, 2")"
ask "CREATE TABLE raw AS SELECT record AS body FROM cloudtrail"
same 'travel.detect over raw records' "$wanted" \
    "$(ask "SELECT access_key_id, $legs, travel_time FROM travel.detect('raw', columns => '{\"record\": \"body\"}')
    ORDER BY 1, 2")"
same 'every entry point finds the same legs' 1 "$(ask "SELECT count(DISTINCT ids) FROM (
    SELECT string_agg(leg_id, ' ' ORDER BY leg_id) AS ids FROM findings
    UNION ALL SELECT string_agg(leg_id, ' ' ORDER BY leg_id)
        FROM travel.detect('raw', columns => '{\"record\": \"body\"}')) AS t")"
same 'the message' 'Access key AKIAMADE1 (' \
    "$(ask "SELECT left(message, 22) FROM findings WHERE access_key_id = 'AKIAMADE1'")"
same 'kilometers' 8182.071 "$(ask "SELECT round(distance_km::numeric, 3) FROM findings
    WHERE access_key_id = 'AKIAMADE1'")"
same 'the outcome of the far event' 'denied|AccessDenied' \
    "$(ask "SELECT to_outcome, to_error_code FROM findings WHERE access_key_id = 'AKIAMADE2' AND to_city = 'Milton'")"
same 'a range of time' 'AKIAMADE2,AKIAMADE2' \
    "$(ask "SELECT string_agg(access_key_id, ',')
    FROM travel.detect('cloudtrail', since => '2023-07-11 08:00Z', until => '2023-07-11 11:00Z')")"
same 'by user' t "$(ask "SELECT count(*) > 0 FROM travel.detect('cloudtrail', entity => 'account_id, session_name')")"
same 'the counts of coverage' 'failed_auth 2, service 1' \
    "$(ask "SELECT string_agg(status || ' ' || events, ', ' ORDER BY status) FROM (
    SELECT status, sum(events) AS events
        FROM travel.coverage('cloudtrail', condition => 'access_key_id LIKE ''AKIAMADE%''') GROUP BY 1) AS c
        WHERE status IN ('failed_auth', 'service')")"

rule 'files of all vendors work together: City, ASN, Anonymous-IP, and IPinfo in three layouts'
server_copy geoip "$REAL_DATA"/geoip/*.mmdb >/dev/null
waits_until "SELECT string_agg(DISTINCT status, ',') || ' ' || count(*) FROM travel.geoip_databases()" 'in_use 6'
place='SELECT round(latitude::numeric, 4), round(longitude::numeric, 4), accuracy_km, precision, city, country, country_code, asn, as_organization, hosting, anonymizer, carrier FROM travel.locate'
located_as() { same "$1" "$2" "$(ask "$place('$1')")"; }
ask "$place('1.1.1.1')" >/dev/null
sleep 1.1
# Each field comes from the first file that has it; coordinates and radius come from one file.
located_as 81.2.69.160 '51.5142|-0.0931|100|city|London|United Kingdom|GB|||other|tor|'
located_as ::ffff:81.2.69.160 '51.5142|-0.0931|100|city|London|United Kingdom|GB|||other|tor|'
located_as 2001:480::1 '32.7203|-117.1552|50|city|San Diego|United States|US|||||'
located_as 202.196.224.1 '13.0000|122.0000|121|country||Philippines|PH|||||'
located_as 12.81.92.1 '|||||||7018|AT&T Services|||'
located_as 151.202.196.5 '40.7143|-74.0060||city|New York City||US|||||'
located_as 1.0.1.1 '24.4798|118.0819||city|Xiamen|China|CN|||||'
located_as 1.0.5.1 '-37.8140|144.9633||city|Melbourne|Australia|AU|38803|Gtelecom Pty Ltd|||'
# One file marks the address as anycast: it has no location, whatever the other files say.
located_as 1.0.0.1 '|||||Australia|AU|15169|Google Inc.|gcp||'
located_as 8.8.8.8 '|||||||||||'
same 'a private address' '' "$(ask "SELECT travel.locate('192.168.1.1')")"
same 'the findings are the same' "$wanted" \
    "$(ask "SELECT access_key_id, $legs, travel_time FROM travel.detect('cloudtrail') ORDER BY 1, 2")"
no_crash
