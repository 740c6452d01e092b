//! The events at the ends of the legs, as parts of the query of the findings.

use super::legs::{CREDENTIAL, Query};
use super::place::LocationType;
use crate::pg::whole_groups::LOOK_UP;
use pgrx::pg_sys;
use std::fmt::Write;
use travel_core::columns::{End, EventLabel, FINDING, PlaceField, ValueOf};

/// How the query finds the events at the ends of the legs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// By look-ups: one for each entity with addresses, otherwise one for each end of a leg. An index leads from the entity
    /// and the time to the events.
    LookUps,
    /// By joins. The planner decides how.
    Joins,
    /// All in one pass over the source.
    OnePass,
    /// All in one pass over a source whose rows are on the nodes of Citus.
    OnePassOnNodes,
}

impl Ends {
    /// Whether all legs must be complete before the events are read.
    pub fn need_all_legs(self) -> bool {
        matches!(self, Self::OnePass | Self::OnePassOnNodes)
    }
}

/// The row that stands for all of one event is the first in this order.
const ORDER: [&str; 5] = ["event_id", "event_name", "access_key_id", "user_agent", "outcome"];

impl Query<'_> {
    /// The parts of the query that add the events at the ends to the legs, up to the arrivals.
    pub(super) fn with_ends(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.ends == Ends::OnePass {
            parts.push(format!("ends_of_legs AS MATERIALIZED (\n    {}\n)", self.ends_of_legs()));
        }
        if self.ends.need_all_legs() {
            parts.push(format!(
                "ends AS MATERIALIZED (\n    -- the events at their ends, read in one pass\n    {}\n)",
                if self.ends == Ends::OnePass { self.ends_here() } else { self.ends_on_nodes() },
            ));
        }
        let both = match self.ends {
            Ends::LookUps if self.look_up_by_entity() => Some(self.with_pairs_of_events()),
            Ends::LookUps => Some(self.with_look_ups()),
            Ends::OnePass => Some(self.with_ends_of_pass()),
            Ends::Joins | Ends::OnePassOnNodes => None,
        };
        if let Some(both) = both {
            parts.push(format!(
                "arrivals AS NOT MATERIALIZED (\n    -- with the events at both of their ends\n    {both}\n)"
            ));
        } else {
            parts.push(format!(
                "departures AS NOT MATERIALIZED (\n    -- with the event that each leg starts from\n    {}\n)",
                self.with_end(End::From, "legs"),
            ));
            parts.push(format!(
                "arrivals AS NOT MATERIALIZED (\n    -- and the event that it leads to\n    {}\n)",
                self.with_end(End::To, "departures"),
            ));
        }
        parts
    }

    /// The filter for the events at the ends.
    fn ends_of_legs(&self) -> String {
        format!(
            "SELECT travel_internal.ends({}, l.from_time, l.to_time) AS filter FROM legs AS l",
            self.text_key("l")
        )
    }

    /// The events at the ends of the legs, each once, and a few others: what joins them to the legs compares them again.
    /// Workers cannot read the legs, but they get the filter. Without legs there is none, and the source is not read.
    fn ends_here(&self) -> String {
        let filter = "(SELECT filter FROM ends_of_legs)";
        // The time comes first because it is compared fastest.
        let mut identity = vec!["e.event_time".to_owned()];
        identity.extend(self.keys.iter().map(|key| format!("e.{key}")));
        identity.extend(match self.events.location_type {
            LocationType::Address => vec!["travel.source_ip(e.address)".to_owned()],
            LocationType::Coordinates => vec!["e.latitude".to_owned(), "e.longitude".to_owned()],
        });
        let identity = identity.join(", ");
        format!(
            "SELECT DISTINCT ON ({identity})\n           e.*\n    FROM events AS e\n    \
             WHERE {filter} IS NOT NULL\n      \
             AND travel_internal.may_be_end({filter}, {}, e.event_time)\n    ORDER BY {}",
            self.text_key("e"),
            self.order_after(&identity),
        )
    }

    /// The events of the entities at the times of their legs. Citus sends the legs to the nodes, but not a filter: its
    /// subquery has no rows there.
    fn ends_on_nodes(&self) -> String {
        let keys = self.keys.join(", ");
        let columns = self.keys.iter().map(String::as_str).chain(["event_time"]);
        let matches: Vec<String> = columns.map(|name| format!("l.{name} = e.{name}")).collect();
        format!(
            "SELECT e.*\n    FROM events AS e\n    WHERE EXISTS (\n        SELECT\n        FROM (\n            \
             SELECT {keys}, from_time AS event_time FROM legs\n            UNION ALL\n            \
             SELECT {keys}, to_time FROM legs\n        ) AS l\n        WHERE {}\n    )",
            matches.join(" AND "),
        )
    }

    /// What the filter knows of the entity, as text. Values of other types would have to be converted for each row, so
    /// it then knows only the time.
    fn text_key(&self, table: &str) -> String {
        let keys = self.events.keys.iter().zip(&self.keys);
        keys.rev()
            .find(|(key, _)| key.oid == pg_sys::TEXTOID)
            .map_or_else(|| "''".to_owned(), |(_, name)| format!("{table}.{name}"))
    }

    /// Returns whether one look-up per entity finds the events at the ends of all of its legs. It collects the labels as
    /// arrays of text.
    fn look_up_by_entity(&self) -> bool {
        self.ends == Ends::LookUps
            && self.events.location_type == LocationType::Address
            && !self.names_of_ends().is_empty()
    }

    /// Returns the look-ups of the events at the ends of all legs of an entity `j`, as joins, and the function that returns each
    /// of its legs, with the events if they are looked up by the entity. Each look-up is a subquery with one row. In a
    /// parallel plan, the workers run the look-ups.
    ///
    /// If the aggregate knows where the rows are, they are fetched from there. The index is searched if their positions are
    /// not known, or if not all rows were found there because an update has moved a row within its page.
    pub(super) fn look_ups_of_entity(&self) -> (String, String) {
        let each_leg = "travel_internal.each_leg(j.legs)";
        if !self.look_up_by_entity() {
            return (String::new(), each_leg.to_owned());
        }
        let labels: Vec<String> = self.names_of_ends().iter().map(|name| format!("e.{name}")).collect();
        let collected = format!(
            "travel_internal.events_of_legs(e.event_time, travel.source_ip(e.address),\n               ARRAY[{}])",
            labels.join(", ")
        );
        let keys: Vec<String> = self.keys.iter().map(|key| format!("e.{key} = j.{key}")).collect();
        let keys = keys.join(" AND ");
        let times =
            format!("{keys}\n          AND e.event_time = ANY (travel_internal.times_of_legs(j.legs))");
        let by_index = |conditions: &str| {
            format!(
                "\n    LEFT JOIN LATERAL (\n        SELECT {collected} AS {LOOK_UP}\n        FROM events AS e\n        \
                 WHERE {conditions}\n    ) AS i ON true"
            )
        };
        let (joins, events) = if self.knows_rows() {
            let is_known = "r.found = pg_catalog.cardinality(j.row_ids)";
            // In this form, the condition on the keys does not match an index, which would lead to all rows of the entity.
            let by_row = format!(
                "\n    LEFT JOIN LATERAL (\n        SELECT {collected} AS {LOOK_UP},\n               \
                 pg_catalog.count(*) AS found\n        FROM events AS e\n        \
                 WHERE e.row_id = ANY (j.row_ids) AND ({keys}) IS TRUE\n    ) AS r ON true"
            );
            (
                by_row + &by_index(&format!("({is_known}) IS NOT TRUE AND {times}")),
                format!("\n            CASE WHEN {is_known} THEN r.{LOOK_UP} ELSE i.{LOOK_UP} END"),
            )
        } else {
            (by_index(&times), format!(" i.{LOOK_UP}"))
        };
        let pairs = format!("travel_internal.each_pair_of_events(j.legs,{events})");
        (joins, format!("ROWS FROM (\n        {each_leg},\n        {pairs}\n    )"))
    }

    /// Adds the labels of the events at both ends, which were looked up by the entity.
    fn with_pairs_of_events(&self) -> String {
        let mut labels = String::new();
        for end in [End::From, End::To] {
            let names = self.end_labels(end);
            for (n, name) in self.names_of_ends().into_iter().enumerate() {
                if names.contains(&name) {
                    let _ = write!(
                        labels,
                        ",\n           l.{}_event[{}] AS {}",
                        end.into_str(),
                        n + 1,
                        shown_name(end, name)
                    );
                }
            }
        }
        format!("SELECT l.*{labels}\n    FROM legs AS l")
    }

    /// The labels of the events at either end. The labels by which the rows of an event are ordered come first.
    pub(super) fn names_of_ends(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = ORDER.into_iter().filter(|name| self.has(name)).collect();
        for name in [End::From, End::To].into_iter().flat_map(|end| self.end_labels(end)) {
            if self.has(name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Adds the events at both ends, by a look-up for each. Each look-up is a subquery with one row, so the legs are read
    /// once.
    fn with_look_ups(&self) -> String {
        let (mut labels, mut joins) = (String::new(), String::new());
        for end in [End::From, End::To] {
            let event = format!("{}_event", end.into_str());
            let shown = self.labels(end, "e");
            if shown.is_empty() {
                continue;
            }
            for name in self.end_labels(end).into_iter().filter(|name| self.has(name)) {
                let _ = write!(labels, ",\n           {event}.{}", shown_name(end, name));
            }
            let _ = write!(
                joins,
                "\n    LEFT JOIN LATERAL (\n        SELECT DISTINCT ON (e.event_time)\n               {}\n        \
                 FROM events AS e\n        WHERE {}\n        ORDER BY {}\n    ) AS {event} ON true",
                shown.join(",\n               "),
                self.matches(end, "e").join("\n          AND "),
                self.order_after("e.event_time"),
            );
        }
        format!("SELECT l.*{labels}\n    FROM legs AS l{joins}")
    }

    /// Adds the events at both ends, which one pass has read.
    fn with_ends_of_pass(&self) -> String {
        let (mut labels, mut joins) = (String::new(), String::new());
        for end in [End::From, End::To] {
            let event = format!("{}_event", end.into_str());
            for label in self.labels(end, &event) {
                let _ = write!(labels, ",\n           {label}");
            }
            let matches = self.matches(end, &event).join("\n        AND ");
            let _ = write!(joins, "\n    LEFT JOIN ends AS {event} ON {matches}");
        }
        format!("SELECT l.*{labels}\n    FROM legs AS l{joins}")
    }

    /// Adds the event at one end: of the rows that are that event, the first.
    fn with_end(&self, end: End, table: &str) -> String {
        let mut identity: Vec<String> = self.keys.iter().map(|key| format!("l.{key}")).collect();
        let site = |end: &str| match self.events.location_type {
            LocationType::Address => vec![format!("l.{end}_ip")],
            LocationType::Coordinates => vec![format!("l.{end}_latitude"), format!("l.{end}_longitude")],
        };
        for end in ["from", "to"] {
            identity.push(format!("l.{end}_time"));
            identity.extend(site(end));
        }
        let identity = identity.join(", ");
        let labels: String =
            self.labels(end, "e").iter().map(|label| format!(",\n           {label}")).collect();
        format!(
            "SELECT DISTINCT ON ({identity})\n           l.*{labels}\n    FROM {table} AS l\n    \
             LEFT JOIN {} AS e ON {}\n    ORDER BY {}",
            if self.ends == Ends::OnePassOnNodes { "ends" } else { "events" },
            self.matches(end, "e").join("\n        AND "),
            self.order_after(&identity),
        )
    }

    /// The labels of the event at one end, from the row `event`.
    fn labels(&self, end: End, event: &str) -> Vec<String> {
        let names = self.end_labels(end).into_iter().filter(|name| self.has(name));
        names.map(|name| format!("{event}.{name} AS {}", shown_name(end, name))).collect()
    }

    /// The conditions that the row `event` is the event at one end of the leg `l`.
    fn matches(&self, end: End, event: &str) -> Vec<String> {
        let end = end.into_str();
        let mut matches: Vec<String> =
            self.keys.iter().map(|key| format!("{event}.{key} = l.{key}")).collect();
        matches.push(format!("{event}.event_time = l.{end}_time"));
        match self.events.location_type {
            LocationType::Address => {
                matches.push(format!("travel.source_ip({event}.address) = l.{end}_ip"));
            }
            LocationType::Coordinates => {
                matches.push(format!("{event}.latitude = l.{end}_latitude"));
                matches.push(format!("{event}.longitude = l.{end}_longitude"));
            }
        }
        matches
    }

    /// The order of rows `e` that are one event, after what identifies it.
    fn order_after(&self, identity: &str) -> String {
        ORDER.iter().filter(|name| self.has(name)).fold(identity.to_owned(), |mut order, name| {
            let _ = write!(order, ", e.{name} COLLATE \"C\"");
            order
        })
    }

    /// The labels that are taken from the event at one end.
    fn end_labels(&self, end: End) -> Vec<&'static str> {
        let of_this_end = FINDING.iter().filter_map(|column| match column.value {
            ValueOf::Label(at, label) if at == end => Some(label.into_str()),
            _ => None,
        });
        let of_arrival = FINDING.iter().filter_map(|column| match column.value {
            ValueOf::Arrival(label) if end == End::To => Some(label.into_str()),
            _ => None,
        });
        let of_message = CREDENTIAL.iter().map(EventLabel::into_str);
        let mut names: Vec<&str> = Vec::new();
        for name in of_this_end.chain(of_arrival).chain(of_message) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if self.events.location_type == LocationType::Coordinates {
            names.extend(PlaceField::SUPPLIED.iter().map(PlaceField::into_str));
            names.push(PlaceField::AccuracyKm.into_str());
        }
        names
    }
}

/// The name within the query of a label of the event at one end. No column of a leg has two underscores.
pub fn shown_name(end: End, name: &str) -> String {
    format!("{}_event__{name}", end.into_str())
}
