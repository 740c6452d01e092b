//! The columns of a finding, as SQL over the legs with the events at both of their ends.

use super::leg_ends::shown_name;
use super::legs::Query;
use super::place::LocationType;
use pgrx::pg_sys;
use travel_core::columns::{End, EventLabel, FINDING, FindingColumn, PlaceField, ValueOf};

/// The labels that the message shows.
pub(super) const CREDENTIAL: [EventLabel; 4] =
    [EventLabel::AccessKeyId, EventLabel::IdentityType, EventLabel::SessionName, EventLabel::UserName];

impl Query<'_> {
    /// The last part of the query, whose rows are the result. It reads the part `arrivals` or `findings`.
    pub(super) fn findings(&self) -> String {
        let select: Vec<String> = FINDING
            .iter()
            .map(|column| match self.value(column) {
                same if same == format!("l.{}", column.name) => same,
                value => format!("{value} AS {}", column.name),
            })
            .collect();
        let from = if self.is_by_entity() { "findings" } else { "arrivals" };
        format!("SELECT {}\nFROM {from} AS l", select.join(",\n       "))
    }

    /// A column of a finding, as SQL over one of these parts. A label that is a column of the entity is read from that
    /// column, so a condition on it reaches the source.
    fn value(&self, column: &FindingColumn) -> String {
        if self.is_by_entity() {
            let own = match column.value {
                ValueOf::Entity => Some(self.entity()),
                ValueOf::Arrival(label) => self.own_label(label.into_str()),
                _ => None,
            };
            return own.unwrap_or_else(|| format!("l.{}", column.name));
        }
        match column.value {
            ValueOf::LegId => self.leg_id(),
            ValueOf::Entity => self.entity(),
            ValueOf::Arrival(label) => self.of_event(End::To, label.into_str()),
            ValueOf::Label(end, label) => self.label(end, label.into_str()),
            ValueOf::Place(end, field) => self.place(end, field),
            ValueOf::Time(_) | ValueOf::Address(_) | ValueOf::Measure(_) => format!("l.{}", column.name),
            ValueOf::TravelTime => "travel_internal.travel_time(l.elapsed_seconds)".to_owned(),
            ValueOf::Message => self.message(),
        }
    }

    fn entity(&self) -> String {
        self.events.entity(&self.keys.iter().map(|key| format!("l.{key}")).collect::<Vec<_>>())
    }

    fn leg_id(&self) -> String {
        let entity = self.entity();
        match self.events.location_type {
            LocationType::Address => {
                format!("travel_internal.leg_id({entity}, l.from_time, l.from_ip, l.to_time, l.to_ip)")
            }
            LocationType::Coordinates => format!(
                "travel_internal.leg_id({entity}, l.from_time, l.from_latitude, l.from_longitude, \
                 l.to_time, l.to_latitude, l.to_longitude)"
            ),
        }
    }

    /// A fact about the place of one end. A source with coordinates names its places itself, and its radii are part of
    /// a leg only where they are evaluated.
    fn place(&self, end: End, field: PlaceField) -> String {
        let own = PlaceField::SUPPLIED.contains(&field)
            || (field == PlaceField::AccuracyKm && !self.evaluates_radii());
        if own && self.events.location_type == LocationType::Coordinates {
            self.label(end, field.into_str())
        } else {
            format!("l.{}_{}", end.into_str(), field.into_str())
        }
    }

    fn message(&self) -> String {
        format!(
            "travel_internal.finding_message({}, {},\n           {},\n           \
             {}, {}, l.from_latitude, l.from_longitude, {}, {}, l.to_latitude, l.to_longitude,\n           \
             l.elapsed_seconds, l.distance_km, l.velocity_kmh, l.impossible)",
            self.entity(),
            self.credential(End::From),
            self.credential(End::To),
            self.place(End::From, PlaceField::City),
            self.place(End::From, PlaceField::Country),
            self.place(End::To, PlaceField::City),
            self.place(End::To, PlaceField::Country),
        )
    }

    /// What the message says of the credential of the event at one end.
    fn credential(&self, end: End) -> String {
        let [key, identity_type, session_name, user_name] =
            CREDENTIAL.map(|label| self.of_event(end, label.into_str()));
        format!("{key}, {identity_type}, coalesce({session_name}, {user_name})")
    }

    /// A label of the event at one end, as text. It is read from the column of the entity, if it is one.
    fn of_event(&self, end: End, name: &str) -> String {
        self.own_label(name).unwrap_or_else(|| self.label(end, name))
    }

    /// A label that is a column of the entity, as text.
    fn own_label(&self, name: &str) -> Option<String> {
        let (key, column) = self.events.keys.iter().zip(&self.keys).find(|(key, _)| key.name == name)?;
        Some(if key.oid == pg_sys::TEXTOID { format!("l.{column}") } else { format!("l.{column}::text") })
    }

    fn label(&self, end: End, name: &str) -> String {
        if self.has(name) {
            format!("l.{}", shown_name(end, name))
        } else if name == "accuracy_km" {
            "NULL::float8".to_owned()
        } else {
            "NULL::text".to_owned()
        }
    }
}
