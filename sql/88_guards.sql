-- Guards: triggers that keep what scans write apart from what analysts enter. A superuser can disable them to repair a
-- table.

CREATE FUNCTION travel_internal.guard_known() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_known';
COMMENT ON FUNCTION travel_internal.guard_known() IS
    'Trigger function: protects learned rows of the baseline, and validates entered ones. An entered row is ended '
    'rather than deleted. Keeps its rule from being deleted until the transaction ends';
REVOKE ALL ON FUNCTION travel_internal.guard_known() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.known_places
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_known();
COMMENT ON TRIGGER guard ON travel.known_places IS 'Protects learned rows and validates entered ones';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.known_transitions
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_known();
COMMENT ON TRIGGER guard ON travel.known_transitions IS 'Protects learned rows and validates entered ones';

CREATE FUNCTION travel_internal.guard_alert() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_alert';
COMMENT ON FUNCTION travel_internal.guard_alert() IS
    'Trigger function: lets analysts change only status, archive_reason and assignee of an alert, and '
    'refuses to delete alerts';
REVOKE ALL ON FUNCTION travel_internal.guard_alert() FROM PUBLIC;

CREATE FUNCTION travel_internal.note_alert() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_note_alert';
COMMENT ON FUNCTION travel_internal.note_alert() IS
    'Trigger function: writes travel.alert_history, and makes the locations of an alert known when it is archived as '
    'expected';
REVOKE ALL ON FUNCTION travel_internal.note_alert() FROM PUBLIC;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON travel.alerts
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_alert();
COMMENT ON TRIGGER guard ON travel.alerts IS 'Lets analysts change only status, archive_reason and assignee';
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON travel.alerts
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.guard_alert();
COMMENT ON TRIGGER guard_truncate ON travel.alerts IS 'Refuses to delete all alerts';
CREATE TRIGGER note AFTER UPDATE ON travel.alerts
    FOR EACH ROW EXECUTE FUNCTION travel_internal.note_alert();
COMMENT ON TRIGGER note ON travel.alerts IS
    'Writes the history, and makes locations known when an alert is archived as expected';

CREATE FUNCTION travel_internal.guard_network() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_network';
COMMENT ON FUNCTION travel_internal.guard_network() IS
    'Trigger function: validates a row of travel.networks and records its author';
REVOKE ALL ON FUNCTION travel_internal.guard_network() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON travel.networks
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_network();
COMMENT ON TRIGGER guard ON travel.networks IS 'Validates a named network before it is stored';

CREATE FUNCTION travel_internal.guard_suppression() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_suppression';
COMMENT ON FUNCTION travel_internal.guard_suppression() IS
    'Trigger function: validates a suppression and records its author. A suppression needs a reason and must not '
    'apply to everything. Keeps its rule from being deleted until the transaction ends';
REVOKE ALL ON FUNCTION travel_internal.guard_suppression() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.suppressions
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_suppression();
COMMENT ON TRIGGER guard ON travel.suppressions IS
    'Validates a suppression, records its author, and keeps its rule from being deleted until the transaction ends';

CREATE FUNCTION travel_internal.guard_comment() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_guard_comment';
COMMENT ON FUNCTION travel_internal.guard_comment() IS
    'Trigger function: validates a comment and records its author, and refuses to change or delete comments';
REVOKE ALL ON FUNCTION travel_internal.guard_comment() FROM PUBLIC;

CREATE FUNCTION travel_internal.note_comment() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_note_comment';
COMMENT ON FUNCTION travel_internal.note_comment() IS 'Trigger function: writes a comment into travel.alert_history';
REVOKE ALL ON FUNCTION travel_internal.note_comment() FROM PUBLIC;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON travel.alert_comments
    FOR EACH ROW EXECUTE FUNCTION travel_internal.guard_comment();
COMMENT ON TRIGGER guard ON travel.alert_comments IS
    'Validates a comment and records its author. A comment of an existing alert is neither changed nor deleted';
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON travel.alert_comments
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.guard_comment();
COMMENT ON TRIGGER guard_truncate ON travel.alert_comments IS 'Refuses to delete all comments';
CREATE TRIGGER note AFTER INSERT ON travel.alert_comments
    FOR EACH ROW EXECUTE FUNCTION travel_internal.note_comment();
COMMENT ON TRIGGER note ON travel.alert_comments IS 'Writes each comment into the history of its alert';
