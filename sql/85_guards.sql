-- What scans write and what people enter: triggers keep them apart. A superuser who must repair a table can disable them.

CREATE FUNCTION travel_internal.guard_known() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_known';
COMMENT ON FUNCTION travel_internal.guard_known() IS
    'trigger: learnt rows are the scan''s own; entered rows are checked, and end rather than go';
REVOKE ALL ON FUNCTION travel_internal.guard_known() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.known_places
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_known();
COMMENT ON TRIGGER guard ON travel.known_places IS 'what analysts may enter, change and end';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.known_transitions
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_known();
COMMENT ON TRIGGER guard ON travel.known_transitions IS 'what analysts may enter, change and end';

CREATE FUNCTION travel_internal.guard_alert() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_alert';
COMMENT ON FUNCTION travel_internal.guard_alert() IS
    'trigger: status, archive_reason and assignee are the analyst''s, all else is the scan''s; alerts are kept';
REVOKE ALL ON FUNCTION travel_internal.guard_alert() FROM PUBLIC;

CREATE FUNCTION travel_internal.note_alert() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_note_alert';
COMMENT ON FUNCTION travel_internal.note_alert() IS
    'trigger: writes travel.alert_history; an alert that is archived as expected makes its places known';
REVOKE ALL ON FUNCTION travel_internal.note_alert() FROM PUBLIC;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON travel.alerts
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_alert();
COMMENT ON TRIGGER guard ON travel.alerts IS 'what analysts may change';
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON travel.alerts
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.guard_alert();
COMMENT ON TRIGGER guard_truncate ON travel.alerts IS 'alerts are kept';
CREATE TRIGGER note AFTER UPDATE ON travel.alerts
    FOR EACH ROW EXECUTE FUNCTION travel_internal.note_alert();
COMMENT ON TRIGGER note ON travel.alerts IS 'the history, and what archiving as expected enters';

CREATE FUNCTION travel_internal.guard_network() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_network';
COMMENT ON FUNCTION travel_internal.guard_network() IS
    'trigger: says in words what a row of travel.networks must be';
REVOKE ALL ON FUNCTION travel_internal.guard_network() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON travel.networks
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_network();
COMMENT ON TRIGGER guard ON travel.networks IS 'what a row must say';

CREATE FUNCTION travel_internal.guard_suppression() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_suppression';
COMMENT ON FUNCTION travel_internal.guard_suppression() IS
    'trigger: a suppression has an author and a reason, and does not silence everything';
REVOKE ALL ON FUNCTION travel_internal.guard_suppression() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON travel.suppressions
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_suppression();
COMMENT ON TRIGGER guard ON travel.suppressions IS 'what may be suppressed, and by whom it was';
COMMENT ON COLUMN travel.suppressions.created_by IS 'the role that wrote the row last, which nobody can forge';
