-- GeoIP: where an address is, and who runs it ------------------------------------------------------------------------

CREATE TYPE travel.place AS (
    latitude        float8,     -- degrees
    longitude       float8,     -- degrees
    accuracy_km     float8,     -- radius around the coordinates in which the address probably is
    precision       text,       -- city | country
    city            text,
    subdivision     text,       -- the largest: a state, a province
    country         text,       -- English name
    country_code    text,       -- ISO 3166-1 alpha-2
    network         cidr,       -- the prefix that gave the coordinates, else the longest that gave anything
    asn             bigint,
    as_organization text,
    hosting         text,       -- aws | azure | gcp | … | other
    anonymizer      text,       -- vpn | tor | proxy | relay
    carrier         text        -- mobile | satellite
);
COMMENT ON TYPE travel.place IS 'where an address is, and who runs it; every field may be NULL';

CREATE FUNCTION travel.locate(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS travel.place
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_locate';
COMMENT ON FUNCTION travel.locate(inet, timestamptz) IS
    'the place of an address: what the named networks say of it, over what the GeoIP databases of impossible_travel.geoip_path do; NULL where nothing is known';

CREATE FUNCTION travel.is_located(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_located';
COMMENT ON FUNCTION travel.is_located(inet, timestamptz) IS
    'whether an address has coordinates, so that an event from it can be evaluated';

CREATE FUNCTION travel_internal.is_ignored(ip inet, at timestamptz DEFAULT pg_catalog.now()) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_ignored';
COMMENT ON FUNCTION travel_internal.is_ignored(inet, timestamptz) IS
    'whether a named network says that an event from this address at this time is as if it were absent';

CREATE FUNCTION travel.geoip_databases(
    OUT path text, OUT database_type text, OUT ip_version int, OUT built_at timestamptz, OUT age interval,
    OUT size_bytes bigint, OUT provides text[], OUT status text, OUT detail text
) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'travel_geoip_databases';
COMMENT ON FUNCTION travel.geoip_databases() IS
    'the GeoIP files that are configured: which are in use, which were refused and why; for pg_monitor and the installer';
REVOKE ALL ON FUNCTION travel.geoip_databases() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel.geoip_databases() TO pg_monitor;
GRANT EXECUTE ON FUNCTION travel.geoip_databases() TO @extowner@;
