//! The verdicts of the model: the reasons and the evidence of each leg.

use super::suppression::fits;
use super::{Model, ModelVerdict, Place};
use travel_core::place::Anonymizer;
use travel_core::rule::settings::DAY;
use travel_core::rule::{KnownItem, Learn, Treatment};
use travel_core::site::SiteKind;

impl Model<'_> {
    pub(super) fn verdict(&self, from: usize, to: usize) -> ModelVerdict {
        let (a, b) = (self.events[from], self.events[to]);
        let tor = [a, b].iter().any(|end| end.anonymizer == Some(Anonymizer::Tor));
        let one_as = a.asn.is_some() && a.asn == b.asn;
        let mut reasons = Vec::new();
        if self.rule.raise_from.is_some_and(|raise_from| b.time < raise_from) {
            reasons.push("before_raise_from");
        }
        let (mut from_known, mut to_known, mut new_country) = (false, false, false);
        if let Some(of) = self.baseline_entity(to) {
            let known = |place: Option<Place>| {
                place.is_some_and(|place| {
                    self.known(&of, &place, to, b.time) || self.row_holds(&of, &place, b.time)
                })
            };
            from_known = known(self.place(from));
            to_known = known(self.place(to));
            new_country = b.country_code.as_ref().is_some_and(|country| {
                let learned = self.places(&of).into_iter().filter(|place| *place.0 == **country);
                let row = self
                    .rows_in_force(&of, b.time)
                    .any(|known| matches!(known, KnownItem::Place(key) if key.country_code == *country));
                !row && !learned.into_iter().any(|place| self.known(&of, &place, to, b.time))
            });
            if self.learning(&of, b.time) {
                reasons.push("learning");
            }
            if to_known && (from_known || self.rule.learn == Learn::Encountered) {
                reasons.push("known_place");
            }
            if let Some((p, q)) = self.place(from).zip(self.place(to)) {
                let row = self.rows_in_force(&of, b.time).any(|known| match known {
                    KnownItem::Transition(pair) => {
                        self.place_of_row(&pair.from) == p && self.place_of_row(&pair.to) == q
                    }
                    KnownItem::Place(_) => false,
                });
                if row || self.travels(&of, &p, &q, to).iter().any(|then| b.time - then <= 180 * DAY) {
                    reasons.push("known_transition");
                }
            }
        }
        if a.treatment == Some(Treatment::Trusted) && b.treatment == Some(Treatment::Trusted) {
            reasons.push("trusted_network");
        }
        reasons.extend(self.passing(to).into_iter().filter(|why| *why == "vpn" || !tor));
        if self.rule.ignored.same_asn && one_as && !tor {
            reasons.push("same_asn");
        }
        let mut suppressions: Vec<i64> =
            self.suppressions.iter().filter(|row| fits(row, a, b)).map(|row| row.id).collect();
        suppressions.sort_unstable();
        if !suppressions.is_empty() {
            reasons.push("suppressed");
        }
        let networks = [
            ("vpn", &b.details.network),
            ("trusted_network", &a.details.network),
            ("trusted_network", &b.details.network),
            ("hosting", &b.details.hosting_network),
        ];

        let hosts = usize::from(a.hosting) + usize::from(b.hosting);
        let carrier = a.carrier.is_some() || b.carrier.is_some();
        let downgraded = self.rule.downgraded;
        let key = b.access_key_id.as_deref().unwrap_or("");
        let evidence = [
            ("new_country", new_country),
            (
                "user_agent_changed",
                matches!((&a.user_agent, &b.user_agent), (Some(before), Some(after)) if before != after),
            ),
            (
                "no_mfa",
                b.mfa_used == Some(false)
                    && (key.starts_with("ASIA") || b.event_name.as_deref() == Some("ConsoleLogin")),
            ),
            ("long_term_key", key.starts_with("AKIA")),
            ("root", b.identity_type.as_deref() == Some("Root")),
            ("tor", tor),
            ("hosting_one_side", hosts == 1),
            ("hosting_both", hosts == 2),
            ("carrier", carrier),
            ("same_asn", one_as),
            ("dual_stack", a.site.kind() != b.site.kind() && a.site.kind() != SiteKind::Coordinates),
        ];
        ModelVerdict {
            entity: b.entity.to_string(),
            from: (a.time, a.site),
            to: (b.time, b.site),
            networks: networks
                .into_iter()
                .filter(|(reason, _)| reasons.contains(reason))
                .filter_map(|(_, name)| name.as_deref().map(str::to_owned))
                .collect(),
            reasons,
            suppressions,
            evidence: evidence.into_iter().filter(|(_, details)| *details).map(|(name, _)| name).collect(),
            downgraded: !tor
                && ((downgraded.anonymizer && (a.anonymizer.is_some() || b.anonymizer.is_some()))
                    || (downgraded.hosting && hosts > 0)
                    || (downgraded.carrier && carrier)
                    || (downgraded.same_asn && one_as)),
            from_known,
            to_known,
        }
    }
}
