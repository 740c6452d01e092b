//! The events at the ends of the legs, as parts of the query of the findings.

use super::finding_sql::CREDENTIAL;
use super::legs::Query;
use super::place::LocationType;
use crate::pg::whole_groups::LOOK_UP;
use pgrx::pg_sys;
use std::fmt::Write;
use strum::VariantArray;
use travel_core::columns::{End, EventLabel, FINDING, PlaceField, ValueOf};

/// How the query finds the events at the ends of the legs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// By look-ups: one for each entity if the source has addresses, and one for each end of a leg if it has
    /// coordinates. An index leads from the entity and the time to the events, or a shared pass knows the positions of
    /// their rows.
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
            parts.push(self.ends_of_legs());
        }
        if self.ends.need_all_legs() {
            parts.push(format!(
                "ends AS MATERIALIZED (\n    -- the events at their ends, read in one pass\n    {}\n)",
                if self.ends == Ends::OnePass { self.ends_here() } else { self.ends_on_nodes() },
            ));
        }
        let both = match self.ends {
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
            "ends_of_legs AS MATERIALIZED (\n    \
             SELECT travel_internal.ends({}, j.legs) AS filter FROM journeys AS j\n)",
            self.text_key("j")
        )
    }

    /// The events of a source with coordinates at the ends of the legs, each once, and a few others: what joins them to the
    /// legs compares them again. Workers cannot read the legs, but they get the filter.
    fn ends_here(&self) -> String {
        // The time comes first because it is compared fastest.
        let mut identity = vec!["e.event_time".to_owned()];
        identity.extend(self.keys.iter().map(|key| format!("e.{key}")));
        identity.extend(["e.latitude".to_owned(), "e.longitude".to_owned()]);
        let identity = identity.join(", ");
        format!(
            "SELECT DISTINCT ON ({identity})\n           e.*\n    FROM events AS e\n    WHERE {}\n    ORDER BY {}",
            self.may_be_end(),
            self.order_after(&identity),
        )
    }

    /// The conditions under which an event may be at the end of a leg. Without legs, the source is not read.
    fn may_be_end(&self) -> String {
        let filter = "(SELECT filter FROM ends_of_legs)";
        format!(
            "{filter} IS NOT NULL\n      AND travel_internal.may_be_end({filter}, {}, e.event_time)",
            self.text_key("e"),
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

    /// Returns whether the events at the ends of all legs of an entity are collected together, and one function makes the
    /// findings of the entity.
    pub(super) fn is_by_entity(&self) -> bool {
        matches!(self.ends, Ends::LookUps | Ends::OnePass)
            && self.events.location_type == LocationType::Address
    }

    /// The parts of the query that find the events of an entity and make its findings, up to `findings`.
    pub(super) fn by_entity(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let (legs, joins, events) = if self.ends == Ends::OnePass {
            parts.push(self.journeys_part());
            let (joins, events) = self.ends_of_pass(&mut parts);
            ("FROM journeys AS j".to_owned(), joins, events)
        } else {
            let (joins, events) = self.look_ups_of_entity();
            (format!("FROM (\n        {}\n    ) AS j", self.journeys_of_entities()), joins, events)
        };
        let mut filters = Vec::new();
        if self.ends == Ends::LookUps {
            filters.push("pg_catalog.cardinality(j.legs) > 0".to_owned());
        }
        let call = self.findings_of_entity(&events);
        let (select, function) = if self.returns_rows() {
            (format!("{call} AS finding"), String::new())
        } else {
            filters.extend(self.since("l.to_time"));
            (format!("{}, l.*", self.of("j")), format!("\n    CROSS JOIN LATERAL {call} AS l"))
        };
        let filters = match &filters[..] {
            [] => String::new(),
            filters => format!("\n    WHERE {}", filters.join("\n      AND ")),
        };
        parts.push(format!(
            "findings AS NOT MATERIALIZED (\n    -- the impossible legs, with the events at both of their ends\n    \
             SELECT {select}\n    {legs}{joins}{function}{filters}\n)"
        ));
        parts
    }

    /// Returns the call that makes the findings of an entity `j`, given its events as SQL.
    fn findings_of_entity(&self, events: &str) -> String {
        let names = self.names_of_ends();
        let keys = self.events.keys.iter().zip(&self.keys);
        let own = |name: &str| {
            keys.clone().find(|(key, _)| key.name == name).map(|(key, column)| {
                if key.oid == pg_sys::TEXTOID { format!("j.{column}") } else { format!("j.{column}::text") }
            })
        };
        // A label of the entity may have no column of its own.
        let more = EventLabel::VARIANTS.iter().map(EventLabel::into_str);
        let more: Vec<&str> = more.filter(|name| !names.contains(name) && own(name).is_some()).collect();
        let names: Vec<&str> = names.into_iter().chain(more).collect();
        let own: Vec<String> =
            names.iter().map(|name| own(name).unwrap_or_else(|| "NULL".to_owned())).collect();
        let entity = self.events.entity(&self.keys.iter().map(|key| format!("j.{key}")).collect::<Vec<_>>());
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        format!(
            "travel_internal.findings(\n        {entity}, j.legs,\n        {events},\n        \
             ARRAY[{}]::text[],\n        ARRAY[{}]::text[]\n    )",
            names.join(", "),
            own.join(", "),
        )
    }

    /// The aggregate that collects events `e`.
    fn collected(&self) -> String {
        let labels: String = self.names_of_ends().iter().map(|name| format!(", e.{name}")).collect();
        format!("travel_internal.events_of_legs(e.event_time, travel.source_ip(e.address){labels})")
    }

    /// Adds the parts of the query that collect the events of each entity in one pass over the source. Returns the join with
    /// an entity `j`, and the events of the entity as SQL.
    fn ends_of_pass(&self, parts: &mut Vec<String>) -> (String, String) {
        if self.names_of_ends().is_empty() {
            return (String::new(), "NULL".to_owned());
        }
        let keys: Vec<String> = self.keys.iter().map(|key| format!("e.{key}")).collect();
        let keys = keys.join(", ");
        parts.push(self.ends_of_legs());
        parts.push(format!(
            "ends AS MATERIALIZED (\n    -- the events at their ends, read in one pass\n    \
             SELECT {keys},\n           {} AS {LOOK_UP}\n    FROM events AS e\n    WHERE {}\n    GROUP BY {keys}\n)",
            self.collected(),
            self.may_be_end(),
        ));
        let matches: Vec<String> = self.keys.iter().map(|key| format!("e.{key} = j.{key}")).collect();
        (format!("\n    LEFT JOIN ends AS e ON {}", matches.join(" AND ")), format!("e.{LOOK_UP}"))
    }

    /// Returns the look-ups of the events at the ends of all legs of an entity `j`, as joins, and the events as SQL. Each
    /// look-up is a subquery with one row. In a parallel plan, the workers run the look-ups.
    ///
    /// If the aggregate knows where the rows are, they are fetched from there. The index is searched if their positions are
    /// not known, or if not all rows were found there because an update has moved a row within its page.
    fn look_ups_of_entity(&self) -> (String, String) {
        if self.names_of_ends().is_empty() {
            return (String::new(), "NULL".to_owned());
        }
        let collected = self.collected();
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
        if !self.knows_rows() {
            return (by_index(&times), format!("i.{LOOK_UP}"));
        }
        let is_known = "r.found = pg_catalog.cardinality(j.row_ids)";
        // In this form, the condition on the keys does not match an index, which would lead to all rows of the entity.
        let by_row = format!(
            "\n    LEFT JOIN LATERAL (\n        SELECT {collected} AS {LOOK_UP},\n               \
             pg_catalog.count(*) AS found\n        FROM events AS e\n        \
             WHERE e.row_id = ANY (j.row_ids) AND ({keys}) IS TRUE\n    ) AS r ON true"
        );
        if self.pass.is_some() {
            // The pass has read the rows themselves, so their positions are exact.
            return (by_row, format!("r.{LOOK_UP}"));
        }
        (
            by_row + &by_index(&format!("({is_known}) IS NOT TRUE AND {times}")),
            format!("CASE WHEN {is_known} THEN r.{LOOK_UP} ELSE i.{LOOK_UP} END"),
        )
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

    /// Adds the events at both ends of the legs of a source with coordinates, by a look-up for each. Each look-up is a
    /// subquery with one row, so the legs are read once.
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

    /// Adds the events at both ends of the legs of a source with coordinates, which one pass has read.
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
