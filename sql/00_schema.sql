-- impossible_travel: everything lives in the schema travel, which the extension owns. A schema of that name that is
-- there already, even an empty one, makes CREATE EXTENSION fail here rather than mix its objects with others.
CREATE SCHEMA travel;
COMMENT ON SCHEMA travel IS 'impossible_travel: impossible travel in AWS CloudTrail';
GRANT USAGE ON SCHEMA travel TO PUBLIC;

-- Text is handled as UTF-8: other database encodings are refused before anything else is made.
CREATE FUNCTION travel.require_utf8() RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_require_utf8';
SELECT travel.require_utf8();
DROP FUNCTION travel.require_utf8();
