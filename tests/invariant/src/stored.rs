//! The results that scans have stored, as lines that can be compared.

use crate::case::{Case, EntityColumns};
use crate::server::{Failure, Server};
use crate::sql;
use travel_core::rule::Micros;

pub struct StoredResults {
    /// Verdicts, alerts, learned places and transitions, sorted.
    pub lines: Vec<String>,
    /// The checkpoints: kind, entity or baseline user, begin, end, state.
    pub states: Vec<[String; 5]>,
}

const SEPARATOR: &str = " ~ ";

/// The suppressions of rule `v.rule`, numbered in the order in which they were entered.
const NUMBERED: &str =
    "SELECT id, row_number() OVER (ORDER BY id) AS number FROM travel.suppressions WHERE rule = v.rule";

impl StoredResults {
    pub fn of(server: &mut Server, rule: &str) -> Result<Self, Failure> {
        let rule = sql::literal(rule);
        let mut lines = server.ask(&format!(
            "SELECT concat_ws(' ', 'verdict', leg_id, entity, from_time, host(from_ip), to_time, host(to_ip), reasons, raised,
                              ARRAY(SELECT s.number FROM ({NUMBERED}) AS s WHERE s.id = ANY (suppression_ids) ORDER BY 1),
                              network_names, distance_km, effective_distance_km, elapsed_seconds, coalesce(velocity_kmh::text, 'NULL'),
                              coalesce(from_event_id, 'NULL'), coalesce(to_event_id, 'NULL'))
             FROM travel.verdicts AS v WHERE rule = {rule}
             UNION ALL
             SELECT concat_ws(' ', 'alert', entity, first_seen, last_seen, leg_count, severity, leg_id,
                              (SELECT array_agg(e ORDER BY e) FROM unnest(evidence) AS e),
                              (SELECT array_agg(v.leg_id ORDER BY v.leg_id) FROM travel.verdicts AS v WHERE v.alert_id = a.id))
             FROM travel.alerts AS a WHERE rule = {rule} AND withdrawn_at IS NULL
             UNION ALL
             SELECT concat_ws(' ', 'place', baseline_entity, country_code, coalesce(subdivision, 'NULL'), coalesce(city, 'NULL'),
                              state, first_seen, last_seen)
             FROM travel.known_places WHERE rule = {rule} AND origin = 'learnt'
             UNION ALL
             SELECT concat_ws(' ', 'transition', baseline_entity, from_country_code, coalesce(from_subdivision, 'NULL'),
                              coalesce(from_city, 'NULL'), to_country_code, coalesce(to_subdivision, 'NULL'),
                              coalesce(to_city, 'NULL'), first_seen, last_seen)
             FROM travel.known_transitions WHERE rule = {rule} AND origin = 'learnt'"
        ))?;
        lines.sort();
        let states = server.ask(&format!(
            "SELECT concat_ws('{SEPARATOR}', 'entity', entity, evaluated_until, valid_until, coalesce(state::text, ''))
             FROM travel_internal.entity_states WHERE rule = {rule}
             UNION ALL
             SELECT concat_ws('{SEPARATOR}', 'baseline', baseline_entity, evaluated_until, valid_until, coalesce(state::text, ''))
             FROM travel_internal.baseline_states WHERE rule = {rule}"
        ))?;
        let states = states.iter().map(|line| {
            let mut parts = line.splitn(5, SEPARATOR).map(str::to_owned);
            std::array::from_fn(|_| parts.next().unwrap_or_default())
        });
        Ok(Self { lines, states: states.collect() })
    }

    pub fn legs(&self) -> Vec<String> {
        let verdicts = self.lines.iter().filter(|line| line.starts_with("verdict "));
        verdicts.map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }
}

/// The ids of the legs over the rule's thresholds by the aggregate, sorted.
pub fn legs(server: &mut Server, case: &Case) -> Result<Vec<String>, Failure> {
    let entity = match case.entity {
        EntityColumns::Key => "access_key_id",
        EntityColumns::Name => "session_name",
        EntityColumns::Pair => "travel_internal.entity(account_id, session_name)",
    };
    let thresholds = &case.rule.thresholds;
    server.ask(&format!(
        "SELECT id
         FROM (SELECT {entity} AS entity,
                      travel.impossible_legs(event_time, source_ip, event_id, {}, {}, {}) AS legs
               FROM {} GROUP BY 1) AS e, unnest(legs) AS l,
              travel_internal.leg_id(entity, l.from_time, l.from_ip, l.to_time, l.to_ip) AS id
         ORDER BY id COLLATE \"C\"",
        thresholds.min_distance_km,
        thresholds.min_velocity_kmh,
        thresholds.use_accuracy,
        sql::table(case.source)
    ))
}

/// Fails unless every raised verdict is in an alert, every alert that is not withdrawn has verdicts, and its legs are
/// its verdicts.
pub fn check_consistency(server: &mut Server, rule: &str) -> Result<(), Failure> {
    let rule = sql::literal(rule);
    let wrong = server.ask(&format!(
        "SELECT 'raised without an alert, or in an alert and not raised: ' || leg_id FROM travel.verdicts
         WHERE rule = {rule} AND raised <> (alert_id IS NOT NULL)
         UNION ALL
         SELECT 'in an alert that is withdrawn or does not exist: ' || leg_id FROM travel.verdicts AS v
         WHERE rule = {rule} AND alert_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.id = v.alert_id AND a.rule = v.rule AND withdrawn_at IS NULL)
         UNION ALL
         SELECT 'the legs of an alert are not its verdicts: ' || id FROM travel.alerts AS a
         WHERE rule = {rule} AND withdrawn_at IS NULL
           AND (SELECT array_agg(leg_id ORDER BY leg_id) FROM travel.verdicts WHERE alert_id = a.id)
               IS DISTINCT FROM (SELECT array_agg(leg_id ORDER BY leg_id) FROM travel_internal.alert_legs WHERE alert_id = a.id)
         UNION ALL
         SELECT 'the finding of an alert is not that of its first leg: ' || id FROM travel.alerts AS a
         WHERE rule = {rule} AND withdrawn_at IS NULL
           AND NOT EXISTS (SELECT FROM travel.verdicts AS v
                           WHERE v.alert_id = a.id AND v.leg_id = a.leg_id AND v.to_time = a.first_seen)
         UNION ALL
         SELECT 'extended after it was archived, and not reopened: ' || id FROM travel.alerts AS a
         WHERE rule = {rule} AND withdrawn_at IS NULL AND (reopened_at IS NOT NULL) AND status <> 'open' AND archived_at < reopened_at"
    ))?;
    match &wrong[..] {
        [] => Ok(()),
        several => Err(Failure { what: several.join("\n"), is_void: false }),
    }
}

/// The alerts of a rule among these rows, with every column that does not depend on being stored.
pub fn alerts(server: &mut Server, rule: &str, rows: &str) -> Result<Vec<String>, Failure> {
    let mut lines = server.ask(&format!(
        "SELECT (to_jsonb(a) - '{{id,raised_at,updated_at}}'::text[])::text
         FROM {rows} AS a
         WHERE rule = {} AND withdrawn_at IS NULL",
        sql::literal(rule)
    ))?;
    lines.sort();
    Ok(lines)
}

/// The columns that must be equal for two rules with the same settings.
pub fn all_columns(server: &mut Server, rule: &str) -> Result<Vec<String>, Failure> {
    let mut lines = server.ask(&query_of_all_columns(rule))?;
    lines.sort();
    Ok(lines)
}

/// The query of [`all_columns`].
pub fn query_of_all_columns(rule: &str) -> String {
    let rule = sql::literal(rule);
    format!(
        "SELECT (to_jsonb(v) - '{{rule,alert_id}}'::text[] || jsonb_build_object('suppression_ids',
                    ARRAY(SELECT s.number FROM ({NUMBERED}) AS s WHERE s.id = ANY (suppression_ids) ORDER BY 1)))::text
         FROM travel.verdicts AS v WHERE rule = {rule}
         UNION ALL
         SELECT (to_jsonb(a) - '{{id,rule,status,archive_reason,assignee,raised_at,updated_at,archived_at,reopened_at}}'::text[])::text
         FROM travel.alerts AS a WHERE rule = {rule} AND withdrawn_at IS NULL
         UNION ALL
         SELECT (to_jsonb(l) - 'alert_id')::text FROM travel_internal.alert_legs AS l JOIN travel.alerts AS a ON a.id = l.alert_id
         WHERE a.rule = {rule} AND withdrawn_at IS NULL
         UNION ALL
         SELECT (to_jsonb(k) - '{{rule,place_id,created_at,updated_at}}'::text[])::text FROM travel.known_places AS k WHERE rule = {rule}
         UNION ALL
         SELECT (to_jsonb(k) - '{{rule,transition_id,created_at,updated_at}}'::text[])::text FROM travel.known_transitions AS k WHERE rule = {rule}
         UNION ALL
         SELECT (to_jsonb(m) - '{{rule,pass}}'::text[])::text FROM travel_internal.minted_keys AS m WHERE rule = {rule}
         UNION ALL
         SELECT (to_jsonb(s) - '{{rule,pass,evaluated_from}}'::text[])::text FROM travel_internal.entity_states AS s
         WHERE rule = {rule} AND (valid_until = 'infinity' OR evaluated_until = '-infinity')
         UNION ALL
         SELECT (to_jsonb(s) - '{{rule,pass,evaluated_from}}'::text[])::text FROM travel_internal.baseline_states AS s
         WHERE rule = {rule} AND (valid_until = 'infinity' OR evaluated_until = '-infinity')"
    )
}

/// The versions of the rows of verdicts and legs before a time.
pub fn row_versions_before(server: &mut Server, rule: &str, time: Micros) -> Result<Vec<String>, Failure> {
    let (rule, time) = (sql::literal(rule), sql::literal(sql::utc(time)));
    let mut lines = server.ask(&format!(
        "SELECT 'verdict ' || leg_id || ' ' || xmin::text FROM travel.verdicts WHERE rule = {rule} AND to_time < {time}
         UNION ALL SELECT 'leg ' || l.alert_id || ' ' || l.leg_id || ' ' || l.xmin::text
         FROM travel_internal.alert_legs AS l JOIN travel.alerts AS a ON a.id = l.alert_id
         WHERE a.rule = {rule} AND l.to_time < {time} AND a.withdrawn_at IS NULL"
    ))?;
    lines.sort();
    Ok(lines)
}

/// The versions of the rows that a scan without new rows must not change.
pub fn row_versions(server: &mut Server, rule: &str) -> Result<Vec<String>, Failure> {
    let rule = sql::literal(rule);
    let mut lines = server.ask(&format!(
        "SELECT 'verdict ' || leg_id || ' ' || xmin::text FROM travel.verdicts WHERE rule = {rule}
         UNION ALL SELECT 'alert ' || id || ' ' || xmin::text FROM travel.alerts WHERE rule = {rule}
         UNION ALL SELECT 'place ' || ctid::text || ' ' || xmin::text FROM travel.known_places WHERE rule = {rule}
         UNION ALL SELECT 'transition ' || ctid::text || ' ' || xmin::text FROM travel.known_transitions WHERE rule = {rule}"
    ))?;
    lines.sort();
    Ok(lines)
}

/// Legs with one end in another edition of place data, and baseline entities that learned places of both.
pub fn rows_of_two_editions(server: &mut Server, rule: &str) -> Result<Vec<String>, Failure> {
    let is_other = |city: &str| format!("coalesce({city} LIKE 'Elsewhere%', false)");
    server.ask(&format!(
        "SELECT 'leg ' || leg_id FROM travel.verdicts WHERE rule = '{rule}' AND {} <> {}
         UNION ALL
         SELECT 'places of ' || baseline_entity FROM travel.known_places WHERE rule = '{rule}' AND origin = 'learnt'
         GROUP BY baseline_entity HAVING count(DISTINCT {}) > 1",
        is_other("from_city"),
        is_other("to_city"),
        is_other("city"),
    ))
}
