//! The query of the findings: the legs of each entity, with the events at both ends, which [`super::leg_ends`] adds.
//! [`super::finding_sql`] has the columns of its result.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::leg_ends::Ends;
use super::nodes::Rows;
use super::place::LocationType;
use super::ranges;
use super::shared_pass::SharedPass;
use crate::pg::errors::TravelError;
use crate::pg::time::utc;

/// Where the query runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// In `travel.detect`.
    Once,
    /// In a view, whose readers add conditions.
    View,
}

/// How a query is split to let each process evaluate whole entities.
#[derive(Clone, PartialEq, Eq)]
pub enum Split {
    /// The query is not split.
    No,
    /// By ranges. The workers also look up the events of their legs.
    WithLookUps,
    /// By the shares of a shared pass, whose query this is. The workers may also look up the events of their legs.
    AfterPass { write: String, shares: usize, with_look_ups: bool },
}

/// The query of the findings.
pub struct FindingsQuery {
    pub text: String,
    pub split: Split,
    /// Whether its only column is the whole finding.
    pub returns_rows: bool,
}

/// Returns the query of the findings. The caller must have an SPI connection.
///
/// Without an index that leads to the events at the ends of the legs, the query reads them in one pass, for which the
/// legs must be complete. In a view they are not: a condition on the entity reaches the source. If the rows of an entity
/// can be on several nodes, the pass sends the legs to all nodes; a look-up per leg would fetch the events from them.
///
/// The query of a view cannot use a shared pass, which writes files before the query runs.
///
/// In `travel.detect`, the query returns each finding as one value if a function makes them. The processes then copy it as a
/// whole. A view has the columns of the finding, so a condition on the entity reaches the source.
pub fn query(events: &Events, arguments: &Arguments, usage: Use) -> Result<FindingsQuery, TravelError> {
    let keys: Vec<String> = (1..=events.keys.len()).map(|n| format!("key_{n}")).collect();
    let ranges = ranges::of_entity(events, arguments, &keys[0])?;
    let ends = if arguments.all_legs {
        Ends::Joins
    } else if !ranges.is_empty() || (events.is_indexed_by_entity && events.rows == Rows::Here) {
        Ends::LookUps
    } else if usage == Use::View || (events.is_indexed && events.rows != Rows::OnNodes) {
        Ends::Joins
    } else if events.rows == Rows::Here {
        Ends::OnePass
    } else {
        Ends::OnePassOnNodes
    };
    let is_in_order = !ranges.is_empty();
    let mut query = Query { events, arguments, keys, ranges, is_in_order, pass: None, ends, usage };
    if query.ranges.is_empty()
        && usage == Use::Once
        && let Some((pass, write)) = query.shared_pass()?
    {
        if pass.has_positions {
            query.ends = Ends::LookUps;
        }
        let (shares, with_look_ups) = (pass.shares(), query.ends == Ends::LookUps);
        query.pass = Some(pass);
        return Ok(query.with_split(Split::AfterPass { write, shares, with_look_ups }));
    }
    let split = if query.ranges.is_empty() { Split::No } else { Split::WithLookUps };
    Ok(query.with_split(split))
}

pub(super) struct Query<'a> {
    pub(super) events: &'a Events,
    arguments: &'a Arguments,
    /// The names of the entity's columns within the query.
    pub(super) keys: Vec<String>,
    /// The conditions of the ranges of the entity, if the query is split into them.
    ranges: Vec<String>,
    /// Whether the rows of an entity come from an index in order of time, as they do in ranges.
    is_in_order: bool,
    /// The pass from which the query gets its events, if there is one.
    pub(super) pass: Option<SharedPass>,
    pub(super) ends: Ends,
    usage: Use,
}

impl Query<'_> {
    fn with_split(&self, split: Split) -> FindingsQuery {
        FindingsQuery { text: self.text(), split, returns_rows: self.returns_rows() }
    }

    fn text(&self) -> String {
        let mut parts = vec![self.events_part()];
        if self.is_by_entity() {
            parts.extend(self.by_entity());
        }
        if self.returns_rows() {
            let since = self.since("(l.finding).to_time").map(|since| format!("\nWHERE {since}"));
            return format!(
                "WITH {}\nSELECT l.finding\nFROM findings AS l{}\n\
                 ORDER BY (l.finding).to_time, (l.finding).entity, (l.finding).from_time",
                parts.join(", "),
                since.unwrap_or_default(),
            );
        }
        if self.is_by_entity() {
            return format!(
                "WITH {}\n{}\nORDER BY l.to_time, entity, l.from_time",
                parts.join(", "),
                self.findings()
            );
        }
        if self.ends == Ends::OnePass {
            parts.push(self.journeys_part());
        }
        parts.push(format!(
            "legs AS {} (\n    -- {}\n    {}\n)",
            if self.ends.need_all_legs() { "MATERIALIZED" } else { "NOT MATERIALIZED" },
            if self.arguments.all_legs {
                "every leg of each entity"
            } else {
                "the impossible legs of each entity"
            },
            self.legs_cte(),
        ));
        parts.extend(self.with_ends());
        format!("WITH {}\n{}\nORDER BY l.to_time, entity, l.from_time", parts.join(", "), self.findings())
    }

    /// Returns whether the query returns each finding as one value.
    pub(super) fn returns_rows(&self) -> bool {
        self.usage == Use::Once && self.is_by_entity()
    }

    /// Returns the shared pass over the source, and its query, if there should be one.
    fn shared_pass(&self) -> Result<Option<(SharedPass, String)>, TravelError> {
        // Radii belong to rows, and the files have none.
        if self.evaluates_radii() {
            return Ok(None);
        }
        let Some(mut pass) = SharedPass::over(self.events, self.arguments)? else { return Ok(None) };
        let group = format!("WITH {}\n{}", self.events_part(), self.journeys(&self.call(), ""));
        pass.has_positions = self.can_know_rows();
        let write = format!(
            "WITH {}\n{}",
            self.events_part_with(pass.has_positions),
            pass.write(self.events, &self.keys, &self.place_names().join(", "))
        );
        Ok(pass.is_worth_it(&write, &group, self.events, self.arguments)?.then_some((pass, write)))
    }

    fn events_part(&self) -> String {
        self.events_part_with(self.knows_rows())
    }

    /// Returns the query of the events that count, with the positions of their rows if `positions` is set.
    fn events_part_with(&self, positions: bool) -> String {
        format!(
            "events AS NOT MATERIALIZED (\n    -- the events that count\n    {}\n)",
            self.events_cte(positions)
        )
    }

    fn events_cte(&self, positions: bool) -> String {
        let events = self.events;
        let mut select: Vec<String> =
            events.keys.iter().zip(&self.keys).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
        select.push(format!("{} AS event_time", events.time.as_timestamptz()));
        select.extend(events.place.iter().map(|(name, sql)| format!("{sql} AS {name}")));
        select.extend(events.labels.iter().map(|(name, sql)| format!("{sql} AS {name}")));
        if positions {
            select.push("s.ctid AS row_id".to_owned());
        }
        format!(
            "SELECT {}\n    FROM {}\n    WHERE {}",
            select.join(",\n           "),
            events.from,
            self.filters().join("\n      AND ")
        )
    }

    fn filters(&self) -> Vec<String> {
        let mut filters = self.events.within(self.arguments);
        filters.extend(self.events.filters());
        filters
    }

    fn legs_cte(&self) -> String {
        let keys = self.keys.join(", ");
        let thresholds = self.thresholds();
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
        let call = self.call();
        if self.ends == Ends::OnePass {
            let since =
                self.since("l.to_time").map(|since| format!("\n    WHERE {since}")).unwrap_or_default();
            return format!(
                "SELECT {}, l.*\n    FROM journeys AS j\n    \
                 CROSS JOIN LATERAL travel_internal.each_leg(j.legs) AS l{since}",
                self.of("j"),
            );
        }
        if self.ends == Ends::LookUps {
            // The columns of a row, which are read once. Those of a composite value would be read wherever they are used.
            let since =
                self.since("l.to_time").map(|since| format!("\n      AND {since}")).unwrap_or_default();
            return format!(
                "SELECT {}, l.*\n    FROM (\n        {}\n    ) AS j\n    \
                 CROSS JOIN LATERAL travel_internal.each_leg(j.legs) AS l\n    \
                 WHERE pg_catalog.cardinality(j.legs) > 0{since}",
                self.of("j"),
                self.journeys_of_entities(),
            );
        }
        let since =
            self.since("(l.leg).to_time").map(|since| format!("\n    WHERE {since}")).unwrap_or_default();
        format!(
            "SELECT {}, (l.leg).*\n    FROM (\n        SELECT {}, travel_internal.each_leg(j.legs) AS leg\n        FROM (\n            \
             {}\n        ) AS j\n        \
             WHERE pg_catalog.cardinality(j.legs) > 0\n    ) AS l{since}",
            self.of("l"),
            self.of("j"),
            self.journeys(&call, "            "),
        )
    }

    /// The part of the query with the legs of each entity, as arrays. The planner plans a materialized CTE without the join
    /// with the elements of the arrays. That join is always a nested loop. If nested loops are turned off, its cost is
    /// so high that the planner would no longer see the difference between a parallel aggregate and a serial one.
    pub(super) fn journeys_part(&self) -> String {
        format!(
            "journeys AS MATERIALIZED (\n    -- the impossible legs of each entity that has some\n    SELECT j.*\n    \
             FROM (\n        {}\n    ) AS j\n    WHERE pg_catalog.cardinality(j.legs) > 0\n)",
            self.journeys_of_entities(),
        )
    }

    /// The query of the legs of each entity, as arrays, with the indentation of a subquery of a CTE.
    pub(super) fn journeys_of_entities(&self) -> String {
        self.journeys(&self.call(), "        ")
    }

    fn thresholds(&self) -> String {
        let thresholds = &self.arguments.thresholds;
        format!(
            "{}, {}, {}",
            float(thresholds.min_distance_km),
            float(thresholds.min_velocity_kmh),
            thresholds.use_accuracy
        )
    }

    /// Returns the call of the aggregate.
    fn call(&self) -> String {
        let (place, thresholds) = (self.place_names().join(", "), self.thresholds());
        if self.knows_rows() {
            return format!("travel_internal.legs_of_entity(event_time, {place}, {thresholds})");
        }
        if self.evaluates_radii() {
            let id = self.id();
            format!(
                "travel_internal.impossible_legs_within(event_time, {place}, accuracy_km, {id}, {thresholds})"
            )
        } else {
            format!("travel.impossible_legs(event_time, {place}, {thresholds})")
        }
    }

    /// Returns the query with the legs of each entity, whose lines have this indentation. If it is split into ranges or
    /// shares of the entities, it has a branch for each range, or for several shares. The bounds of a range are texts that
    /// can have line breaks, so the indentation cannot be changed afterwards.
    fn journeys(&self, call: &str, indentation: &str) -> String {
        let line = format!("\n{indentation}");
        if let Some(pass) = &self.pass {
            return pass.journeys(&self.thresholds(), &line);
        }
        let keys = self.keys.join(", ");
        let rows = if self.knows_rows() {
            let (place, thresholds) = (self.place_names().join(", "), self.thresholds());
            format!(",{line}    travel_internal.rows_of_legs(event_time, {place}, {thresholds}) AS row_ids")
        } else {
            String::new()
        };
        let select = format!("SELECT {keys}, {call} AS legs{rows}{line}FROM events");
        let group = format!("GROUP BY {keys}");
        if self.ranges.is_empty() {
            return format!("{select}{line}{group}");
        }
        let branches: Vec<String> =
            self.ranges.iter().map(|range| format!("{select} WHERE {range} {group}")).collect();
        format!(
            "-- in parts of the entities, which parallel processes evaluate{line}{}",
            branches.join(&format!("{line}UNION ALL{line}"))
        )
    }

    /// Returns whether the aggregate over an index, or the shared pass, says where the rows at the ends of the legs are.
    pub(super) fn knows_rows(&self) -> bool {
        match &self.pass {
            Some(pass) => pass.has_positions,
            None => self.is_in_order && self.can_know_rows(),
        }
    }

    /// Returns whether rows have positions, and the query needs the rows at the ends of the legs.
    fn can_know_rows(&self) -> bool {
        self.events.location_type == LocationType::Address
            && self.events.has_row_positions
            && !self.names_of_ends().is_empty()
    }

    /// Whether the radii of a table with coordinates are evaluated, and so are part of its legs.
    pub(super) fn evaluates_radii(&self) -> bool {
        self.events.has_accuracy && self.arguments.thresholds.use_accuracy
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.events.label(name).is_some()
    }

    fn id(&self) -> &'static str {
        if self.has("event_id") { "event_id" } else { "NULL::text" }
    }

    fn place_names(&self) -> Vec<&'static str> {
        self.events.place.iter().map(|(name, _)| *name).collect()
    }

    /// The keys of a table of the query.
    pub(super) fn of(&self, table: &str) -> String {
        self.keys.iter().map(|key| format!("{table}.{key}")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn since(&self, column: &str) -> Option<String> {
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
