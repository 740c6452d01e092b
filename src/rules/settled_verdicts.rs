//! Verdicts that stand: those between the states from which members are evaluated again and the time from which they are.

use super::checkpoints::{MemberKind, TIMESTAMPTZ_ARRAY};
use super::definition::{text, texts};
use super::evaluation::{EvaluationInputs, RaisedLeg};
use super::reevaluation::Reevaluation;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Rows};
use crate::pg::types::Type;
use pgrx::pg_sys;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use travel_core::rule::{DecidedLeg, Evidence, Micros, PlaceKey, SettledByEntity, SettledVerdicts};

/// What stands of some entities.
#[derive(Debug, Default)]
pub struct SettledHistory {
    pub pasts: SettledByEntity,
    /// The raised legs of them, by id.
    pub raised: HashMap<String, RaisedLeg>,
}

/// What stands of these members, in order of arrival. Legs that arrive in one second follow each other by the addresses
/// or the coordinates at which they do, as events do.
pub fn load(inputs: &EvaluationInputs, histories: &Reevaluation) -> Result<SettledHistory, TravelError> {
    let mut stands = SettledHistory::default();
    let (mut names, mut cuts, mut until) = (Vec::new(), Vec::new(), Vec::new());
    let edition = Some(inputs.edition);
    for (member, again) in histories.members() {
        if member.kind != MemberKind::Entity || again.cut == again.from {
            continue;
        }
        names.push(&*member.name);
        cuts.push(again.cut);
        until.push(again.from);
        // All that stands is of the edition of its states; later, as its verdicts say.
        let other_until = if member.kept.is_of(inputs.edition) { Micros::MIN } else { again.from };
        let past = SettledVerdicts {
            pruned_before: inputs.pruned_before,
            until: again.from,
            other_until,
            ..SettledVerdicts::default()
        };
        stands.pasts.insert(member.name.clone(), past);
    }
    if names.is_empty() {
        return Ok(stands);
    }
    let times = |times: &[Micros]| (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(times)));
    let rows = spi::select(
        "SELECT v.entity, v.leg_id, v.to_time, v.raised,
                v.from_country_code, v.from_subdivision, v.from_city, v.to_country_code, v.to_subdivision, v.to_city,
                l.downgraded, l.evidence, l.baseline_entity, l.from_known, l.to_known, a.leg_id <> v.leg_id,
                v.edition
         FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS e (entity, cut, until)
         JOIN travel.verdicts AS v
             ON v.rule = $1 AND v.entity = e.entity AND v.to_time > e.cut AND v.to_time <= e.until AND v.to_time >= $5
         LEFT JOIN travel_internal.alert_legs AS l ON l.alert_id = v.alert_id AND l.leg_id = v.leg_id
         LEFT JOIN travel.alerts AS a ON a.id = v.alert_id
         ORDER BY v.to_time, v.to_ip, v.to_latitude, v.to_longitude",
        &[
            text(&inputs.name),
            texts(&names),
            times(&cuts),
            times(&until),
            (pg_sys::TIMESTAMPTZOID, Some(pg_sys::Datum::from(inputs.pruned_before))),
        ],
    );
    for row in 0..rows.len {
        let name = |column| Ok::<_, TravelError>(rows.text(row, column)?.map(Arc::<str>::from));
        let (Some(entity), Some(leg_id), Some(to_time)) = (name(0)?, rows.text(row, 1)?, rows.i64(row, 2))
        else {
            continue;
        };
        let given = DecidedLeg {
            entity,
            leg_id: leg_id.to_owned(),
            to_time,
            from: place(&rows, row, 4)?.map(|place| place.under(inputs.settings.learn)),
            to: place(&rows, row, 7)?.map(|place| place.under(inputs.settings.learn)),
            raised: rows.bool(row, 3) == Some(true),
            downgraded: rows.bool(row, 10) == Some(true),
            evidence: evidence(&rows, row, 11)?,
            // An alert shows its first leg.
            joined: rows.bool(row, 15),
            other_edition: Some(rows.i64(row, 16)).filter(|of| *of != edition).map(Option::unwrap_or_default),
        };
        if given.raised {
            let leg = RaisedLeg {
                downgraded: given.downgraded,
                evidence: given.evidence.clone(),
                to_time,
                baseline_entity: name(12)?,
                from: given.from.clone(),
                from_known: rows.bool(row, 13) == Some(true),
                to: given.to.clone(),
                to_known: rows.bool(row, 14) == Some(true),
            };
            stands.raised.insert(given.leg_id.clone(), leg);
        }
        if let Some(past) = stands.pasts.get_mut(&given.entity) {
            if given.other_edition.is_some() {
                past.other_until = past.other_until.max(to_time);
            }
            past.verdicts.push_back(given);
        }
    }
    Ok(stands)
}

fn place(rows: &Rows, row: usize, first: usize) -> Result<Option<PlaceKey>, TravelError> {
    let part = |column| Ok::<_, TravelError>(rows.text(row, column)?.map(Arc::<str>::from));
    let Some(country_code) = part(first)? else { return Ok(None) };
    Ok(Some(PlaceKey { country_code, subdivision: part(first + 1)?, city: part(first + 2)? }))
}

fn evidence(rows: &Rows, row: usize, column: usize) -> Result<BTreeSet<Evidence>, TravelError> {
    let Some(names) = rows.get(row, column, Type::TextArray) else { return Ok(BTreeSet::new()) };
    // SAFETY: the column is a text[], as `get` checked.
    let names = unsafe { array::texts(names) }?;
    Ok(names.into_iter().flatten().filter_map(|name| Evidence::from_name(&name)).collect())
}
