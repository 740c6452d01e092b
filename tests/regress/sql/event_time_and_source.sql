-- travel.event_time, travel.source_kind and travel.source_ip read the time and the source of a record.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'

-- ISO 8601, in UTC if it has no zone, and Unix time. NULL if the text is not a time.
SELECT t AS text, travel.event_time(t)
FROM unnest(ARRAY[
    '2026-03-02T09:00:00Z', '2026-03-02T09:00:00.25Z', '2026-03-02T09:00:00.123456789Z', '2026-03-02 09:00:00',
        '2026-03-02t09:00z',
    '2026-03-02T09:00:00+02:00', '2026-03-02T09:00:00-0530', '2026-03-02T09:00:00+02', '20260302T090000Z', '2026-03-02',
        '2026-03-02T24:00:00Z',
    '2024-02-29T00:00:00Z', '2016-12-31T23:59:60Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z',
    '', ' ', 'now', 'yesterday', 'infinity', '1772442000', '2026-02-29T00:00:00Z', '2026-13-01T00:00:00Z',
        '2026-03-02T25:00:00Z',
    '2026-03-02T09:60:00Z', '2026-03-02T09:00:00 Europe/London', '2026-03-02T09:00:00+16:00', '02.03.2026',
        ' 2026-03-02T09:00:00Z', '2026-03-02T09:00:00Z ',
    '2026-03-02 09:00:00.000 UTC', '2026-03-02 09:00:00 +0000', '2026-03-02T09:00:00+00', '2026-03-02T09:00:00,5+00:00',
        '2026-03-02 09:00:00.1234567 utc', '2026-03-02 09:00:00 +0000 UTC',
    '2026-03-02 09:00:00 CET', '2026-03-02 09:00:00 +0100 CET', 'March 02, 2026, 09:00:00',
        'Mon, 02 Mar 2026 09:00:00 GMT',
    '1704996177', '1704996177.25', '1704996177000', '1704996177123,4567', '1704996177123456', '1704996177123456.7',
        '1704996177123456789', '1.704996177E9',
    '170499617', '17049961770', '-1704996177', '1704996177.', '0170499617', '1704996177 s'
]) WITH ORDINALITY AS v (t, n)
ORDER BY n;
SELECT travel.event_time(NULL);

-- The settings of the session do not matter, which makes the function immutable.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SELECT travel.event_time('2026-03-02T09:00:00') = timestamptz '2026-03-02 09:00:00+00' AS utc_whatever_the_session;
SET timezone = 'UTC';
SET datestyle = ISO;
CREATE TEMP TABLE texts (t text);
CREATE INDEX ON texts (travel.event_time(t));

-- The kind of a sourceIPAddress, and its host. The first and last addresses of the private ranges, and their neighbors,
-- are tested.
SELECT s AS source, travel.source_kind(s) AS kind, travel.source_ip(s) AS ip
FROM unnest(ARRAY[
    '192.0.2.1', '2001:db8::1', '2001:DB8:0:0::1', '::ffff:192.0.2.1', '::FFFF:c000:201',
    '9.255.255.255', '10.0.0.0', '10.255.255.255', '11.0.0.0', '172.15.255.255', '172.16.0.0', '172.31.255.255',
        '172.32.0.0',
    '192.167.255.255', '192.168.0.0', '192.168.255.255', '192.169.0.0', '100.63.255.255', '100.64.0.0',
        '100.127.255.255', '100.128.0.0',
    '126.255.255.255', '127.0.0.1', '128.0.0.0', '169.253.255.255', '169.254.169.254', '169.255.0.0', '0.0.0.0',
        '0.1.2.3', '1.0.0.0',
    '223.255.255.255', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255',
    '::', '::1', 'fe80::1', 'febf::1', 'fec0::1', 'fc00::1', 'fdff::1', 'fe00::1', 'ff02::1', '::ffff:10.0.0.1',
    'cloudtrail.amazonaws.com', 'EC2.AmazonAWS.com', 'x.amazonaws.com.cn', 'amazonaws.com.example.org', 'amazonaws.com',
        'example.com',
    'AWS Internal', 'AWS Internal/1', 'aws internal', 'AWS InternalX',
    '192.0.2.1/32', '2001:db8::1/128', '::ffff:192.0.2.1/128', '192.0.2.1:443', '[2001:db8::1]:443', '[2001:db8::1]',
        '[::ffff:192.0.2.1]:65535', '10.0.0.1:80', ' 192.0.2.1 ',
    '192.0.2.0/24', '192.0.2.1/24', '2001:db8::/32', '::ffff:192.0.2.1/96', '192.0.2.1/128', '192.0.2.1/', '192.0.2.1:',
        '192.0.2.1:65536', '[192.0.2.1]:443', '[2001:db8::1', '[fe80::1%eth0]:443',
    '192.0.2.1, 10.0.0.1', '192.0.2.1 10.0.0.1', 'fe80::1%eth0', '075.050.255.67', '192.0.2', '192.0.2.256',
        '3232235777', 'ec2.amazonaws.com:443',
    '', 'HIDDEN_DUE_TO_SECURITY_REASONS', '-', 'unknown'
]) WITH ORDINALITY AS v (s, n)
ORDER BY n;
SELECT travel.source_kind(NULL), travel.source_ip(NULL::text), travel.source_ip(NULL::inet);

-- The host of an inet or a cidr: without the netmask, an IPv4-mapped address as IPv4.
SELECT ip, travel.source_ip(ip)
FROM unnest('{192.0.2.1,192.0.2.1/24,192.0.2.0/24,::ffff:192.0.2.1,::ffff:192.0.2.1/96,2001:db8::1/32,'
            '10.0.0.1}'::inet[])
    WITH ORDINALITY AS v (ip, n)
ORDER BY n;
SELECT travel.source_ip(cidr '192.0.2.0/24');
-- The same host is equal however it was written.
SELECT count(DISTINCT travel.source_ip(ip)) FROM unnest('{192.0.2.1,192.0.2.1/24,::ffff:192.0.2.1}'::inet[]) AS ip;
SELECT travel.source_ip('::ffff:192.0.2.1') = travel.source_ip('::ffff:192.0.2.1'::inet) AS text_and_inet_agree;

-- An untyped literal is taken as text. travel.parse reads the same.
SELECT travel.source_ip('192.0.2.1/24');
SELECT bool_and(e.source_kind = travel.source_kind(s) AND e.source_ip IS NOT DISTINCT FROM travel.source_ip(s))
    AS parse_agrees
FROM unnest(ARRAY['192.0.2.1', '::ffff:10.0.0.1', '10.0.0.1', 'AWS Internal', 'ec2.amazonaws.com', '075.050.255.67', '',
    NULL]) AS s
CROSS JOIN LATERAL travel.parse(jsonb_build_object('sourceIPAddress', s)) AS e;

SELECT proname, pg_get_function_arguments(oid) AS arguments, provolatile, proisstrict, proparallel FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND proname IN ('event_time', 'source_kind', 'source_ip')
ORDER BY 1, 2;
