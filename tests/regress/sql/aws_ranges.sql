-- travel.import_aws_ranges: the address ranges of AWS as named networks.
\pset null '-'
CREATE ROLE regress_importer;
SELECT travel.grant_to('regress_importer', 'admin');
CREATE VIEW imported AS
SELECT network, name, city, country_code AS cc, round(latitude::numeric, 1) AS lat, hosting
FROM travel.networks
WHERE origin = 'aws'
ORDER BY network;
GRANT SELECT ON imported TO PUBLIC;
CREATE TABLE aws_document (n int, document jsonb);
GRANT SELECT ON aws_document TO PUBLIC;
INSERT INTO aws_document VALUES (1, $$
{"syncToken": "1772445600", "createDate": "2026-03-02-10-00-00",
 "prefixes": [
  {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "eu-west-1"},
  {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "EC2", "network_border_group": "eu-west-1"},
  {"ip_prefix": "192.0.2.32/28", "region": "eu-west-1", "service": "S3", "network_border_group": "eu-west-1"},
  {"ip_prefix": "192.0.2.64/28", "region": "cn-north-1", "service": "EC2", "network_border_group": "cn-north-1"},
  {"ip_prefix": "198.51.100.0/26", "region": "us-west-2", "service": "EC2", "network_border_group": "us-west-2-lax-1"},
  {"ip_prefix": "203.0.113.0/26", "region": "GLOBAL", "service": "CLOUDFRONT", "network_border_group": "GLOBAL"},
  {"ip_prefix": "203.0.113.64/26", "region": "xx-new-1", "service": "EC2", "network_border_group": "xx-new-1"},
  {"ip_prefix": "203.0.113.128/26", "region": "us-gov-east-1", "service": "EC2"},
  {"ip_prefix": "203.0.113.160/28", "region": "us-gov-east-1", "network_border_group": "us-gov-east-1-lz-1"}],
 "ipv6_prefixes": [
  {"ipv6_prefix": "2001:db8::/36", "region": "ap-northeast-1", "network_border_group": "ap-northeast-1"},
  {"ipv6_prefix": "2001:db8:f000::/36", "region": "xx-new-2", "network_border_group": "xx-new-2"}]}$$);
INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code)
VALUES ('192.0.2.0/24', 'ours', 47.37, 8.54, 'Zürich', 'CH');
SET ROLE regress_importer;
SELECT travel.import_aws_ranges(document) FROM aws_document;
SELECT * FROM imported;
-- A row of a user still comes first; the others locate addresses and say who runs them. GeoIP locates what is in a
-- Local Zone, also within a range of its region.
SELECT ip, p.city, p.country_code, p.hosting
FROM unnest('{192.0.2.1,203.0.113.130,203.0.113.165,2001:db8::1,203.0.113.1}'::inet[]) AS ip
CROSS JOIN LATERAL travel.locate(ip) AS p;
DELETE FROM travel.networks WHERE name = 'ours';
SELECT ip, p.city, p.country_code, p.hosting
FROM unnest('{192.0.2.1,192.0.2.65}'::inet[]) AS ip
CROSS JOIN LATERAL travel.locate(ip) AS p;
-- What somebody changed in an imported row is as before after the next import.
UPDATE travel.networks SET treatment = 'vpn' WHERE network = '192.0.2.0/25';
UPDATE travel.networks SET hosting = NULL WHERE network = '192.0.2.64/28';
UPDATE travel.networks SET valid_until = '2026-01-01' WHERE network = '2001:db8::/36';
UPDATE travel.networks SET city = 'Cork' WHERE network = '203.0.113.128/27';
SET client_min_messages = warning;
SELECT travel.import_aws_ranges(document) FROM aws_document;
RESET client_min_messages;
SELECT network, treatment, hosting, valid_until, city FROM travel.networks
WHERE network IN ('192.0.2.0/25', '192.0.2.64/28', '2001:db8::/36', '203.0.113.128/27') ORDER BY network;
-- Importing again changes nothing, and keeps ids and authors.
CREATE TEMP TABLE before AS SELECT * FROM travel.networks;
SET client_min_messages = warning;
SELECT travel.import_aws_ranges(document) FROM aws_document;
SELECT count(*) AS changed FROM (TABLE before EXCEPT TABLE travel.networks) AS c;
SELECT DISTINCT created_by, updated_by FROM travel.networks WHERE origin = 'aws';
-- A newer document replaces the import, and only that.
INSERT INTO travel.networks (asn, name) VALUES (64500, 'ours');
SELECT travel.import_aws_ranges('{"prefixes": [{"ip_prefix": "192.0.2.0/25", "region": "eu-west-2"},
    {"ip_prefix": "192.0.2.64/28", "region": "cn-north-1"}],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/36", "region": "ap-northeast-1"}]}');
SELECT network, name, city FROM imported;
SELECT count(*) AS kept FROM before JOIN travel.networks USING (id);
SELECT name FROM travel.networks WHERE origin = 'user' AND name = 'ours';
-- An invalid document changes nothing.
SELECT error_of($$SELECT travel.import_aws_ranges('{"prefixes": []}')$$);
SELECT error_of($$
    SELECT travel.import_aws_ranges('{"prefixes": [{"ip_prefix": "192.0.2.0/25", "region": "eu-west-1"}]}')
$$);
SELECT error_of(format('SELECT travel.import_aws_ranges(%L)', jsonb_build_object('prefixes', jsonb_build_array(
    '{"ip_prefix": "192.0.2.0/25", "region": "eu-west-1"}'::jsonb, bad), 'ipv6_prefixes', '[]'::jsonb)))
FROM unnest(ARRAY['{"ip_prefix": "192.0.2.1/25", "region": "eu-west-1"}',
    '{"ip_prefix": "192.0.2.0/25"}']::jsonb[]) AS bad;
SELECT document, sqlstate_of(format('SELECT travel.import_aws_ranges(%L)', document))
FROM unnest('{"null",1,"[]","{}","{\"prefixes\": {}}","{\"prefixes\": [null]}","{\"prefixes\": [1]}",NULL}'::text[])
    AS document;
SELECT count(*) AS still FROM imported;
-- The regions that AWS has today.
SELECT count(*) AS regions, count(*) FILTER (WHERE region LIKE 'us-gov-%') AS gov,
    count(*) FILTER (WHERE region LIKE 'cn-%') AS cn,
    bool_and(country_code ~ '^[A-Z]{2}$' AND city <> '' AND country <> '') AS complete
FROM travel.aws_regions;
-- Where GeoIP has the city of a region, too, the two agree.
RESET ROLE;
SELECT r.region, r.city, p.city AS geoip
FROM travel.aws_regions AS r
JOIN (VALUES ('London', '192.0.2.1'::inet), ('Stockholm', '192.0.2.161'),
    ('Ashburn', '198.51.100.65'), ('Tokyo', '203.0.113.1'), ('Singapore', '203.0.113.65'),
    ('Sydney', '203.0.113.97')) AS c (city, ip) USING (city)
CROSS JOIN LATERAL travel.locate(ip) AS p
WHERE travel.distance_km(r.latitude, r.longitude, p.latitude, p.longitude) > 30
ORDER BY 1;
DELETE FROM travel.networks;
DROP VIEW imported;
DROP TABLE aws_document;
DROP OWNED BY regress_importer;
DROP ROLE regress_importer;
