//! The events of a source, as SQL: which rows are evaluated, and the entity, time and place of each.

use super::arguments::Arguments;
use super::column_sql::{Expression, as_text};
use super::columns::StandardColumns;
use super::event_time::EventTime;
use super::expression;
use super::nodes::Rows;
use super::place::{LocationType, location_sql, number, place_as_given, source_kind};
use crate::layouts::Recognized;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::identifiers;
use crate::pg::report::Report;
use crate::pg::spi;
use crate::source::is_textual;
use pgrx::pg_sys;
use strum::VariantArray;
use travel_cloudtrail::{CONSOLE, NOBODY};
use travel_core::columns::{EventLabel, PlaceField};
use travel_core::entity::HIDDEN;

/// The events of a source, as pieces of SQL from which the queries are built.
pub struct Events {
    pub location_type: LocationType,
    pub from: String,
    /// The caller's condition, ready for WHERE, unless the FROM clause contains it.
    pub condition: Option<String>,
    /// The columns of the entity.
    pub keys: Vec<Key>,
    pub time: EventTime,
    /// `address`, or `latitude, longitude`, as SQL.
    pub place: Vec<(&'static str, String)>,
    pub has_accuracy: bool,
    pub outcome: Option<String>,
    pub invoked_by: Option<String>,
    /// The kind of the source address, as SQL.
    pub source_kind: String,
    /// Whether there is a column with addresses, even if they do not locate the events.
    has_address: bool,
    /// The address or the coordinates as the source writes them, for examples of unreadable values.
    place_as_given: Option<String>,
    /// The record as text, as SQL, if the source has records that may not be JSON.
    record_as_text: Option<&'static str>,
    /// Whether the addresses are texts, which can be malformed.
    pub has_text_addresses: bool,
    /// The columns that describe an event, as text (the radius as float8): name and SQL.
    pub labels: Vec<(&'static str, String)>,
    missing: Vec<&'static str>,
    /// The layout from which the columns come, if they were not given.
    layout: Option<Recognized>,
    /// The FROM item over which the condition is written.
    pub condition_from: String,
    /// Whether an index leads from an entity and a time, or from a time alone, to the events.
    pub is_indexed: bool,
    /// Whether an index leads from an entity and a time to the events.
    pub is_indexed_by_entity: bool,
    /// Where the rows of the source are.
    pub rows: Rows,
    /// Whether an index leads to the first and the last event.
    pub is_sorted: bool,
    /// Whether the FROM clause is a table whose rows have positions (`ctid`) that the caller may read.
    pub has_row_positions: bool,
}

pub struct Key {
    /// The name in the entity list.
    pub name: String,
    pub sql: String,
    pub oid: pg_sys::Oid,
    /// Whether a table stores the value. Reading a stored value twice costs nothing.
    is_stored: bool,
}

/// The standard columns in which CloudTrail marks an unsigned request. Other columns may contain the same word as a
/// name.
const NAMES_CALLER: [&str; 5] = ["account_id", "principal_id", "principal", "actor", "arn"];

impl Events {
    /// Reads the columns of the source. Must be called within an SPI connection.
    pub fn of(arguments: &Arguments) -> Result<Self, TravelError> {
        Ok(Self::with(arguments, &[])?.0)
    }

    /// The times of the first and the last row that satisfy the condition, within an SPI connection.
    pub fn span(&self) -> Result<Option<(i64, i64)>, TravelError> {
        let which = self.condition.as_deref().unwrap_or("true");
        let rows = spi::select(&self.time.span(&self.from, which), &[]);
        spi::columns!(rows => first, last);
        Ok(rows.first().and_then(|row| row.i64(first).zip(row.i64(last))))
    }

    /// Reads the columns of the source, and further columns: standard ones or columns of the source, `None` for those
    /// that do not exist. Must be called within an SPI connection.
    pub fn with(
        arguments: &Arguments,
        more: &[String],
    ) -> Result<(Self, Vec<Option<Expression>>), TravelError> {
        Self::read(arguments, more, false)
    }

    /// Reads the columns of the source as [`Self::with`] does, for a query over all rows, whether they satisfy the
    /// condition or not: the FROM clause does not contain it, and [`Self::condition`] has it.
    pub fn over_all_rows(
        arguments: &Arguments,
        more: &[String],
    ) -> Result<(Self, Vec<Option<Expression>>), TravelError> {
        Self::read(arguments, more, true)
    }

    fn read(
        arguments: &Arguments,
        more: &[String],
        over_all_rows: bool,
    ) -> Result<(Self, Vec<Option<Expression>>), TravelError> {
        let columns = StandardColumns::of(arguments)?;
        let mut lent = Vec::new();
        if let Some(condition) = &arguments.condition {
            expression::check_syntax("condition", condition)?;
            lent = columns.lent(&expression::column_names(condition)?)?;
            expression::check_condition(condition, &columns.source_with(&lent), columns.source())?;
        }
        let is_stored = |sql: &str| columns.source().is_plain && columns.source().is_own_column(sql);
        let names = identifiers(&arguments.entity, b',').ok_or_else(|| SourceError::EntitySyntax {
            argument: "entity",
            entity: arguments.entity.clone(),
        })?;
        let keys = names
            .iter()
            .map(|name| {
                let Expression { sql, oid, .. } = columns.entity_part(name)?.checked()?;
                // All values of one entity must be the same text. If a type or a collation treats different texts as
                // equal, the text decides.
                Ok(if is_told_by_text(oid) && !columns.source().is_loose(&sql) {
                    Key { name: name.clone(), is_stored: is_stored(&sql), sql, oid }
                } else {
                    Key {
                        name: name.clone(),
                        sql: format!("({}) COLLATE \"C\"", as_text(&sql, oid)),
                        oid: pg_sys::TEXTOID,
                        is_stored: false,
                    }
                })
            })
            .collect::<Result<Vec<_>, TravelError>>()?;
        let time = columns.standard("event_time").ok_or_else(|| SourceError::NoTimeColumn {
            source: columns.source().name.clone(),
            available: columns.source().column_names(),
        })?;
        let time = EventTime::of(time, arguments)?;
        let (location_type, place) = location_sql(&columns)?;
        let carried = [&names[..], more].concat();
        let condition = arguments.condition.as_deref();
        let (from, condition) = if over_all_rows {
            columns.clause_over_all_rows(condition, &carried, &lent)
        } else {
            columns.clause_after_from(condition, &carried, &lent)
        };
        let more = more.iter().map(|name| columns.entity_part(name).ok()).collect();
        let accuracy =
            if location_type == LocationType::Coordinates { columns.standard("accuracy_km") } else { None };
        let text = |name: &str| columns.standard(name).map(Expression::into_text).transpose();
        let (outcome, invoked_by) = (text("outcome")?, text("invoked_by")?);
        let missing = [("outcome", &outcome), ("invoked_by", &invoked_by)]
            .iter()
            .filter(|(_, column)| column.is_none())
            .map(|(name, _)| *name)
            .collect();
        let place_names = match location_type {
            LocationType::Coordinates => &PlaceField::SUPPLIED[..],
            LocationType::Address => &[],
        };
        let mut labels: Vec<(&'static str, String)> = Vec::new();
        let event_names = EventLabel::VARIANTS.iter().map(EventLabel::into_str);
        for name in event_names.chain(place_names.iter().map(PlaceField::into_str)) {
            labels.extend(text(name)?.map(|sql| (name, sql)));
        }
        if let Some(accuracy) = &accuracy {
            labels.push(("accuracy_km", number("accuracy_km", accuracy.clone())?));
        }
        let key_columns: Vec<&str> = keys.iter().map(|key| key.sql.as_str()).collect();
        let rows = Rows::of(columns.source(), key_columns.iter().copied())?;
        let is_indexed_by_entity = columns.source().is_indexed_by(&key_columns, time.as_given());
        let is_indexed = is_indexed_by_entity || columns.source().begins_an_index_with(time.as_given());
        let has_text_addresses = place.first().is_some_and(|(_, sql)| sql.starts_with("travel.source_ip("));
        let events = Self {
            is_indexed,
            is_indexed_by_entity,
            rows,
            // A time that is read from another type is not sorted as its column is.
            is_sorted: time.key() == time.as_given() && columns.source().is_sorted_by(time.as_given()),
            has_row_positions: columns.source().has_row_positions()
                && from == format!("{} AS s", columns.source().name),
            location_type,
            place_as_given: place_as_given(&columns, location_type)?,
            record_as_text: columns.record_as_text(),
            has_text_addresses,
            from,
            condition,
            keys,
            time,
            source_kind: source_kind(&columns, location_type, &place)?,
            has_address: ["source_ip", "source_text"].iter().any(|name| columns.standard(name).is_some()),
            place,
            has_accuracy: accuracy.is_some(),
            layout: arguments.layout.clone(),
            condition_from: columns.source_with(&lent),
            outcome,
            invoked_by,
            labels,
            missing,
        };
        Ok((events, more))
    }

    /// The conditions under which a row is evaluated, except for its time: it has an entity, it is not a failed
    /// sign-in, no service made the call, and it satisfies the condition.
    pub fn filters(&self) -> Vec<String> {
        let mut filters = vec![self.has_entity()];
        if let Some(outcome) = &self.outcome {
            filters.push(format!("{outcome} IS DISTINCT FROM 'failed_auth'"));
        }
        if let Some(invoked_by) = &self.invoked_by {
            filters.push(format!(
                "({invoked_by} IS NULL OR {invoked_by} = '' OR {})",
                self.is_console_call(invoked_by)
            ));
        }
        filters.extend(self.condition.clone());
        filters
    }

    /// Returns the conditions that an event is in the range of the arguments, or can be the start of a leg in this
    /// range. For an open range, `<>` excludes the infinite time. An index on the time could not help with `<` or `>`.
    /// If the time were another column of an index, a scan would compare each entry with these bounds.
    pub fn within(&self, arguments: &Arguments) -> Vec<String> {
        let (from, until) = (arguments.first_start(), arguments.until);
        vec![
            self.time.bound(if from.is_some() { ">=" } else { "<>" }, from, "-infinity"),
            self.time.bound(if until.is_some() { "<" } else { "<>" }, until, "infinity"),
        ]
    }

    /// The condition that a service made the call, as SQL that is never NULL. `None` if the source does not say.
    pub fn is_service(&self) -> Option<String> {
        let invoked_by = self.invoked_by.as_ref()?;
        let is_console_call = self.is_console_call(invoked_by);
        Some(format!("({invoked_by} IS NOT NULL AND {invoked_by} <> '' AND NOT {is_console_call})"))
    }

    /// The condition that a person made the call in the AWS console: the console invoked it, from the person's own
    /// address. A table with coordinates has located that address already.
    fn is_console_call(&self, invoked_by: &str) -> String {
        if self.has_address {
            format!("({invoked_by} = '{CONSOLE}' AND {} = 'public')", self.source_kind)
        } else {
            format!("({invoked_by} = '{CONSOLE}')")
        }
    }

    /// The conditions that an event is ignored, and that it is located, as SQL over the columns `address` (or
    /// `latitude` and `longitude`) and `event_time`.
    pub fn ignored_and_located(&self) -> (&'static str, &'static str) {
        match self.location_type {
            LocationType::Address => (
                "travel_internal.is_ignored(travel.source_ip(address), event_time)",
                "travel.is_located(travel.source_ip(address), event_time)",
            ),
            LocationType::Coordinates => (
                "false",
                "latitude BETWEEN float8 '-90' AND '90' AND longitude BETWEEN float8 '-180' AND '180'",
            ),
        }
    }

    /// The text from which both the address and its kind are read, as SQL, if they are.
    pub fn source_as_text(&self) -> Option<&str> {
        let (_, address) = self.place.first()?;
        let text = self.source_kind.strip_prefix("travel.source_kind(")?;
        (address.strip_prefix("travel.source_ip(") == Some(text)).then(|| text.strip_suffix(')')).flatten()
    }

    /// Returns whether the kind of the source address is only what the address says.
    pub fn is_kind_of_address(&self) -> bool {
        self.place.first().is_some_and(|(_, address)| {
            self.source_kind == format!("travel.source_kind(pg_catalog.host({address}))")
        })
    }

    /// The record as the source writes it. `None` if the source has no records as text.
    pub fn record_as_text(&self) -> Option<&'static str> {
        self.record_as_text
    }

    pub fn place_as_given(&self) -> Option<&str> {
        self.place_as_given.as_deref()
    }

    /// The condition that every column of the entity has an identity.
    pub fn has_entity(&self) -> String {
        let nobody = |sql: String, key: &Key| {
            let is_anonymous = if NAMES_CALLER.contains(&key.name.as_str()) {
                let words: Vec<String> = NOBODY.iter().map(|nobody| format!("'{nobody}'")).collect();
                format!(" AND pg_catalog.lower({sql}) NOT IN ({})", words.join(", "))
            } else {
                String::new()
            };
            // PostgreSQL compares a value with single values three times as fast as with an array.
            if key.is_stored {
                format!("{sql} <> '' AND {sql} <> '{HIDDEN}'{is_anonymous}")
            } else {
                format!("{sql} NOT IN ('', '{HIDDEN}'){is_anonymous}")
            }
        };
        let part = |key: &Key| match key.oid {
            pg_sys::TEXTOID | pg_sys::VARCHAROID => nobody(key.sql.clone(), key),
            oid if is_textual(oid) => nobody(format!("{}::text", key.sql), key),
            _ => format!("{} IS NOT NULL", key.sql),
        };
        self.keys.iter().map(part).collect::<Vec<_>>().join(" AND ")
    }

    /// The entity as one text, from the keys under these names.
    pub fn entity(&self, names: &[String]) -> String {
        let text = |(key, name): (&Key, &String)| {
            if key.oid == pg_sys::TEXTOID { name.clone() } else { format!("{name}::text") }
        };
        let parts: Vec<String> = self.keys.iter().zip(names).map(text).collect();
        match &parts[..] {
            [single] => single.clone(),
            several => format!("travel_internal.entity(VARIADIC ARRAY[{}])", several.join(", ")),
        }
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, sql)| sql.as_str())
    }

    /// Reports which layout is used, and how times are read.
    pub fn notice_of_columns(&self) {
        if let Some(layout) = &self.layout {
            layout.send_notice();
        }
        self.time.send_notice();
    }

    /// Reports what [`Self::notice_of_columns`] does, and which columns are missing.
    pub fn notice_of_what_is_missing(&self) {
        self.notice_of_columns();
        if !self.missing.is_empty() {
            let mut unknown = Vec::new();
            if self.missing.contains(&"outcome") {
                unknown.push("failed sign-ins are evaluated like other events");
            }
            if self.missing.contains(&"invoked_by") {
                unknown.push("calls that an AWS service made are evaluated like other events");
            }
            Report::notice(format!(
                "source has no column {}: {}",
                self.missing.join(" and no column "),
                unknown.join(", and ")
            ))
            .hint("If the source has this information in other columns, name them in the argument columns.")
            .send();
        }
    }
}

/// Returns whether values of a type are equal exactly if their texts are, whatever the settings.
fn is_told_by_text(oid: pg_sys::Oid) -> bool {
    matches!(
        oid,
        pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::BPCHAROID
            | pg_sys::NAMEOID
            | pg_sys::UUIDOID
            | pg_sys::INT2OID
            | pg_sys::INT4OID
            | pg_sys::INT8OID
            | pg_sys::OIDOID
            | pg_sys::BOOLOID
    )
}
