//! The SQL over the source of a rule: what is new, and the histories of some entities.

use super::definition::Definition;
use super::exact_cursor;
use super::indexes;
use super::source_columns::SourceColumn;
use super::source_trust;
use crate::detect::{
    Arguments, Events, Expression, LocationType, check_row_condition, is_expression, is_volatile,
};
use crate::pg::errors::TravelError;
use crate::pg::identifier::identifiers;
use crate::pg::spi;
use crate::pg::time::utc;
use pgrx::pg_sys;
use std::ffi::CStr;
use travel_core::rule::Micros;

/// How a scan finds what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By the transaction that brought a row: this column is it.
    Transaction(String),
    /// By a column that says when a row arrived.
    Column(String),
    /// By reading the last part of the event time again.
    Lookback,
}

impl Arrival {
    /// As it is stored: by another one, other rows are new.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Transaction(column) | Self::Column(column) => column,
            Self::Lookback => "lookback",
        }
    }
}

pub struct SourceQueries {
    rule: String,
    pub source: String,
    pub location_type: LocationType,
    pub arrival: Arrival,
    /// Indexes lead from an entity, and from a baseline entity, and a time to the events.
    is_indexed: bool,
    select: String,
    pub from: String,
    filters: String,
    pub entity: String,
    pub baseline_entity: String,
    pub events: Events,
}

/// Where there is nobody whose places could be learnt.
const NO_BASELINE: &str = "NULL::text";

/// The first two are for what is found by one index. A plan that cannot do without a sequential scan is said to cost so
/// much that PostgreSQL would compile it.
const BY_INDEX: [(&CStr, &CStr); 4] = [
    (c"jit", c"off"),
    (c"enable_seqscan", c"off"),
    (c"enable_hashjoin", c"off"),
    (c"enable_mergejoin", c"off"),
];

/// What a pass reads of the source.
pub struct NewRows {
    /// Rows that arrived (by [`Arrival`]) after the one and not after the other; none: whenever.
    pub arrived: Option<String>,
    /// Later than this.
    pub after: Option<Micros>,
    /// At most so many rows, and those of the same time as the last.
    pub limit: usize,
    /// Find them by their arrival first: they are few.
    pub is_small: bool,
}

impl NewRows {
    /// One row, whichever.
    pub fn any() -> Self {
        Self { arrived: None, after: None, limit: 1, is_small: false }
    }
}

impl SourceQueries {
    /// Ready to be run. With the owner's rights, within an SPI connection.
    pub fn of(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        let mut queries = Self::read(definition, arguments)?;
        queries.must_be_planned_here()?;
        let leads_to = |key: &str| Ok(key == NO_BASELINE || indexes::lead_to(&queries, key)?);
        queries.is_indexed = leads_to(&queries.entity)? && leads_to(&queries.baseline_entity)?;
        Ok(queries)
    }

    /// As far as analysis goes: nothing is planned. With the owner's rights, within an SPI connection.
    pub fn read(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        if let Some(condition) = &definition.condition {
            check_row_condition(condition, &arguments.source)?;
        }
        let baseline_names = match &definition.baseline_entity {
            Some(list) => identifiers(list, b',').ok_or_else(|| TravelError::EntitySyntax {
                argument: "baseline_entity",
                entity: list.clone(),
            })?,
            None => Vec::new(),
        };
        let mut more = vec!["mfa_used".to_owned(), "ingest_xid".to_owned()];
        more.extend(definition.arrival_column.as_deref().map(|name| arguments.source.own_name(name)));
        let baseline_at = more.len();
        more.extend(baseline_names.iter().cloned());
        let (events, found) = Events::with(arguments, &more)?;
        for (key, text) in &arguments.columns {
            if is_expression(text) && is_volatile(&format!("columns.{key}"), text, &arguments.source)? {
                return Err(TravelError::ColumnsVolatile { key: key.clone(), text: text.clone() });
            }
        }
        let missing = |column: &str, name: &str| TravelError::RuleColumn {
            rule: definition.name.clone(),
            column: column.to_owned(),
            name: name.to_owned(),
            source: arguments.source.name.clone(),
            available: arguments.source.column_names(),
        };
        let transaction = found[1].as_ref().filter(|column| column.oid == pg_sys::XID8OID);
        let arrival = match (&definition.arrival_column, transaction) {
            (Some(name), _) => {
                let column = found[2].as_ref().ok_or_else(|| missing("arrival_column", name))?;
                if column.oid != pg_sys::TIMESTAMPTZOID {
                    return Err(TravelError::ColumnType {
                        column: format!("arrival_column {name}"),
                        is: crate::detect::type_name(column.oid),
                        wanted: "timestamptz",
                        hint: "Name a column that says when the row arrived, or leave it NULL.".to_owned(),
                    });
                }
                Arrival::Column(column.sql.clone())
            }
            (None, Some(column)) => Arrival::Transaction(column.sql.clone()),
            (None, None) => Arrival::Lookback,
        };
        let given = baseline_names
            .iter()
            .zip(&found[baseline_at..])
            .map(|(name, column)| column.clone().ok_or_else(|| missing("baseline_entity", name)))
            .collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<String> = events.keys.iter().map(|key| key.sql.clone()).collect();
        let entity = events.entity(&keys);
        let baseline_entity =
            if definition.baseline { baseline_sql(&events, given)? } else { NO_BASELINE.to_owned() };
        let queries = Self {
            rule: definition.name.clone(),
            source: arguments.source.name.clone(),
            location_type: events.location_type,
            arrival,
            is_indexed: false,
            select: select(&events, &entity, &baseline_entity, found[0].clone())?,
            from: events.from.clone(),
            filters: events.filters().join("\n  AND "),
            entity,
            baseline_entity,
            events,
        };
        // Before anything is planned: already that can run functions.
        let used = spi::objects_in(&queries.news(&NewRows::any()));
        source_trust::must_not_be_temporary(definition, &used)?;
        source_trust::must_be_trusted(definition, &used)?;
        queries.must_be_exact(exact_cursor::other_servers_rows(&queries)?)?;
        Ok(queries)
    }

    /// Checks that the exact cursor is valid for the source.
    fn must_be_exact(&self, why_not: Option<String>) -> Result<(), TravelError> {
        match (&self.arrival, why_not) {
            (Arrival::Transaction(column), Some(why)) => Err(TravelError::ArrivalNotExact {
                rule: self.rule.clone(),
                column: column.strip_prefix("s.").unwrap_or(column).to_owned(),
                why,
            }),
            _ => Ok(()),
        }
    }

    /// That PostgreSQL itself reads the rows, where transaction ids tell what is new. With the owner's rights, within an
    /// SPI connection.
    pub fn must_be_planned_here(&self) -> Result<(), TravelError> {
        match self.arrival {
            Arrival::Transaction(_) => self.must_be_exact(exact_cursor::other_engine(self)?),
            _ => Ok(()),
        }
    }

    /// Rows that a pass has not evaluated, in order of time.
    pub fn news(&self, news: &NewRows) -> String {
        let after = self.events.time_bound(">", news.after, "-infinity");
        let until = self.events.time_bound("<", None, "infinity");
        let arrived = news.arrived.as_ref().map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        let query = format!(
            "SELECT {}\nFROM {}\nWHERE {}\n  AND {after}\n  AND {until}{arrived}",
            self.select, self.from, self.filters
        );
        let limit = format!("ORDER BY event_time FETCH FIRST {} ROWS WITH TIES", news.limit);
        if news.is_small {
            format!("WITH news AS MATERIALIZED (\n{query}\n)\nSELECT *\nFROM news\n{limit}")
        } else {
            format!("{query}\n{limit}")
        }
    }

    /// Everything of some entities ($1, each later than its time in $2) and of some baseline entities ($3, $4), in order
    /// of time. A row may come twice.
    pub fn histories(&self) -> String {
        format!("{}\nORDER BY event_time", self.histories_of(&self.select))
    }

    /// Which entities and baseline entities these histories name together, and since when.
    pub fn names_in_histories(&self) -> String {
        let names = format!(
            "{} AS entity, {} AS baseline_entity, {} AS event_time",
            self.entity,
            self.baseline_entity,
            self.events.time()
        );
        format!(
            "SELECT entity, baseline_entity, pg_catalog.min(event_time)\nFROM (\n{}\n) AS h\nGROUP BY entity, baseline_entity",
            self.histories_of(&names)
        )
    }

    /// Whether places are learnt for anybody.
    pub fn has_baseline(&self) -> bool {
        self.baseline_entity != NO_BASELINE
    }

    /// The time of the newest event.
    pub fn newest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.max({}) FROM {} WHERE {}",
            self.events.time(),
            self.from,
            self.events.time_bound("<", None, "infinity")
        )
    }

    /// The time of the oldest event.
    pub fn oldest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.min({}) FROM {} WHERE {}",
            self.events.time(),
            self.from,
            self.events.time_bound(">", None, "-infinity")
        )
    }

    /// The newest arrival. What claims to come from the future is read when its time has come.
    pub fn newest_arrival(&self, column: &str) -> String {
        format!(
            "SELECT pg_catalog.max({column}) FROM {} WHERE {column} <= pg_catalog.clock_timestamp()",
            self.from
        )
    }

    /// Runs a query over histories: by the indexes where they serve, as nobody can estimate how many rows a member has.
    pub fn look_up<R>(&self, body: impl FnOnce() -> R) -> R {
        if self.is_indexed { spi::with_settings(&BY_INDEX, body) } else { body() }
    }

    /// Runs a query over news: what is little is found by the index on how it arrived, whatever the statistics say.
    pub fn by_arrival<R>(&self, news: &NewRows, body: impl FnOnce() -> R) -> R {
        if news.is_small { spi::with_settings(&BY_INDEX[..2], body) } else { body() }
    }

    fn histories_of(&self, select: &str) -> String {
        let is_later = self.events.is_later_than("m.evaluated_until");
        // In a query of its own, so that what the caller's SQL names is looked up in his table alone: a column of it may
        // be called name.
        let part = |sql: &str, names: u8, times: u8| {
            format!(
                "SELECT h.*\nFROM unnest(${names}::text[], ${times}::timestamptz[]) AS m (name, evaluated_until)\n\
                 CROSS JOIN LATERAL (\nSELECT {select}\nFROM {}\nWHERE {sql} = m.name AND {is_later}\n  AND {}\n  AND {}\n) AS h",
                self.from,
                self.filters,
                self.events.time_bound("<", None, "infinity"),
            )
        };
        let mut parts = vec![part(&self.entity, 1, 2)];
        if self.baseline_entity != NO_BASELINE {
            parts.push(part(&self.baseline_entity, 3, 4));
        }
        parts.join("\nUNION ALL\n")
    }
}

/// Rows that a snapshot sees and an earlier one did not.
pub fn seen_since(xid: &str, earlier: &str, now: &str, own: &str) -> String {
    format!(
        "{xid} >= pg_catalog.pg_snapshot_xmin('{earlier}'::pg_snapshot)\n  \
         AND NOT pg_catalog.pg_visible_in_snapshot({xid}, '{earlier}'::pg_snapshot)\n  \
         AND (pg_catalog.pg_visible_in_snapshot({xid}, '{now}'::pg_snapshot) OR {xid} = '{own}'::xid8)"
    )
}

/// Rows that arrived after one time and not after another.
pub fn arrived_between(column: &str, after: Option<Micros>, until: Option<Micros>) -> String {
    let bound = |operator: &str, time: Option<Micros>, open: &str| {
        format!("{column} {operator} timestamptz '{}'", time.map_or_else(|| open.to_owned(), utc))
    };
    format!("{} AND {}", bound(">", after, "-infinity"), bound("<=", until, "infinity"))
}

/// Whom places are learnt for, as SQL.
fn baseline_sql(events: &Events, given: Vec<Expression>) -> Result<String, TravelError> {
    if given.is_empty() {
        return Ok(match (events.label("actor"), events.label("principal")) {
            (Some(actor), Some(principal)) => format!("coalesce({actor}, {principal})"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => NO_BASELINE.to_owned(),
        });
    }
    let parts = given.into_iter().map(Expression::into_text).collect::<Result<Vec<_>, _>>()?;
    Ok(match &parts[..] {
        [single] => single.clone(),
        several => format!("travel_internal.entity(VARIADIC ARRAY[{}])", several.join(", ")),
    })
}

fn select(
    events: &Events,
    entity: &str,
    baseline_entity: &str,
    mfa_used: Option<Expression>,
) -> Result<String, TravelError> {
    let mfa_used = match mfa_used {
        None => "NULL::boolean".to_owned(),
        Some(column) if column.oid == pg_sys::BOOLOID => column.sql,
        // CloudTrail has both "true" and "Yes"; as in travel.parse, what is there and does not say so is false.
        Some(column) => {
            format!(
                "(pg_catalog.lower(nullif({}, '')) IN ('true', 't', 'yes', 'y', '1'))",
                column.into_text()?
            )
        }
    };
    let place = |name: &str, kind: &str| {
        let sql = events.place.iter().find(|(part, _)| *part == name).map(|(_, sql)| sql.clone());
        sql.unwrap_or_else(|| format!("NULL::{kind}"))
    };
    let label =
        |name: &str, kind: &str| events.label(name).map_or_else(|| format!("NULL::{kind}"), str::to_owned);
    let sql = |column: SourceColumn| match column {
        SourceColumn::Entity => entity.to_owned(),
        SourceColumn::BaselineEntity => baseline_entity.to_owned(),
        SourceColumn::EventTime => events.time(),
        SourceColumn::Address => place(column.name(), "inet"),
        SourceColumn::Latitude | SourceColumn::Longitude => place(column.name(), "float8"),
        SourceColumn::AccuracyKm => label(column.name(), "float8"),
        SourceColumn::MfaUsed => mfa_used.clone(),
        SourceColumn::Label(_) | SourceColumn::Place(_) => label(column.name(), "text"),
    };
    let select: Vec<String> =
        SourceColumn::all().map(|column| format!("{} AS {}", sql(column), column.name())).collect();
    Ok(select.join(",\n       "))
}
