//! The query of the findings: the legs of each entity, with the events at both ends.

use super::arguments::Arguments;
use super::events::{Events, PLACE_LABELS};
use super::place::LocationType;
use crate::pg::time::utc;
use pgrx::pg_sys;
use std::fmt::Write;

/// The events' columns that a finding shows of the event at each end.
const END_LABELS: [&str; 7] =
    ["event_name", "event_source", "aws_region", "access_key_id", "user_agent", "outcome", "error_code"];
/// Those that it shows of the arriving event only, in the order of `travel.finding`.
const ARRIVAL_LABELS: [&str; 8] = [
    "account_id",
    "identity_type",
    "principal",
    "actor",
    "session_name",
    "user_name",
    "arn",
    "access_key_id",
];
/// The row that stands for all of one event is the first in this order.
const ORDER: [&str; 5] = ["event_id", "event_name", "access_key_id", "user_agent", "outcome"];

/// The columns of one end of `travel.leg` after time, address and event id.
const PLACE: [&str; 12] = [
    "city",
    "subdivision",
    "country",
    "country_code",
    "latitude",
    "longitude",
    "accuracy_km",
    "asn",
    "as_organization",
    "hosting",
    "anonymizer",
    "carrier",
];

pub fn query(events: &Events, arguments: &Arguments) -> String {
    let query =
        Query { events, arguments, keys: (1..=events.keys.len()).map(|n| format!("key_{n}")).collect() };
    query.text()
}

struct Query<'a> {
    events: &'a Events,
    arguments: &'a Arguments,
    /// The names of the entity's columns within the query.
    keys: Vec<String>,
}

impl Query<'_> {
    fn text(&self) -> String {
        format!(
            "WITH events AS NOT MATERIALIZED (\n    -- the events that count\n    {}\n), \
             legs AS NOT MATERIALIZED (\n    -- {}\n    {}\n), \
             departures AS NOT MATERIALIZED (\n    -- with the event that each leg starts from\n    {}\n), \
             arrivals AS NOT MATERIALIZED (\n    -- and the event that it leads to\n    {}\n)\n{}\nORDER BY l.to_time, entity, l.from_time",
            self.events_cte(),
            if self.arguments.all_legs {
                "every leg of each entity"
            } else {
                "the impossible legs of each entity"
            },
            self.legs_cte(),
            self.with_end("from", "legs"),
            self.with_end("to", "departures"),
            self.findings(),
        )
    }

    fn events_cte(&self) -> String {
        let events = self.events;
        let mut select: Vec<String> =
            events.keys.iter().zip(&self.keys).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
        select.push(format!("{} AS event_time", events.time()));
        select.extend(events.place.iter().map(|(name, sql)| format!("{sql} AS {name}")));
        let mut used: Vec<&str> = END_LABELS.iter().chain(&ARRIVAL_LABELS).chain(&ORDER).copied().collect();
        if events.location_type == LocationType::Coordinates {
            used.extend(PLACE_LABELS);
            used.push("accuracy_km");
        }
        let labels = events.labels.iter().filter(|(name, _)| used.contains(name));
        select.extend(labels.map(|(name, sql)| format!("{sql} AS {name}")));
        format!(
            "SELECT {}\n    FROM {}\n    WHERE {}",
            select.join(",\n           "),
            events.from,
            self.filters().join("\n      AND ")
        )
    }

    fn filters(&self) -> Vec<String> {
        let events = self.events;
        let mut filters = vec![
            events.time_bound(
                if self.arguments.first_start().is_some() { ">=" } else { ">" },
                self.arguments.first_start(),
                "-infinity",
            ),
            events.time_bound("<", self.arguments.until, "infinity"),
        ];
        filters.extend(events.filters());
        filters
    }

    fn legs_cte(&self) -> String {
        let keys = self.keys.join(", ");
        let thresholds = &self.arguments.thresholds;
        let thresholds = format!(
            "{}, {}, {}",
            float(thresholds.min_distance_km),
            float(thresholds.min_velocity_kmh),
            thresholds.use_accuracy
        );
        let coordinates = self.events.location_type == LocationType::Coordinates;
        let with_radius = self.evaluates_radii();
        let place = self.place_names().join(", ");
        if self.arguments.all_legs {
            let (call, order) = match (coordinates, with_radius) {
                (true, true) => (
                    format!(
                        "travel_internal.leg_within(event_time, {place}, accuracy_km, {}, {thresholds})",
                        self.id()
                    ),
                    // The smallest id, and of it the smallest radius, stands for all of one event.
                    format!("{place}, {} COLLATE \"C\", accuracy_km", self.id()),
                ),
                (true, false) => {
                    (format!("travel.leg(event_time, {place}, NULL::text, {thresholds})"), place)
                }
                (false, _) => (
                    format!("travel.leg(event_time, {place}, NULL::text, {thresholds})"),
                    format!("travel.source_ip({place})"),
                ),
            };
            return format!(
                "SELECT {}, (j.leg).*\n    FROM (\n        SELECT {keys}, {call}\n            \
                 OVER (PARTITION BY {keys} ORDER BY event_time, {order}) AS leg\n        \
                 FROM events\n    ) AS j\n    WHERE {}",
                self.of("j"),
                self.since("(j.leg).to_time").unwrap_or_else(|| "(j.leg).to_time IS NOT NULL".to_owned())
            );
        }
        let call = if with_radius {
            format!(
                "travel_internal.impossible_legs_within(event_time, {place}, accuracy_km, {}, {thresholds})",
                self.id()
            )
        } else {
            format!("travel.impossible_legs(event_time, {place}, {thresholds})")
        };
        let since =
            self.since("(l.leg).to_time").map(|since| format!("\n    WHERE {since}")).unwrap_or_default();
        format!(
            "SELECT {}, (l.leg).*\n    FROM (\n        SELECT {}, travel_internal.each_leg(j.legs) AS leg\n        FROM (\n            \
             SELECT {keys}, {call} AS legs\n            FROM events\n            GROUP BY {keys}\n        ) AS j\n        \
             WHERE pg_catalog.cardinality(j.legs) > 0\n    ) AS l{since}",
            self.of("l"),
            self.of("j"),
        )
    }

    /// Adds the event at one end: of the rows that are that event, the first.
    fn with_end(&self, end: &str, table: &str) -> String {
        let mut identity: Vec<String> = self.keys.iter().map(|key| format!("l.{key}")).collect();
        let site = |end: &str| match self.events.location_type {
            LocationType::Address => vec![format!("l.{end}_ip")],
            LocationType::Coordinates => vec![format!("l.{end}_latitude"), format!("l.{end}_longitude")],
        };
        for end in ["from", "to"] {
            identity.push(format!("l.{end}_time"));
            identity.extend(site(end));
        }
        let labels: Vec<String> = self
            .end_labels(end)
            .iter()
            .filter(|name| self.has(name))
            .map(|name| format!("e.{name} AS {end}_event__{name}"))
            .collect();
        let mut matches: Vec<String> = self.keys.iter().map(|key| format!("e.{key} = l.{key}")).collect();
        matches.push(format!("e.event_time = l.{end}_time"));
        match self.events.location_type {
            LocationType::Address => matches.push(format!("travel.source_ip(e.address) = l.{end}_ip")),
            LocationType::Coordinates => {
                matches.push(format!("e.latitude = l.{end}_latitude"));
                matches.push(format!("e.longitude = l.{end}_longitude"));
            }
        }
        let identity = identity.join(", ");
        let order: String =
            ORDER.iter().filter(|name| self.has(name)).fold(identity.clone(), |mut order, name| {
                let _ = write!(order, ", e.{name} COLLATE \"C\"");
                order
            });
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!(",\n           {}", labels.join(",\n           "))
        };
        format!(
            "SELECT DISTINCT ON ({identity})\n           l.*{labels}\n    FROM {table} AS l\n    \
             LEFT JOIN events AS e ON {}\n    ORDER BY {order}",
            matches.join("\n        AND "),
        )
    }

    fn findings(&self) -> String {
        let entity = self.events.entity(&self.keys.iter().map(|key| format!("l.{key}")).collect::<Vec<_>>());
        let address = self.events.location_type == LocationType::Address;
        let mut select = vec![
            if address {
                format!(
                    "travel_internal.leg_id({entity}, l.from_time, l.from_ip, l.to_time, l.to_ip) AS leg_id"
                )
            } else {
                format!(
                    "travel_internal.leg_id({entity}, l.from_time, l.from_latitude, l.from_longitude, \
                     l.to_time, l.to_latitude, l.to_longitude) AS leg_id"
                )
            },
            format!("{entity} AS entity"),
        ];
        select.extend(ARRIVAL_LABELS.iter().map(|name| format!("{} AS {name}", self.arrival(name))));
        for end in ["from", "to"] {
            select.push(format!("l.{end}_time"));
            select.push(format!("l.{end}_ip"));
            select.push(format!("{} AS {end}_event_id", self.label(end, "event_id")));
            for column in PLACE {
                let own =
                    PLACE_LABELS.contains(&column) || (column == "accuracy_km" && !self.evaluates_radii());
                select.push(if address || !own {
                    format!("l.{end}_{column}")
                } else {
                    format!("{} AS {end}_{column}", self.label(end, column))
                });
            }
        }
        let between =
            ["distance_km", "effective_distance_km", "elapsed_seconds", "velocity_kmh", "impossible"];
        select.extend(between.iter().map(|column| format!("l.{column}")));
        for end in ["from", "to"] {
            select.extend(END_LABELS.iter().map(|name| format!("{} AS {end}_{name}", self.label(end, name))));
        }
        select.push("travel_internal.travel_time(l.elapsed_seconds) AS travel_time".to_owned());
        let place = |end: &str, column: &str| {
            if address { format!("l.{end}_{column}") } else { self.label(end, column) }
        };
        select.push(format!(
            "travel_internal.finding_message({entity}, {}, {}, coalesce({}, {}),\n           \
             {}, {}, l.from_latitude, l.from_longitude, {}, {}, l.to_latitude, l.to_longitude,\n           \
             l.elapsed_seconds, l.distance_km, l.velocity_kmh, l.impossible) AS message",
            self.arrival("access_key_id"),
            self.arrival("identity_type"),
            self.arrival("session_name"),
            self.arrival("user_name"),
            place("from", "city"),
            place("from", "country"),
            place("to", "city"),
            place("to", "country"),
        ));
        format!("SELECT {}\nFROM arrivals AS l", select.join(",\n       "))
    }

    /// The labels that are taken from the event at one end.
    fn end_labels(&self, end: &str) -> Vec<&'static str> {
        let mut names = vec!["event_id"];
        names.extend(END_LABELS);
        if end == "to" {
            names.extend(ARRIVAL_LABELS.iter().filter(|name| **name != "access_key_id"));
        }
        if self.events.location_type == LocationType::Coordinates {
            names.extend(PLACE_LABELS);
            names.push("accuracy_km");
        }
        names
    }

    /// A label of the arriving event. One that is a column of the entity is the entity's own: a condition on it
    /// reaches the source's index.
    fn arrival(&self, name: &str) -> String {
        match self.events.keys.iter().zip(&self.keys).find(|(key, _)| key.name == name) {
            Some((key, column)) if key.oid == pg_sys::TEXTOID => format!("l.{column}"),
            Some((_, column)) => format!("l.{column}::text"),
            None => self.label("to", name),
        }
    }

    fn label(&self, end: &str, name: &str) -> String {
        if self.has(name) {
            format!("l.{end}_event__{name}")
        } else if name == "accuracy_km" {
            "NULL::float8".to_owned()
        } else {
            "NULL::text".to_owned()
        }
    }

    /// Whether the radii of a table with coordinates are evaluated, and so are part of its legs.
    fn evaluates_radii(&self) -> bool {
        self.events.has_accuracy && self.arguments.thresholds.use_accuracy
    }

    fn has(&self, name: &str) -> bool {
        self.events.label(name).is_some()
    }

    fn id(&self) -> &'static str {
        if self.has("event_id") { "event_id" } else { "NULL::text" }
    }

    fn place_names(&self) -> Vec<&'static str> {
        self.events.place.iter().map(|(name, _)| *name).collect()
    }

    /// The keys of a table of the query.
    fn of(&self, table: &str) -> String {
        self.keys.iter().map(|key| format!("{table}.{key}")).collect::<Vec<_>>().join(", ")
    }

    fn since(&self, column: &str) -> Option<String> {
        self.arguments.since.map(|since| format!("{column} >= timestamptz '{}'", utc(since)))
    }
}

/// A number that SQL reads as float8.
fn float(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else {
        format!("{number:?}::float8")
    }
}
