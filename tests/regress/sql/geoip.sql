-- travel.locate, travel.is_located and travel.geoip_databases over the sample databases, which locate the documentation
-- ranges: a City file, an ASN file, an Anonymous-IP file and a flat file together.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'

-- The files in the order of their names, with what each provides.
SELECT regexp_replace(path, '.*/', '') AS file, database_type, ip_version, built_at, size_bytes > 0 AS has_size,
       provides, status, detail
FROM travel.geoip_databases();
SELECT bool_and(age = statement_timestamp() - built_at) AS age_is_since_it_was_built FROM travel.geoip_databases();

-- Every column of an address that three files know.
\x on
SELECT * FROM travel.locate('198.51.100.70');
\x off

-- IPv4 and IPv6, with the prefix that gave the coordinates, the AS and the network attributes.
SELECT ip, latitude, longitude, accuracy_km AS km, precision, city, country_code AS cc, network, asn, hosting,
    anonymizer, carrier
FROM unnest('{192.0.2.1,192.0.2.144,198.19.70.1,198.19.130.1,198.18.70.1,198.18.130.1,198.19.1.1,203.0.113.193,'
            '2001:db8:2000::1,2001:db8:b000::1}'::inet[])
     WITH ORDINALITY AS v (ip, n)
CROSS JOIN LATERAL travel.locate(ip)
ORDER BY n;

-- The first file that provides coordinates also provides radius, city and subdivision: the flat file, too, knows
-- 192.0.2.32/28, and calls it Paris. Addresses that only the flat file knows come from there, without a radius.
SELECT ip, latitude, longitude, accuracy_km, city, subdivision, country, country_code, as_organization
FROM unnest('{192.0.2.33,198.51.100.200}'::inet[]) AS ip CROSS JOIN LATERAL travel.locate(ip) ORDER BY ip;

-- A country without a city is a location of precision country. An anycast address has no coordinates and no city; its
-- other columns stay.
SELECT ip, latitude, longitude, accuracy_km, precision, city, subdivision, country_code, network, asn, hosting,
    travel.is_located(ip)
FROM unnest('{198.19.200.1,198.19.240.1}'::inet[]) AS ip CROSS JOIN LATERAL travel.locate(ip) ORDER BY ip;

-- Only the host counts: the netmask is ignored, and an IPv4-mapped IPv6 address is the IPv4 address.
SELECT ip, (travel.locate(ip)).city, (travel.locate(ip)).network, travel.is_located(ip)
FROM unnest('{192.0.2.1,192.0.2.1/8,192.0.2.0/24,::ffff:192.0.2.1,::ffff:192.0.2.1/100,2001:db8::1/32}'::inet[])
     WITH ORDINALITY AS v (ip, n)
ORDER BY n;
-- A cidr is accepted, too.
SELECT (travel.locate('203.0.113.0/27'::cidr)).city;

-- Only named networks locate private addresses and addresses that no file knows: otherwise the result is NULL as a
-- whole.
SELECT ip, travel.locate(ip) IS NULL AS is_null, travel.locate(ip) IS NOT DISTINCT FROM NULL AS is_plain_null,
    travel.is_located(ip)
FROM unnest('{10.0.0.1,172.16.0.1,192.168.1.1,100.64.0.1,127.0.0.1,169.254.0.1,0.0.0.0,224.0.0.1,240.0.0.1,::,::1,'
            'fe80::1,fc00::1,ff02::1,::ffff:10.0.0.1,8.8.8.8,198.51.100.230,2001:db8:f000::1}'::inet[])
     WITH ORDINALITY AS v (ip, n)
ORDER BY n;

-- NULL is not located, at any time.
SELECT travel.locate(NULL::inet) IS NOT DISTINCT FROM NULL AS a,
    travel.locate('192.0.2.1', NULL) IS NOT DISTINCT FROM NULL AS b,
       travel.is_located(NULL::inet) AS c;

-- The argument at may be given by name or by position; without named networks it changes nothing.
SELECT (travel.locate(ip => '192.0.2.1', at => '2020-01-01')).city, (travel.locate('192.0.2.1', 'infinity')).city;

-- LATERAL keeps the row of an address that is not located.
SELECT ip, city FROM unnest('{192.0.2.1,8.8.8.8}'::inet[]) AS ip CROSS JOIN LATERAL travel.locate(ip) ORDER BY ip;

-- The first and last addresses of a network.
SELECT ip, (travel.locate(ip)).city
FROM unnest('{192.0.2.15,192.0.2.16,192.0.2.143,192.0.2.144,192.0.2.159,192.0.2.160,192.0.2.255,192.0.3.0,'
            '2001:db8:fff:ffff:ffff:ffff:ffff:ffff,2001:db8:1000::}'::inet[])
     WITH ORDINALITY AS v (ip, n)
ORDER BY n;

-- Stable, strict, parallel safe.
SELECT proname, provolatile, proisstrict, proparallel
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND proname IN ('locate', 'is_located', 'geoip_databases')
ORDER BY 1;
