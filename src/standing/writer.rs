//! What is stored of an outcome: verdicts, alerts, what was learnt, states. Rows that stay as they are are not touched.

use super::definition::{text, texts};
use super::findings::{Columns, FINDING};
use super::members::{Kept, Kind, TIMESTAMPTZ_ARRAY};
use super::outcome::{Law, Outcome, RaisedLeg};
use crate::detect::utc;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::spi;
use pgrx::pg_sys;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::is_kept;
use travel_core::rule::signal;
use travel_core::rule::{
    BaselineState, Checkpoint, Incident, Micros, PlaceKey, Severity, StoredAlert, Taken, Template, assign,
};

/// An entity or a baseline entity whose events later than `after` were judged.
pub struct Judged {
    pub name: Arc<str>,
    pub kept: Kept,
    pub after: Micros,
    /// Together with all others that are theirs: they need not be read again in this pass.
    pub is_whole: bool,
}

pub struct Writer<'a> {
    pub law: &'a Law,
    pub pass: i64,
    pub geoip_built_at: Option<Micros>,
    pub outcome: Outcome,
    pub entities: Vec<Judged>,
    pub baselines: Vec<Judged>,
}

/// Rows of one INSERT: so that no text of JSON grows without bounds.
const ROWS: usize = 5000;

impl Writer<'_> {
    /// Within an SPI connection. The alerts that are news.
    pub fn write(mut self) -> Result<Vec<Raised>, TravelError> {
        let alerts = self.assign_alerts()?;
        self.write_verdicts(&alerts)?;
        let raised = self.write_alerts(&alerts)?;
        self.write_places();
        self.write_transitions();
        self.write_states()?;
        Ok(raised)
    }

    /// Which stored alert each incident is, with the legs that it had; new ones get an id.
    fn assign_alerts(&self) -> Result<Alerts, TravelError> {
        let incidents: Vec<Incident> = self.outcome.incidents.values().cloned().collect();
        let legs: Vec<&str> =
            incidents.iter().flat_map(|incident| &incident.legs).map(String::as_str).collect();
        let rejudged: Vec<&Judged> =
            self.entities.iter().filter(|judged| judged.kept.judged_until() > Some(judged.after)).collect();
        let names: Vec<&str> = rejudged.iter().map(|judged| &*judged.name).collect();
        let after: Vec<Micros> = rejudged.iter().map(|judged| judged.after).collect();
        if incidents.is_empty() && names.is_empty() {
            return Ok(Alerts::default());
        }
        let rows = spi::select(
            "WITH concerned AS (
                 SELECT a.id
                 FROM unnest($2::text[], $3::timestamptz[]) AS e (entity, judged_until)
                 JOIN travel.alerts AS a ON a.rule = $1 AND a.entity = e.entity AND a.last_seen > e.judged_until
                      AND a.last_seen >= $5
                 UNION
                 SELECT l.alert_id
                 FROM travel.alert_legs AS l
                 JOIN travel.alerts AS a ON a.id = l.alert_id AND a.rule = $1
                 WHERE l.leg_id = ANY ($4)
             )
             SELECT a.id, a.status = 'archived', a.withdrawn_at IS NOT NULL, pg_catalog.array_agg(l.leg_id)
             FROM concerned
             JOIN travel.alerts AS a USING (id)
             JOIN travel.alert_legs AS l ON l.alert_id = a.id
             GROUP BY a.id",
            &[
                text(&self.law.name),
                texts(&names),
                (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&after))),
                texts(&legs),
                (pg_sys::TIMESTAMPTZOID, Some(pg_sys::Datum::from(self.law.pruned_before))),
            ],
        );
        let mut stored = Vec::with_capacity(rows.len);
        let mut withdrawn_before = BTreeSet::new();
        for row in 0..rows.len {
            let (Some(id), Some(legs)) = (rows.i64(row, 0), rows.get(row, 3)) else { continue };
            // SAFETY: the column is an array of texts.
            let legs = unsafe { array::texts(legs) }?.into_iter().flatten().collect();
            stored.push(StoredAlert { id, legs, archived: rows.bool(row, 1) == Some(true) });
            if rows.bool(row, 2) == Some(true) {
                withdrawn_before.insert(id);
            }
        }
        let assignment = assign(&incidents, &stored);
        let new = assignment.incidents.iter().filter(|taken| **taken == Taken::New).count();
        let mut new_ids = new_ids(new).into_iter();
        let incidents = incidents
            .into_iter()
            .zip(assignment.incidents)
            .filter_map(|(incident, taken)| {
                Some(match taken {
                    Taken::New => Alert { id: new_ids.next()?, is_new: true, reopened: false, incident },
                    Taken::Stored { id, reopened } => Alert { id, is_new: false, reopened, incident },
                })
            })
            .collect();
        let withdrawn =
            assignment.withdrawn.into_iter().filter(|id| !withdrawn_before.contains(id)).collect();
        Ok(Alerts { incidents, withdrawn })
    }

    fn write_verdicts(&mut self, alerts: &Alerts) -> Result<(), TravelError> {
        let of_leg: HashMap<&str, i64> = alerts
            .incidents
            .iter()
            .flat_map(|alert| alert.incident.legs.iter().map(|leg| (leg.as_str(), alert.id)))
            .collect();
        for verdict in &mut self.outcome.verdicts {
            let leg = verdict.get("leg_id").and_then(Value::as_str).unwrap_or_default();
            let alert = of_leg.get(leg).copied();
            verdict.insert("alert_id".to_owned(), json!(alert));
        }
        let rejudged: Vec<&Judged> =
            self.entities.iter().filter(|judged| judged.kept.judged_until() > Some(judged.after)).collect();
        if !rejudged.is_empty() {
            let names: Vec<&str> = rejudged.iter().map(|judged| &*judged.name).collect();
            let after: Vec<Micros> = rejudged.iter().map(|judged| judged.after).collect();
            spi::execute(
                "WITH new AS MATERIALIZED (
                     SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel.verdicts, $4::json)
                 )
                 DELETE FROM travel.verdicts AS v
                 USING unnest($2::text[], $3::timestamptz[]) AS e (entity, judged_until)
                 WHERE v.rule = $1 AND v.entity = e.entity AND v.to_time > e.judged_until AND v.to_time >= $5
                   AND NOT EXISTS (SELECT FROM new WHERE new.leg_id = v.leg_id AND new.* IS NOT DISTINCT FROM v.*)",
                &[
                    text(&self.law.name),
                    texts(&names),
                    (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&after))),
                    json_of(&self.outcome.verdicts)?,
                    (pg_sys::TIMESTAMPTZOID, Some(pg_sys::Datum::from(self.law.pruned_before))),
                ],
            );
        }
        for rows in self.outcome.verdicts.chunks(ROWS) {
            spi::execute(
                "INSERT INTO travel.verdicts
                 SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel.verdicts, $1::json)
                 ON CONFLICT DO NOTHING",
                &[json_of(rows)?],
            );
        }
        // Legs from before that are in an alert of another number now.
        let older: Vec<(&str, i64)> =
            of_leg.into_iter().filter(|(leg, _)| !self.outcome.raised.contains_key(*leg)).collect();
        if !older.is_empty() {
            let legs: Vec<&str> = older.iter().map(|(leg, _)| *leg).collect();
            let ids: Vec<i64> = older.iter().map(|(_, id)| *id).collect();
            spi::execute(
                "UPDATE travel.verdicts AS v
                 SET alert_id = o.alert_id
                 FROM unnest($2::text[], $3::bigint[]) AS o (leg_id, alert_id)
                 WHERE v.rule = $1 AND v.leg_id = o.leg_id AND v.alert_id IS DISTINCT FROM o.alert_id",
                &[text(&self.law.name), texts(&legs), (pg_sys::INT8ARRAYOID, Some(array::of_i64s(&ids)))],
            );
        }
        Ok(())
    }

    fn write_alerts(&self, alerts: &Alerts) -> Result<Vec<Raised>, TravelError> {
        let mut raised = Vec::new();
        if !alerts.withdrawn.is_empty() {
            spi::execute(
                "UPDATE travel.alerts
                 SET withdrawn_at = pg_catalog.now(), updated_at = pg_catalog.now()
                 WHERE id = ANY ($1)",
                &[(pg_sys::INT8ARRAYOID, Some(array::of_i64s(&alerts.withdrawn)))],
            );
        }
        if alerts.incidents.is_empty() {
            return Ok(raised);
        }
        let first_legs = self.first_legs(alerts)?;
        let (mut new, mut grown) = (Vec::new(), Vec::new());
        for alert in &alerts.incidents {
            let Some(first) = alert.incident.legs.first().and_then(|leg| first_legs.get(leg)) else {
                continue;
            };
            let row = alert.row(self.law, first, self.geoip_built_at);
            if alert.is_new || alert.reopened {
                raised.push(Raised { id: alert.id, severity: alert.incident.severity });
            }
            if alert.is_new { new.push(row) } else { grown.push(row) }
        }
        let columns = ALERT_COLUMNS.iter().chain(&FINDING).copied().collect::<Vec<_>>();
        let list = columns.join(", ");
        for rows in new.chunks(ROWS) {
            spi::execute(
                &format!(
                    "INSERT INTO travel.alerts (id, rule, geoip_built_at, {list})
                     SELECT id, rule, geoip_built_at, {list}
                     FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json)
                     ORDER BY id"
                ),
                &[json_of(rows)?],
            );
        }
        let of = |table: &str| {
            columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
        };
        for rows in grown.chunks(ROWS) {
            spi::execute(
                &format!(
                    "UPDATE travel.alerts AS a
                     SET ({list}, status, reopened_at, withdrawn_at, updated_at) = ROW ({},
                         CASE WHEN n.reopened_at IS NULL THEN a.status ELSE 'open' END,
                         CASE WHEN n.reopened_at IS NULL THEN a.reopened_at ELSE pg_catalog.now() END,
                         NULL::timestamptz, pg_catalog.now())
                     FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json) AS n
                     WHERE a.id = n.id
                       AND ({}, a.withdrawn_at, NULL::timestamptz) IS DISTINCT FROM ({}, NULL::timestamptz, n.reopened_at)",
                    of("n"),
                    of("a"),
                    of("n"),
                ),
                &[json_of(rows)?],
            );
        }
        self.write_alert_legs(alerts)?;
        Ok(raised)
    }

    /// The verdict of the first leg of each incident.
    fn first_legs(&self, alerts: &Alerts) -> Result<HashMap<String, Columns>, TravelError> {
        let wanted: BTreeSet<&str> = alerts
            .incidents
            .iter()
            .filter_map(|alert| alert.incident.legs.first())
            .map(String::as_str)
            .collect();
        let mut found = HashMap::new();
        for verdict in &self.outcome.verdicts {
            if let Some(leg) =
                verdict.get("leg_id").and_then(Value::as_str).filter(|leg| wanted.contains(leg))
            {
                found.insert(leg.to_owned(), verdict.clone());
            }
        }
        let older: Vec<&str> = wanted.into_iter().filter(|leg| !found.contains_key(*leg)).collect();
        if !older.is_empty() {
            let entities: Vec<&str> = alerts.incidents.iter().map(|alert| &*alert.incident.entity).collect();
            // A verdict that was pruned lives on in its alert.
            let rows = spi::with_settings(&[(c"extra_float_digits", c"1")], || {
                spi::select(
                    "SELECT leg_id, pg_catalog.row_to_json(v)::text, from_time, to_time
                     FROM travel.verdicts AS v
                     WHERE rule = $1 AND leg_id = ANY ($2)
                     UNION ALL
                     SELECT leg_id, pg_catalog.row_to_json(a)::text, from_time, to_time
                     FROM travel.alerts AS a
                     WHERE rule = $1 AND entity = ANY ($3) AND leg_id = ANY ($2)
                       AND NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE v.rule = $1 AND v.leg_id = a.leg_id)",
                    &[text(&self.law.name), texts(&older), texts(&entities)],
                )
            });
            for row in 0..rows.len {
                let stored = rows.text(row, 1)?.unwrap_or_default();
                let mut columns: Columns = serde_json::from_str(stored).map_err(|error| {
                    TravelError::StateUnreadable { rule: self.law.name.clone(), detail: error.to_string() }
                })?;
                // As a verdict that was just given has them, whatever time zone the session has.
                for (name, column) in [("from_time", 2), ("to_time", 3)] {
                    columns.insert(name.to_owned(), json!(rows.i64(row, column).map(utc)));
                }
                found.insert(rows.text(row, 0)?.unwrap_or_default().to_owned(), columns);
            }
        }
        Ok(found)
    }

    fn write_alert_legs(&self, alerts: &Alerts) -> Result<(), TravelError> {
        let mut legs = Vec::new();
        let mut judged = Vec::new();
        for alert in &alerts.incidents {
            for leg in &alert.incident.legs {
                legs.push(json!({"alert_id": alert.id, "leg_id": leg}));
                if let Some(raised) = self.outcome.raised.get(leg) {
                    judged.push(alert_leg(alert.id, leg, raised));
                }
            }
        }
        spi::execute(
            "DELETE FROM travel.alert_legs AS l
             USING (SELECT DISTINCT alert_id FROM pg_catalog.json_populate_recordset(NULL::travel.alert_legs, $1::json)) AS a
             WHERE l.alert_id = a.alert_id
               AND NOT EXISTS (
                   SELECT FROM pg_catalog.json_populate_recordset(NULL::travel.alert_legs, $1::json) AS n
                   WHERE n.alert_id = l.alert_id AND n.leg_id = l.leg_id)",
            &[json_of(&legs)?],
        );
        for rows in judged.chunks(ROWS) {
            spi::execute(
                "INSERT INTO travel.alert_legs
                 SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel.alert_legs, $1::json)
                 ON CONFLICT (alert_id, leg_id) DO UPDATE
                 SET from_known = excluded.from_known, to_known = excluded.to_known,
                     baseline_entity = excluded.baseline_entity
                 WHERE (alert_legs.from_known, alert_legs.to_known, alert_legs.baseline_entity)
                       IS DISTINCT FROM (excluded.from_known, excluded.to_known, excluded.baseline_entity)",
                &[json_of(rows)?],
            );
        }
        Ok(())
    }

    fn write_places(&self) {
        let (mut names, mut countries, mut subdivisions, mut cities, mut states) =
            (vec![], vec![], vec![], vec![], vec![]);
        let (mut first, mut last) = (vec![], vec![]);
        for (name, state) in self.learnt() {
            for place in state.learnt_places(name) {
                names.push(name.clone());
                countries.push(Some(place.place.country_code));
                subdivisions.push(place.place.subdivision);
                cities.push(place.place.city);
                states.push(place.standing.as_str());
                first.push(place.first_seen);
                last.push(place.last_seen);
            }
        }
        let touched = self.touched_baselines();
        if touched.is_empty() {
            return;
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let arguments = [
            text(&self.law.name),
            texts(&touched),
            texts(&names),
            nullable_texts(&countries),
            nullable_texts(&subdivisions),
            nullable_texts(&cities),
            texts(&states),
            (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&first))),
            (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&last))),
        ];
        spi::execute(
            "DELETE FROM travel.known_places AS k
             WHERE k.rule = $1 AND k.baseline_entity = ANY ($2) AND k.origin = 'learnt'
               AND NOT EXISTS (
                   SELECT
                   FROM unnest($3::text[], $4::text[], $5::text[], $6::text[])
                       AS n (baseline_entity, country_code, subdivision, city)
                   WHERE (n.baseline_entity, n.country_code) = (k.baseline_entity, k.country_code)
                     AND n.subdivision IS NOT DISTINCT FROM k.subdivision
                     AND n.city IS NOT DISTINCT FROM k.city)",
            &arguments[..6],
        );
        spi::execute(
            "INSERT INTO travel.known_places AS k
                 (rule, baseline_entity, country_code, subdivision, city, state, origin, first_seen, last_seen)
             SELECT $1, n.baseline_entity, n.country_code, n.subdivision, n.city, n.state, 'learnt', n.first_seen, n.last_seen
             FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
                 AS n (baseline_entity, country_code, subdivision, city, state, first_seen, last_seen)
             WHERE $2::text[] IS NOT NULL
             ON CONFLICT (rule, baseline_entity, country_code, subdivision, city) WHERE origin = 'learnt' DO UPDATE
             SET state = excluded.state, first_seen = excluded.first_seen, last_seen = excluded.last_seen
             WHERE (k.state, k.first_seen, k.last_seen) IS DISTINCT FROM (excluded.state, excluded.first_seen, excluded.last_seen)",
            &arguments,
        );
    }

    fn write_transitions(&self) {
        let touched = self.touched_baselines();
        if touched.is_empty() {
            return;
        }
        let mut names = Vec::new();
        let mut ends: [Vec<Option<Arc<str>>>; 4] = Default::default();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (name, state) in self.learnt() {
            for learnt in state.learnt_transitions(name) {
                names.push(name.clone());
                let (from, to) = (learnt.transition.from, learnt.transition.to);
                for (column, value) in
                    ends.iter_mut().zip([Some(from.country_code), from.city, Some(to.country_code), to.city])
                {
                    column.push(value);
                }
                first.push(learnt.travelled.first_seen);
                last.push(learnt.travelled.last_seen);
            }
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let arguments = [
            text(&self.law.name),
            texts(&touched),
            texts(&names),
            nullable_texts(&ends[0]),
            nullable_texts(&ends[1]),
            nullable_texts(&ends[2]),
            nullable_texts(&ends[3]),
            (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&first))),
            (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&last))),
        ];
        spi::execute(
            "DELETE FROM travel.known_transitions AS k
             WHERE k.rule = $1 AND k.baseline_entity = ANY ($2) AND k.origin = 'learnt'
               AND NOT EXISTS (
                   SELECT
                   FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                       AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city)
                   WHERE (n.baseline_entity, n.from_country_code, n.to_country_code)
                         = (k.baseline_entity, k.from_country_code, k.to_country_code)
                     AND n.from_city IS NOT DISTINCT FROM k.from_city
                     AND n.to_city IS NOT DISTINCT FROM k.to_city)",
            &arguments[..7],
        );
        spi::execute(
            "INSERT INTO travel.known_transitions AS k
                 (rule, baseline_entity, from_country_code, from_city, to_country_code, to_city, origin, first_seen, last_seen)
             SELECT $1, n.baseline_entity, n.from_country_code, n.from_city, n.to_country_code, n.to_city, 'learnt',
                    n.first_seen, n.last_seen
             FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
                 AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city, first_seen, last_seen)
             WHERE $2::text[] IS NOT NULL
             ON CONFLICT (rule, baseline_entity, from_country_code, from_subdivision, from_city,
                          to_country_code, to_subdivision, to_city) WHERE origin = 'learnt' DO UPDATE
             SET first_seen = excluded.first_seen, last_seen = excluded.last_seen
             WHERE (k.first_seen, k.last_seen) IS DISTINCT FROM (excluded.first_seen, excluded.last_seen)",
            &arguments,
        );
    }

    fn touched_baselines(&self) -> Vec<&str> {
        self.baselines.iter().map(|judged| &*judged.name).collect()
    }

    fn learnt(&self) -> impl Iterator<Item = (&Arc<str>, &BaselineState)> {
        self.outcome.state.baselines.iter()
    }

    fn write_states(&self) -> Result<(), TravelError> {
        let outcome = &self.outcome;
        let newest =
            |name: &Arc<str>| outcome.state.entities.get(name).map(|state| (state.judged_until, state));
        let states = StateRows::of(
            &self.entities,
            &outcome.entity_checkpoints,
            &outcome.entities_begun,
            newest,
            self.law.horizon,
        )?;
        states.write(Kind::Entity, &self.law.name, self.pass);
        let newest =
            |name: &Arc<str>| outcome.state.baselines.get(name).map(|state| (state.judged_until, state));
        let states = StateRows::of(
            &self.baselines,
            &outcome.baseline_checkpoints,
            &outcome.baselines_begun,
            newest,
            self.law.horizon,
        )?;
        states.write(Kind::Baseline, &self.law.name, self.pass);
        Ok(())
    }
}

/// An alert that is news.
pub struct Raised {
    pub id: i64,
    pub severity: Severity,
}

#[derive(Default)]
struct Alerts {
    incidents: Vec<Alert>,
    withdrawn: Vec<i64>,
}

struct Alert {
    id: i64,
    is_new: bool,
    reopened: bool,
    incident: Incident,
}

/// The columns of travel.alerts that a scan sets again whenever an alert grows, beside those of the finding.
const ALERT_COLUMNS: [&str; 6] = ["severity", "first_seen", "last_seen", "legs_count", "evidence", "signal"];

impl Alert {
    fn row(&self, law: &Law, first_leg: &Columns, geoip_built_at: Option<Micros>) -> Columns {
        let incident = &self.incident;
        let mut row = first_leg.clone();
        let evidence: Vec<&str> = incident.evidence.iter().map(|evidence| evidence.as_str()).collect();
        let own = [
            ("id", json!(self.id)),
            ("rule", json!(law.name)),
            ("severity", json!(incident.severity.as_str())),
            ("first_seen", json!(utc(incident.first_seen))),
            ("last_seen", json!(utc(incident.last_seen))),
            ("legs_count", json!(incident.legs.len())),
            ("evidence", json!(evidence)),
            ("geoip_built_at", json!(geoip_built_at.map(utc))),
            // Only a mark here: the time is the server's.
            ("reopened_at", json!(self.reopened.then_some("epoch"))),
        ];
        row.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let signal = signal::signal(&row);
        if let Some(template) = &law.message {
            let message = signal::message(&Template::parse(template), &row);
            row.insert("message".to_owned(), json!(message));
        }
        row.insert("signal".to_owned(), signal);
        row
    }
}

fn alert_leg(alert: i64, leg: &str, raised: &RaisedLeg) -> Value {
    let part = |place: &Option<PlaceKey>, of: fn(&PlaceKey) -> Option<Arc<str>>| {
        json!(place.as_ref().and_then(of).as_deref())
    };
    let country = |place: &PlaceKey| Some(place.country_code.clone());
    let subdivision = |place: &PlaceKey| place.subdivision.clone();
    let city = |place: &PlaceKey| place.city.clone();
    json!({
        "alert_id": alert, "leg_id": leg, "to_time": utc(raised.to_time), "baseline_entity": raised.baseline_entity.as_deref(),
        "from_country_code": part(&raised.from, country), "from_subdivision": part(&raised.from, subdivision),
        "from_city": part(&raised.from, city), "from_known": raised.from_known,
        "to_country_code": part(&raised.to, country), "to_subdivision": part(&raised.to, subdivision),
        "to_city": part(&raised.to, city), "to_known": raised.to_known,
    })
}

/// Rows of a table of states that go, and that are new or changed.
#[derive(Default)]
struct StateRows {
    gone: Vec<(Arc<str>, Micros)>,
    put: Vec<StateRow>,
}

struct StateRow {
    name: Arc<str>,
    judged_until: Micros,
    valid_until: Micros,
    judged_from: Micros,
    /// Empty: none.
    state: String,
}

impl StateRows {
    fn of<'s, S: Serialize + 's>(
        judged: &[Judged],
        checkpoints: &[Checkpoint<S>],
        begun: &[(Arc<str>, Micros)],
        newest: impl Fn(&Arc<str>) -> Option<(Micros, &'s S)>,
        horizon: Micros,
    ) -> Result<Self, TravelError> {
        let mut by_member: HashMap<&str, Vec<&Checkpoint<S>>> = HashMap::new();
        for checkpoint in checkpoints {
            by_member.entry(&checkpoint.member).or_default().push(checkpoint);
        }
        let begun: HashMap<&str, Micros> = begun.iter().map(|(name, first)| (&**name, *first)).collect();
        let mut rows = Self::default();
        for member in judged {
            let Some((newest_at, state)) = newest(&member.name) else {
                // No event of it is left.
                rows.gone.extend(member.kept.times.iter().map(|(at, _)| (member.name.clone(), *at)));
                continue;
            };
            let name = || member.name.clone();
            let mut put: BTreeMap<Micros, StateRow> = BTreeMap::new();
            let judged_from = if member.is_whole { member.after } else { Micros::MAX };
            let mut row = |judged_until, valid_until, state| {
                put.insert(
                    judged_until,
                    StateRow { name: name(), judged_until, valid_until, judged_from, state },
                );
            };
            if let Some(first) = begun.get(&*member.name) {
                row(Micros::MIN, *first, String::new());
            }
            for checkpoint in by_member.get(&*member.name).into_iter().flatten() {
                if is_kept(checkpoint.judged_until, checkpoint.valid_until, horizon) {
                    row(checkpoint.judged_until, checkpoint.valid_until, stored(&checkpoint.state)?);
                }
            }
            row(newest_at, Micros::MAX, stored(state)?);
            // Of the rows before, those stay that end before what was judged and are still worth it.
            for (judged_until, valid_until) in &member.kept.times {
                let stays = *valid_until <= member.after
                    && (*judged_until == Micros::MIN || is_kept(*judged_until, *valid_until, horizon));
                if !stays && !put.contains_key(judged_until) {
                    rows.gone.push((name(), *judged_until));
                }
            }
            rows.put.extend(put.into_values());
        }
        Ok(rows)
    }

    fn write(&self, kind: Kind, rule: &str, pass: i64) {
        let (table, column) = (kind.table(), kind.column());
        if !self.gone.is_empty() {
            let names: Vec<&str> = self.gone.iter().map(|(name, _)| &**name).collect();
            let times: Vec<Micros> = self.gone.iter().map(|(_, time)| *time).collect();
            spi::execute(
                &format!(
                    "DELETE FROM {table} AS s
                     USING unnest($2::text[], $3::timestamptz[]) AS g (name, judged_until)
                     WHERE s.rule = $1 AND s.{column} = g.name AND s.judged_until = g.judged_until"
                ),
                &[text(rule), texts(&names), (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&times)))],
            );
        }
        for rows in self.put.chunks(ROWS) {
            let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
            let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
            let times = |of: fn(&StateRow) -> Micros| {
                let times: Vec<Micros> = rows.iter().map(of).collect();
                (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&times)))
            };
            spi::execute(
                &format!(
                    "INSERT INTO {table} (rule, {column}, judged_until, valid_until, pass, judged_from, state)
                     SELECT $1, name, judged_until, valid_until,
                            CASE WHEN valid_until = 'infinity' THEN $6 END,
                            CASE WHEN valid_until = 'infinity' THEN judged_from END, NULLIF(state, '')::json
                     FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $7::text[])
                         AS n (name, judged_until, valid_until, judged_from, state)
                     ON CONFLICT (rule, {column}, judged_until) DO UPDATE
                     SET valid_until = excluded.valid_until, pass = excluded.pass,
                         judged_from = excluded.judged_from, state = excluded.state"
                ),
                &[
                    text(rule),
                    texts(&names),
                    times(|row| row.judged_until),
                    times(|row| row.valid_until),
                    times(|row| row.judged_from),
                    (pg_sys::INT8OID, Some(pg_sys::Datum::from(pass))),
                    texts(&states),
                ],
            );
        }
    }
}

fn stored<S: Serialize + ?Sized>(state: &S) -> Result<String, TravelError> {
    serde_json::to_string(state)
        .map_err(|error| TravelError::StateUnreadable { rule: String::new(), detail: error.to_string() })
}

fn json_of<T: Serialize + ?Sized>(rows: &T) -> Result<spi::Argument, TravelError> {
    Ok(text(&stored(rows)?))
}

fn nullable_texts(values: &[Option<Arc<str>>]) -> spi::Argument {
    let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    (pg_sys::TEXTARRAYOID, Some(array::of_nullable_texts(&values)))
}

fn new_ids(count: usize) -> Vec<i64> {
    if count == 0 {
        return Vec::new();
    }
    let rows = spi::select(
        "SELECT pg_catalog.nextval('travel.alerts_id_seq') FROM pg_catalog.generate_series(1, $1)",
        &[(pg_sys::INT8OID, Some(pg_sys::Datum::from(count as i64)))],
    );
    (0..rows.len).filter_map(|row| rows.i64(row, 0)).collect()
}
