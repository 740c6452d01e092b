-- GeoIP: where an IP address is, and who operates it ------------------------------------------------------------------

CREATE TYPE travel.place AS (
    latitude        float8,
    longitude       float8,
    accuracy_km     float8,
    precision       text,
    city            text,
    subdivision     text,
    country         text,
    country_code    text,
    network         cidr,
    asn             bigint,
    as_organization text,
    hosting         text,
    anonymizer      text,
    carrier         text
);
COMMENT ON TYPE travel.place IS
    'Location and network of an IP address, as travel.locate returns it; fields that are not known are NULL';
COMMENT ON COLUMN travel.place.latitude IS 'Latitude in degrees; NULL if the address is not located';
COMMENT ON COLUMN travel.place.longitude IS 'Longitude in degrees; NULL if the address is not located';
COMMENT ON COLUMN travel.place.accuracy_km IS
    'Radius in kilometers around the coordinates that probably contains the address';
COMMENT ON COLUMN travel.place.precision IS 'Area of which the coordinates are the center: city or country';
COMMENT ON COLUMN travel.place.city IS 'City, by its English name';
COMMENT ON COLUMN travel.place.subdivision IS 'Largest subdivision, such as a state or province';
COMMENT ON COLUMN travel.place.country IS 'Country, by its English name';
COMMENT ON COLUMN travel.place.country_code IS 'Country, as an ISO 3166-1 alpha-2 code such as GB';
COMMENT ON COLUMN travel.place.network IS
    'Prefix that supplied the coordinates, or else the longest prefix that supplied anything';
COMMENT ON COLUMN travel.place.asn IS 'Number of the autonomous system (AS) of the address';
COMMENT ON COLUMN travel.place.as_organization IS 'Organization that operates the autonomous system';
COMMENT ON COLUMN travel.place.hosting IS
    'Hosting provider whose machines anyone can rent: aws, azure, gcp, … or other';
COMMENT ON COLUMN travel.place.anonymizer IS 'Service that hides the location of its users: tor, vpn, proxy or relay';
COMMENT ON COLUMN travel.place.carrier IS 'Kind of carrier that moves its users between addresses: mobile or satellite';

CREATE FUNCTION travel.locate(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS travel.place
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_locate';
COMMENT ON FUNCTION travel.locate(inet, timestamptz) IS
    'Location and network of an IP address at a time (default: now). Rows of travel.networks take precedence over the'
    ' GeoIP databases. NULL if nothing is known';

CREATE FUNCTION travel.is_located(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_located';
COMMENT ON FUNCTION travel.is_located(inet, timestamptz) IS
    'Whether events from an IP address at a time (default: now) can be evaluated: the address has coordinates, and no '
    'row of travel.networks says to ignore it';

CREATE FUNCTION travel_internal.is_ignored(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_ignored';
COMMENT ON FUNCTION travel_internal.is_ignored(inet, timestamptz) IS
    'Whether events from an address at a time are skipped, because a row of travel.networks has the treatment ignore';

CREATE FUNCTION travel.geoip_databases(
    OUT path text, OUT database_type text, OUT ip_version int, OUT built_at timestamptz, OUT age interval,
    OUT size_bytes bigint, OUT provides text[], OUT status text, OUT detail text
) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'travel_geoip_databases';
COMMENT ON FUNCTION travel.geoip_databases() IS
    'The configured GeoIP database files: which are in use, and why others were refused. Requires '
    'the level admin or membership in pg_monitor';
REVOKE ALL ON FUNCTION travel.geoip_databases() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel.geoip_databases() TO pg_monitor;
GRANT EXECUTE ON FUNCTION travel.geoip_databases() TO @extowner@;
