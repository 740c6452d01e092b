//! The rows of `travel.known_places` and `travel.known_transitions` that scans learn (origin `learnt`).

use super::Writer;
use crate::pg::spi::{self, Argument};
use std::sync::Arc;
use travel_core::rule::BaselineState;

impl Writer<'_> {
    /// Writes the locations of the baseline users that were evaluated: known, on trial, or contested.
    pub(super) fn write_places(&self) {
        let (mut names, mut countries, mut subdivisions, mut cities, mut states) =
            (vec![], vec![], vec![], vec![], vec![]);
        let (mut first, mut last) = (vec![], vec![]);
        for (name, state) in self.learned() {
            for place in state.learned_places(name) {
                names.push(name.clone());
                countries.push(Some(place.place.country_code));
                subdivisions.push(place.place.subdivision);
                cities.push(place.place.city);
                states.push(place.state.into_str());
                first.push(place.first_seen);
                last.push(place.last_seen);
            }
        }
        let evaluated = self.evaluated_baselines();
        if evaluated.is_empty() {
            return;
        }
        let arguments = [
            Argument::text(&self.inputs.name),
            Argument::texts(&evaluated),
            Argument::texts(&names),
            Argument::optional_texts(&countries),
            Argument::optional_texts(&subdivisions),
            Argument::optional_texts(&cities),
            Argument::texts(&states),
            Argument::times(&first),
            Argument::times(&last),
        ];
        spi::execute(
            "DELETE FROM travel.known_places
             WHERE place_id IN (
                 SELECT k.place_id
                 FROM unnest($2::text[]) AS m (name)
                 CROSS JOIN LATERAL (
                     SELECT * FROM travel.known_places
                     WHERE rule = $1 AND baseline_entity = m.name AND origin = 'learnt' OFFSET 0
                 ) AS k
                 WHERE NOT EXISTS (
                     SELECT
                     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[])
                         AS n (baseline_entity, country_code, subdivision, city)
                     WHERE (n.baseline_entity, n.country_code) = (k.baseline_entity, k.country_code)
                       AND n.subdivision IS NOT DISTINCT FROM k.subdivision
                       AND n.city IS NOT DISTINCT FROM k.city))",
            &arguments[..6],
        );
        spi::execute(
            "INSERT INTO travel.known_places AS k
                 (rule, baseline_entity, country_code, subdivision, city, state, origin, first_seen, last_seen)
             SELECT $1, n.baseline_entity, n.country_code, n.subdivision, n.city, n.state, 'learnt',
                    n.first_seen, n.last_seen
             FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::timestamptz[], $9::timestamptz[])
                 AS n (baseline_entity, country_code, subdivision, city, state, first_seen, last_seen)
             WHERE $2::text[] IS NOT NULL
             ON CONFLICT (rule, baseline_entity, country_code, subdivision, city) WHERE origin = 'learnt' DO UPDATE
             SET state = excluded.state, first_seen = excluded.first_seen, last_seen = excluded.last_seen
             WHERE (k.state, k.first_seen, k.last_seen)
                 IS DISTINCT FROM (excluded.state, excluded.first_seen, excluded.last_seen)",
            &arguments,
        );
    }

    /// Writes the transitions that the baseline users have traveled.
    pub(super) fn write_transitions(&self) {
        let evaluated = self.evaluated_baselines();
        if evaluated.is_empty() {
            return;
        }
        let mut names = Vec::new();
        let mut ends: [Vec<Option<Arc<str>>>; 4] = Default::default();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (name, state) in self.learned() {
            for learned in state.learned_transitions(name) {
                names.push(name.clone());
                let (from, to) = (learned.transition.from, learned.transition.to);
                for (column, value) in
                    ends.iter_mut().zip([Some(from.country_code), from.city, Some(to.country_code), to.city])
                {
                    column.push(value);
                }
                first.push(learned.traveled.first_seen);
                last.push(learned.traveled.last_seen);
            }
        }
        let arguments = [
            Argument::text(&self.inputs.name),
            Argument::texts(&evaluated),
            Argument::texts(&names),
            Argument::optional_texts(&ends[0]),
            Argument::optional_texts(&ends[1]),
            Argument::optional_texts(&ends[2]),
            Argument::optional_texts(&ends[3]),
            Argument::times(&first),
            Argument::times(&last),
        ];
        spi::execute(
            "DELETE FROM travel.known_transitions
             WHERE transition_id IN (
                 SELECT k.transition_id
                 FROM unnest($2::text[]) AS m (name)
                 CROSS JOIN LATERAL (
                     SELECT * FROM travel.known_transitions
                     WHERE rule = $1 AND baseline_entity = m.name AND origin = 'learnt' OFFSET 0
                 ) AS k
                 WHERE NOT EXISTS (
                     SELECT
                     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                         AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city)
                     WHERE (n.baseline_entity, n.from_country_code, n.to_country_code)
                           = (k.baseline_entity, k.from_country_code, k.to_country_code)
                       AND n.from_city IS NOT DISTINCT FROM k.from_city
                       AND n.to_city IS NOT DISTINCT FROM k.to_city))",
            &arguments[..7],
        );
        spi::execute(
            "INSERT INTO travel.known_transitions AS k
                 (rule, baseline_entity, from_country_code, from_city, to_country_code, to_city, origin,
                  first_seen, last_seen)
             SELECT $1, n.baseline_entity, n.from_country_code, n.from_city, n.to_country_code, n.to_city, 'learnt',
                    n.first_seen, n.last_seen
             FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::timestamptz[], $9::timestamptz[])
                 AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city, first_seen, last_seen)
             WHERE $2::text[] IS NOT NULL
             ON CONFLICT (rule, baseline_entity, from_country_code, from_subdivision, from_city,
                          to_country_code, to_subdivision, to_city) WHERE origin = 'learnt' DO UPDATE
             SET first_seen = excluded.first_seen, last_seen = excluded.last_seen
             WHERE (k.first_seen, k.last_seen) IS DISTINCT FROM (excluded.first_seen, excluded.last_seen)",
            &arguments,
        );
    }

    fn evaluated_baselines(&self) -> Vec<&str> {
        self.baselines.iter().map(|evaluated| &*evaluated.name).collect()
    }

    fn learned(&self) -> impl Iterator<Item = (&Arc<str>, &BaselineState)> {
        self.results.state.baselines.iter()
    }
}
