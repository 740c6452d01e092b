-- Several nodes: what must be alike on all of them --------------------------------------------------------------------

-- Times and numbers are digested in a form that does not depend on the settings of the session. Otherwise nodes with
-- the same networks could return different digests.
CREATE FUNCTION travel.node_state() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'version', (SELECT extversion FROM pg_extension WHERE extname = 'impossible_travel'),
        'time_zone', current_setting('TimeZone'),
        'geoip', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'database_type', g.database_type,
                'built_at', to_char(g.built_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
                ORDER BY g.position), '[]')
            FROM travel.geoip_databases() WITH ORDINALITY AS g (
                path, database_type, ip_version, built_at, age, size_bytes, provides, status, detail, position)
            WHERE g.status = 'in_use'),
        'network_count', count(n.digest),
        'networks', encode(sha256(coalesce(string_agg(n.digest, ''::bytea ORDER BY n.digest), ''::bytea)), 'hex'))
    FROM (
        SELECT sha256(convert_to(
            ROW(network, asn, name, treatment, encode(float8send(latitude), 'hex'),
                encode(float8send(longitude), 'hex'), city, subdivision, country, country_code, hosting,
                extract(epoch FROM valid_from), extract(epoch FROM valid_until), origin)::text,
            'UTF8')) AS digest
        FROM travel.networks
    ) AS n;
END;
COMMENT ON FUNCTION travel.node_state() IS
    'State that decides what a node finds: the version of the extension, the time zone, the GeoIP databases, and a '
    'digest of the named networks. Nodes that find the same have equal states. Requires the level admin';
REVOKE ALL ON FUNCTION travel.node_state() FROM PUBLIC;
