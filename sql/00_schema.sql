-- impossible_travel: everything lives in the schema travel, which the extension owns. A schema of that name that is
-- there already, even an empty one, makes CREATE EXTENSION fail here rather than mix its objects with others.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'travel') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = 'schema "travel" already exists',
            DETAIL = 'The extension creates this schema itself, to be sure that it contains no other objects.',
            HINT = 'If the schema is yours, rename it: ALTER SCHEMA travel RENAME TO another_name. If it is left over and '
                || 'holds nothing that is needed, drop it: DROP SCHEMA travel. Then run CREATE EXTENSION again.';
    END IF;
END
$$;
CREATE SCHEMA travel;
COMMENT ON SCHEMA travel IS 'impossible_travel: impossible travel in AWS CloudTrail';
GRANT USAGE ON SCHEMA travel TO PUBLIC;

-- Text is handled as UTF-8: other database encodings are refused before anything else is made.
CREATE FUNCTION travel.require_utf8() RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_require_utf8';
SELECT travel.require_utf8();
DROP FUNCTION travel.require_utf8();
