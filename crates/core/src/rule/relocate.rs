//! Relocates kept states after the place data changed.
//!
//! An edition is what addresses are located by: the GeoIP databases and the named networks. A leg that begins in one
//! edition and ends in another is not travel, so the addresses in a state of another edition are looked up again before
//! the state is used. If the source still has the whole history, the scan reads the history again instead. That is more
//! accurate, because a state holds only the last address of each location.

use super::address_class::AddressClass;
use super::baseline::{BaselineState, PlaceRecord, PlaceState, trial_from};
use super::evaluate::EntityState;
use super::event::{EvaluatedEvent, Treatment};
use super::place_key::{PlaceKey, Transition};
use super::settings::{Learn, Micros, Rule};
use crate::geodesy::Coordinates;
use crate::journey::Stop;
use crate::place::{Anonymizer, Carrier};
use crate::site::Site;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the present edition says of an address at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentLocation {
    pub coordinates: Coordinates,
    pub accuracy_km: Option<f64>,
    pub country: Option<Arc<str>>,
    pub country_code: Option<Arc<str>>,
    pub subdivision: Option<Arc<str>>,
    pub city: Option<Arc<str>>,
    pub anonymizer: Option<Anonymizer>,
    /// Whose machines they are.
    pub hosting: Option<Arc<str>>,
    pub carrier: Option<Carrier>,
    pub asn: Option<i64>,
    pub as_organization: Option<Arc<str>>,
    pub treatment: Option<Treatment>,
    /// The named networks that say the treatment and whose machines they are.
    pub network: Option<Arc<str>>,
    pub hosting_network: Option<Arc<str>>,
}

impl CurrentLocation {
    fn class(&self, rule: &Rule) -> AddressClass {
        AddressClass::of_address(self.treatment, self.anonymizer, self.hosting.is_some(), self.carrier, rule)
    }

    /// The place that events there teach of; none: they teach nothing.
    fn teaches(&self, rule: &Rule) -> Option<PlaceKey> {
        if self.class(rule) != AddressClass::Ordinary
            || (rule.learn == Learn::Proven && self.anonymizer.is_some())
        {
            return None;
        }
        let place = PlaceKey {
            country_code: self.country_code.clone()?,
            subdivision: self.subdivision.clone(),
            city: self.city.clone(),
        };
        Some(place.under(rule.learn))
    }
}

impl EvaluatedEvent {
    /// The event where its address is now.
    pub fn at(self, location: CurrentLocation) -> Self {
        let mut event = self;
        event.coordinates = location.coordinates;
        event.accuracy_km = location.accuracy_km;
        event.country_code = location.country_code;
        event.subdivision = location.subdivision;
        event.city = location.city;
        event.anonymizer = location.anonymizer;
        event.hosting = location.hosting.is_some();
        event.carrier = location.carrier;
        event.asn = location.asn;
        event.treatment = location.treatment;
        let details = Arc::make_mut(&mut event.details);
        details.country = location.country;
        details.as_organization = location.as_organization;
        details.hosting = location.hosting;
        details.network = location.network;
        details.hosting_network = location.hosting_network;
        event
    }
}

impl EntityState {
    /// The state under the present edition, which `look_up` answers for. The next leg starts where the last ordinary
    /// event is now, or nowhere if it is no longer located or no longer ordinary. The open incident stays; the legs
    /// that crossed between places are forgotten, as they have no addresses.
    pub fn relocated<E>(
        self,
        rule: &Rule,
        mut look_up: impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, E>,
    ) -> Result<Self, E> {
        let Self { evaluated_until, last, mut grouping } = self;
        let last = match last {
            Some(event) if event.site.address().is_some() => {
                look_up(event.site, event.time)?.map(|location| event.at(location))
            }
            // Coordinates are what they are.
            last => return Ok(Self { evaluated_until, last, grouping }),
        };
        grouping.crossings.clear();
        let last = last.filter(|event| AddressClass::of(event, rule) == AddressClass::Ordinary);
        Ok(Self { evaluated_until, last, grouping })
    }
}

impl BaselineState {
    /// The state under the present edition, which `look_up` answers for. A place whose last address is elsewhere now
    /// moves there: known it stays known, on trial it takes its trial along, and a contested one begins a new trial, as
    /// what contested it was of the other edition. Of places that become one, the stronger state stays. A place
    /// whose last address is no longer located, or teaches nothing any more, stays what it is; only its trial ends.
    pub fn relocated<E>(
        self,
        rule: &Rule,
        mut look_up: impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, E>,
    ) -> Result<Self, E> {
        let Self { evaluated_until, first_event, last_event, places, transitions, anchor, after_anchor } =
            self;
        let anchor = match anchor {
            Some(stop) => relocated_stop(stop, rule, &mut look_up)?.map(|now| now.stop),
            None => None,
        };
        let mut moved: BTreeMap<PlaceKey, PlaceKey> = BTreeMap::new();
        let mut after = Self {
            evaluated_until,
            first_event,
            last_event,
            places: BTreeMap::new(),
            transitions: BTreeMap::new(),
            anchor,
            after_anchor: BTreeSet::new(),
        };
        for (place, record) in places {
            let was_after_anchor = after_anchor.contains(&place);
            let Some(Relocated { stop: last, place: now }) = relocated_stop(record.last, rule, &mut look_up)?
            else {
                if !matches!(record.state, PlaceState::Trial { .. }) {
                    after.take_in(place, record, false);
                }
                continue;
            };
            let now = now.unwrap_or_else(|| place.clone());
            let is_moved = now != place;
            let state = match record.state {
                PlaceState::Contested { .. } if is_moved => trial_from(last.time_us),
                state => state,
            };
            let begins_anew = state != record.state;
            let is_after = was_after_anchor
                || (begins_anew && anchor.is_none_or(|anchor| anchor.time_us < last.time_us));
            after.take_in(now.clone(), PlaceRecord { state, last, ..record }, is_after);
            if is_moved {
                moved.insert(place, now);
            }
        }
        for (transition, traveled) in transitions {
            let now = |place: PlaceKey| moved.get(&place).cloned().unwrap_or(place);
            let transition = Transition { from: now(transition.from), to: now(transition.to) };
            if transition.from != transition.to {
                let merged = after.transitions.entry(transition).or_insert(traveled);
                merged.first_seen = merged.first_seen.min(traveled.first_seen);
                merged.last_seen = merged.last_seen.max(traveled.last_seen);
            }
        }
        Ok(after)
    }

    /// Takes in a place, which another record may already be of.
    fn take_in(&mut self, place: PlaceKey, record: PlaceRecord, is_after_anchor: bool) {
        let merged = match self.places.get(&place) {
            Some(other) => PlaceRecord {
                state: stronger(other.state, record.state),
                first_seen: other.first_seen.min(record.first_seen),
                last: if other.last.time_us < record.last.time_us { record.last } else { other.last },
            },
            None => record,
        };
        let is_on_trial = matches!(merged.state, PlaceState::Trial { .. });
        if is_after_anchor {
            self.after_anchor.insert(place.clone());
        }
        if !is_on_trial {
            self.after_anchor.remove(&place);
        }
        self.places.insert(place, merged);
    }
}

/// A stop where its address is now.
struct Relocated {
    stop: Stop<()>,
    /// The location that the stop teaches. `None` for a source with coordinates, which do not depend on the edition.
    place: Option<PlaceKey>,
}

/// Looks up a stop again. `None` if its address is no longer located or no longer teaches the baseline.
fn relocated_stop<E>(
    stop: Stop<()>,
    rule: &Rule,
    look_up: &mut impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, E>,
) -> Result<Option<Relocated>, E> {
    if stop.site.address().is_none() {
        return Ok(Some(Relocated { stop, place: None }));
    }
    let Some(location) = look_up(stop.site, stop.time_us)? else { return Ok(None) };
    let place = location.teaches(rule);
    if place.is_none() {
        return Ok(None);
    }
    let CurrentLocation { coordinates, accuracy_km, .. } = location;
    Ok(Some(Relocated { stop: Stop { coordinates, accuracy_km, ..stop }, place }))
}

/// Returns the stronger of two states: known, then contested, then on trial. Of two equal states it returns the
/// older one; of two trials, the one with more days.
fn stronger(a: PlaceState, b: PlaceState) -> PlaceState {
    let rank = |state: &PlaceState| match state {
        PlaceState::Known { .. } => (2, 0),
        PlaceState::Contested { .. } => (1, 0),
        PlaceState::Trial { days, .. } => (0, *days),
    };
    match rank(&a).cmp(&rank(&b)) {
        std::cmp::Ordering::Less => b,
        std::cmp::Ordering::Greater => a,
        std::cmp::Ordering::Equal => std::cmp::min_by_key(a, b, |state| state.since()),
    }
}
