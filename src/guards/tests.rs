//! Tests of what the guards let a scan do. tests/regress/sql/analyst_entries.sql tests what they refuse to others.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pg::scan_flag::{is_scanning, while_scanning};
    use pgrx::prelude::*;

    fn text(query: &str) -> String {
        Spi::get_one::<String>(query).unwrap().unwrap_or_default()
    }

    fn run(statement: &str) {
        Spi::run(statement).unwrap();
    }

    /// Creates a rule, an alert with one leg between two locations that were not known, and a learned location.
    fn set_up() {
        for statement in [
            "CREATE FUNCTION pg_temp.state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
             BEGIN EXECUTE statement; RETURN 'fine'; EXCEPTION WHEN OTHERS THEN RETURN sqlstate; END $$",
            "CREATE ROLE scanned_by",
            "CREATE TABLE trail AS SELECT NULL::text AS access_key_id, now() AS event_time, NULL::inet AS source_ip LIMIT 0",
            "INSERT INTO travel.rules (name, owner, source) VALUES ('r', current_user, 'public.trail')",
            "INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin) VALUES ('r', 'alice', 'GB', 'learnt')",
            "INSERT INTO travel.alerts (id, rule, severity, first_seen, last_seen, leg_count, evidence, signal)
             VALUES (1, 'r', 'medium', '2026-03-02', '2026-03-02', 1, '{}', '{}')",
            "INSERT INTO travel_internal.alert_legs VALUES (1, 'l', '2026-03-02', 'alice', 'FR', NULL, 'Paris', false, 'JP', NULL, 'Tokyo', false)",
        ] {
            run(statement);
        }
    }

    #[pg_test]
    fn a_scan_may_write_learned_rows_and_the_columns_of_alerts() {
        set_up();
        let statements = [
            "UPDATE travel.known_places SET state = 'contested', last_seen = '2026-03-02'",
            "INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin, state) VALUES ('r', 'bob', 'x', 'learnt', 'trial')",
            "UPDATE travel.alerts SET severity = 'high', leg_count = 2",
            "DELETE FROM travel.known_places WHERE baseline_entity = 'bob'",
            "DELETE FROM travel.alerts",
        ];
        while_scanning(|| {
            for statement in statements {
                run(statement);
            }
        });

        assert_eq!(text("SELECT state FROM travel.known_places"), "contested");
        assert!(!is_scanning());
        assert_eq!(text("SELECT pg_temp.state_of('DELETE FROM travel.known_places')"), "42501");
    }

    #[pg_test]
    fn an_alert_that_a_scan_opens_again_keeps_its_reason() {
        set_up();
        run("UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected'");
        run("SET LOCAL ROLE scanned_by");
        // This is how a function with its owner's rights runs.
        crate::pg::role::acting_as(pgrx::pg_sys::BOOTSTRAP_SUPERUSERID.into(), || {
            while_scanning(|| {
                run(
                    "UPDATE travel.alerts SET status = 'open', reopened_at = '2026-03-03Z', last_seen = '2026-03-03'",
                )
            });
        });
        run("RESET ROLE");
        assert_eq!(
            text(
                "SELECT concat_ws(',', status, archive_reason, archived_at = now(), updated_at = now()) FROM travel.alerts"
            ),
            "open,expected,t,t"
        );
        let in_force = "SELECT string_agg(city, ',' ORDER BY city) FROM travel.known_places WHERE origin = 'alert' AND valid_until IS NULL";
        assert_eq!(text(in_force), "Paris,Tokyo");
        assert_eq!(
            text("SELECT change->'status' #>> '{}' FROM travel.alert_history WHERE by = 'scanned_by'"),
            r#"["archived", "open"]"#
        );
        assert_eq!(
            text(
                "SELECT string_agg(key, ',' ORDER BY key) FROM travel.alert_history, jsonb_object_keys(change) AS key WHERE by = 'scanned_by'"
            ),
            "reopened_at,status"
        );
        // The reason stays while an analyst works on the alert, until the analyst removes it.
        run("UPDATE travel.alerts SET status = 'under_review', assignee = 'ann'");
        assert_eq!(text("SELECT archive_reason FROM travel.alerts"), "expected");
        // Archiving again also enters what came since, and enters nothing twice that is in force.
        while_scanning(|| {
            run(
                "INSERT INTO travel_internal.alert_legs VALUES (1, 'm', '2026-03-03', 'alice', 'FR', NULL, 'Paris', false, 'AU', NULL, 'Perth', false)",
            )
        });
        run("UPDATE travel.alerts SET status = 'archived'");
        assert_eq!(text(in_force), "Paris,Perth,Tokyo");
        run("UPDATE travel.alerts SET archive_reason = NULL");
        assert_eq!(text(in_force), "");
    }

    #[pg_test]
    fn an_error_in_a_scan_ends_it() {
        // SAFETY: an SQL function with two arguments that are no pointers.
        let divide = || unsafe {
            pgrx::direct_function_call::<i32>(pg_sys::int4div, &[1.into_datum(), 0.into_datum()])
        };
        let caught = PgTryBuilder::new(|| while_scanning(divide).is_none())
            .catch_when(PgSqlErrorCode::ERRCODE_DIVISION_BY_ZERO, |_| true)
            .execute();
        assert!(caught);
        assert!(!is_scanning());
        while_scanning(|| {
            while_scanning(|| ());
            assert!(is_scanning(), "an inner scan that ends leaves the outer one going");
        });
        assert!(!is_scanning());
    }
}
