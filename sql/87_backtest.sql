-- What a rule would raise, without storing anything -------------------------------------------------------------------

CREATE FUNCTION travel.backtest(
    rule text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, settings jsonb DEFAULT '{}'
) RETURNS SETOF travel.alerts
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 100
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_backtest';
COMMENT ON FUNCTION travel.backtest(text, timestamptz, timestamptz, jsonb) IS
    'Alerts that a scan of a rule would raise for legs that arrive in a time range, with other settings if given. '
    'Nothing is stored. Requires the level read';
REVOKE ALL ON FUNCTION travel.backtest(text, timestamptz, timestamptz, jsonb) FROM PUBLIC;

CREATE FUNCTION travel.suggest(
    rule text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    OUT kind text, OUT cause text, OUT user_count bigint, OUT alert_count bigint, OUT alerts_saved bigint,
    OUT statement text
) RETURNS SETOF record
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 20
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_suggest';
COMMENT ON FUNCTION travel.suggest(text, timestamptz, timestamptz) IS
    'Finds what several alerts of a rule have in common: a location of a user, an entity, an address, an AS or two '
    'countries. Each row has the statement that silences it, and the number of alerts that a backtest with it saves. '
    'Requires the level read';
REVOKE ALL ON FUNCTION travel.suggest(text, timestamptz, timestamptz) FROM PUBLIC;
