//! The settled verdicts of members that are evaluated again: those between the checkpoint from which a member resumes
//! and the time after which its events are evaluated.

use super::checkpoints::MemberKind;
use super::evaluation::{EvaluationInputs, RaisedLeg};
use super::reevaluation::Reevaluation;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, QueryRow};
use std::collections::HashMap;
use travel_core::rule::{DecidedLeg, Evidence, Micros, PlaceKey, SettledByEntity, SettledVerdicts};

/// The settled verdicts of some entities.
#[derive(Debug, Default)]
pub struct SettledHistory {
    pub verdicts: SettledByEntity,
    /// The raised legs among them, by id.
    pub raised: HashMap<String, RaisedLeg>,
}

/// Loads the settled verdicts of these members, in order of arrival. Legs that arrive in the same second are in the
/// order of the addresses or coordinates at which they arrive, as events are.
pub fn load(inputs: &EvaluationInputs, reevaluation: &Reevaluation) -> Result<SettledHistory, TravelError> {
    let mut history = SettledHistory::default();
    let (mut names, mut cuts, mut until) = (Vec::new(), Vec::new(), Vec::new());
    for (member, restart) in reevaluation.members() {
        if member.kind != MemberKind::Entity || restart.cut == restart.after {
            continue;
        }
        names.push(&*member.name);
        cuts.push(restart.cut);
        until.push(restart.after);
        // If its checkpoints are of another edition, so may its verdicts be. Otherwise each verdict says so itself.
        let is_current = member.checkpoints.is_current(inputs.edition);
        let settled = SettledVerdicts {
            pruned_before: inputs.pruned_before,
            until: restart.after,
            other_until: if is_current { Micros::MIN } else { restart.after },
            ..SettledVerdicts::default()
        };
        history.verdicts.insert(member.name.clone(), settled);
    }
    if names.is_empty() {
        return Ok(history);
    }
    let rows = spi::select(
        "SELECT v.entity, v.leg_id, v.to_time, v.raised,
                v.from_country_code, v.from_subdivision, v.from_city, v.to_country_code, v.to_subdivision, v.to_city,
                l.downgraded, l.evidence, l.baseline_entity, l.from_known, l.to_known,
                a.leg_id <> v.leg_id AS joined, v.edition
         FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS e (entity, cut, until)
         CROSS JOIN LATERAL (
             SELECT * FROM travel.verdicts
             WHERE rule = $1 AND entity = e.entity AND to_time > e.cut AND to_time <= e.until AND to_time >= $5 OFFSET 0
         ) AS v
         LEFT JOIN travel_internal.alert_legs AS l ON l.alert_id = v.alert_id AND l.leg_id = v.leg_id
         LEFT JOIN travel.alerts AS a ON a.id = v.alert_id
         ORDER BY v.to_time, v.to_ip, v.to_latitude, v.to_longitude",
        &[
            Argument::text(&inputs.name),
            Argument::texts(&names),
            Argument::times(&cuts),
            Argument::times(&until),
            Argument::time(inputs.pruned_before),
        ],
    );
    spi::columns!(rows => entity, leg_id, to_time, raised, downgraded, evidence, baseline_entity, from_known, to_known);
    spi::columns!(rows => from_country_code, from_subdivision, from_city, to_country_code, to_subdivision, to_city);
    spi::columns!(rows => joined, edition);
    let learn = inputs.settings.learn;
    for row in rows.iter() {
        pgrx::check_for_interrupts!();
        let (Some(entity), Some(leg_id), Some(to_time)) =
            (row.shared_text(entity)?, row.string(leg_id)?, row.i64(to_time))
        else {
            continue;
        };
        let from = place(row, from_country_code, from_subdivision, from_city)?;
        let to = place(row, to_country_code, to_subdivision, to_city)?;
        let edition = row.i64(edition);
        let leg = DecidedLeg {
            entity,
            leg_id,
            to_time,
            from: from.map(|place| place.under(learn)),
            to: to.map(|place| place.under(learn)),
            raised: row.is_true(raised),
            downgraded: row.is_true(downgraded),
            evidence: row.texts(evidence)?.iter().filter_map(|name| name.parse::<Evidence>().ok()).collect(),
            // An alert shows its first leg. Any other leg joined it.
            joined: row.bool(joined),
            other_edition: (edition != Some(inputs.edition)).then_some(edition.unwrap_or_default()),
        };
        if leg.raised {
            let stored = RaisedLeg {
                downgraded: leg.downgraded,
                evidence: leg.evidence.clone(),
                to_time,
                baseline_entity: row.shared_text(baseline_entity)?,
                from: leg.from.clone(),
                from_known: row.is_true(from_known),
                to: leg.to.clone(),
                to_known: row.is_true(to_known),
                verdict: None,
            };
            history.raised.insert(leg.leg_id.clone(), stored);
        }
        if let Some(settled) = history.verdicts.get_mut(&leg.entity) {
            if leg.other_edition.is_some() {
                settled.other_until = settled.other_until.max(to_time);
            }
            settled.verdicts.push_back(leg);
        }
    }
    Ok(history)
}

fn place(
    row: QueryRow,
    country_code: Column,
    subdivision: Column,
    city: Column,
) -> Result<Option<PlaceKey>, TravelError> {
    let Some(country_code) = row.shared_text(country_code)? else { return Ok(None) };
    let (subdivision, city) = (row.shared_text(subdivision)?, row.shared_text(city)?);
    Ok(Some(PlaceKey { country_code, subdivision, city }))
}
