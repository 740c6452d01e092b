//! The SQL over a rule's source: new rows, and the histories of members.

use super::arrival::{Arrival, ArrivalTime};
use super::definition::Definition;
use super::exact_cursor;
use super::indexes;
use super::minting_query::MintingQuery;
use super::source_columns::QueryColumn;
use super::source_trust;
use crate::detect::{
    Arguments, Events, Expression, LocationType, boolean, check_condition_is_not_volatile,
    check_row_condition_alone, is_expression, is_volatile,
};
use crate::pg::errors::{RuleError, SourceError, TravelError};
use crate::pg::identifier::identifiers;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use crate::pg::time::{just_after, just_before, utc};
use pgrx::pg_sys;
use std::ffi::CStr;
use travel_core::rule::Micros;

/// The queries over the source of one rule.
pub struct SourceQueries {
    rule: String,
    pub source: String,
    pub location_type: LocationType,
    pub arrival: Arrival,
    /// Indexes find the events of an entity, and of a baseline user, after a time.
    is_indexed: bool,
    /// These indexes are used for each member on its own, because the rows are PostgreSQL's own. Another server or engine
    /// gets one query for all members.
    is_by_member: bool,
    select: String,
    pub from: String,
    filters: String,
    pub entity: String,
    pub baseline_entity: String,
    pub events: Events,
    /// Histories end before this time. `None`: they have no end.
    pub until: Option<Micros>,
    /// The query for the events that minted keys, if the rule has lineage.
    pub mintings: Option<MintingQuery>,
}

/// The baseline user of rules without a baseline, as SQL.
const NO_BASELINE: &str = "NULL::text";

/// Settings for queries that indexes answer. The first two are for a single index. JIT is off because a plan that needs
/// a sequential scan nevertheless is then estimated at a cost at which PostgreSQL would compile it.
const BY_INDEX: [(&CStr, &CStr); 4] = [
    (c"jit", c"off"),
    (c"enable_seqscan", c"off"),
    (c"enable_hashjoin", c"off"),
    (c"enable_mergejoin", c"off"),
];

/// Which rows of the source a step reads.
pub struct NewRows {
    /// The condition on their arrival (see [`Arrival`]), as SQL. `None` for any arrival.
    pub arrived: Option<String>,
    /// Their event time is later than this.
    pub after: Option<Micros>,
    /// At most this many rows, plus those of the same time as the last one.
    pub limit: usize,
    /// They are few, and best found by their arrival.
    pub is_small: bool,
    /// Whether the next pass reads a row again, as SQL, with NULL for a row of which that is not known. `None`: not so.
    pub read_again: Option<String>,
}

impl NewRows {
    /// Any single row.
    pub fn any() -> Self {
        Self { arrived: None, after: None, limit: 1, is_small: false, read_again: None }
    }
}

impl SourceQueries {
    /// Builds the queries, planned and ready to run. With the owner's rights, within an SPI connection.
    pub fn of(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::read(definition, arguments)?.planned()
    }

    /// Builds the queries as [`Self::of`] does, but the FROM clause has the rows that the condition excludes, too. For
    /// [`Self::rows_of_entity`].
    pub fn over_all_rows(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::build(definition, arguments, Events::over_all_rows)?.planned()
    }

    fn planned(mut self) -> Result<Self, TravelError> {
        let other_engine = exact_cursor::other_engine(&self)?;
        let is_here = other_engine.is_none();
        self.must_be_exact(other_engine)?;
        let leads_to = |key: &str| Ok::<_, TravelError>(key == NO_BASELINE || indexes::lead_to(&self, key)?);
        self.is_indexed = leads_to(&self.entity)? && leads_to(&self.baseline_entity)?;
        self.is_by_member = self.is_indexed && is_here;
        Ok(self)
    }

    /// Builds the queries without planning any. With the owner's rights, within an SPI connection.
    pub fn read(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::build(definition, arguments, Events::with)
    }

    /// `read` reads the columns of the source: [`Events::with`] or [`Events::over_all_rows`].
    fn build(
        definition: &Definition,
        arguments: &Arguments,
        read: impl Fn(&Arguments, &[String]) -> Result<(Events, Vec<Option<Expression>>), TravelError>,
    ) -> Result<Self, TravelError> {
        if let Some(condition) = &definition.condition {
            check_row_condition_alone(condition)?;
        }
        let baseline_names = match &definition.baseline_entity {
            Some(list) => identifiers(list, b',').ok_or_else(|| SourceError::EntitySyntax {
                argument: "baseline_entity",
                entity: list.clone(),
            })?,
            None => Vec::new(),
        };
        let mut more = vec!["mfa_used".to_owned(), "ingest_xid".to_owned()];
        more.extend(definition.arrival_column.as_deref().map(|name| arguments.source.own_name(name)));
        let baseline_at = more.len();
        more.extend(baseline_names.iter().cloned());
        let (events, found) = read(arguments, &more)?;
        if let Some(condition) = &definition.condition {
            check_condition_is_not_volatile(condition, &events.condition_from, &arguments.source)?;
        }
        for (key, text) in &arguments.columns {
            if is_expression(text) && is_volatile(&format!("columns.{key}"), text, &arguments.source)? {
                return Err(RuleError::ColumnsVolatile { key: key.clone(), text: text.clone() }.into());
            }
        }
        let missing = |column: &str, name: &str| RuleError::ColumnNotFound {
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
                Arrival::Column(ArrivalTime::of(&arguments.source.own_name(name), column)?)
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
        let baseline_entity = baseline_of(definition, &events, given)?;
        let mintings = definition
            .lineage
            .then(|| MintingQuery::of(definition, arguments, &more, baseline_at))
            .transpose()?;
        let queries = Self {
            rule: definition.name.clone(),
            source: arguments.source.name.clone(),
            location_type: events.location_type,
            arrival,
            is_indexed: false,
            is_by_member: false,
            select: select(&events, &entity, &baseline_entity, found[0].clone())?,
            from: events.from.clone(),
            filters: events.filters().join("\n  AND "),
            entity,
            baseline_entity,
            events,
            until: None,
            mintings,
        };
        // Planning can run functions, so this comes first.
        let any = NewRows::any();
        let mintings = queries.mintings.as_ref().map(|mintings| mintings.new_rows(&any, None));
        for query in [queries.new_rows(&any)].into_iter().chain(mintings) {
            let used = spi::objects_in(&query);
            source_trust::must_not_be_temporary(definition, &used)?;
            source_trust::must_be_trusted(definition, &used)?;
        }
        queries.must_be_exact(exact_cursor::other_servers_rows(&queries)?)?;
        Ok(queries)
    }

    /// Checks that the exact cursor is valid for the source.
    fn must_be_exact(&self, why_not: Option<String>) -> Result<(), TravelError> {
        match (&self.arrival, why_not) {
            (Arrival::Transaction(column), Some(why)) => Err(RuleError::ArrivalNotExact {
                rule: self.rule.clone(),
                column: column.strip_prefix("s.").unwrap_or(column).to_owned(),
                why,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks that PostgreSQL itself reads the rows, if transaction ids tell what is new. With the owner's rights,
    /// within an SPI connection.
    pub fn must_be_planned_here(&self) -> Result<(), TravelError> {
        match self.arrival {
            Arrival::Transaction(_) => self.must_be_exact(exact_cursor::other_engine(self)?),
            _ => Ok(()),
        }
    }

    /// A query for rows that a pass has not read yet, in order of time. Behind the columns of [`QueryColumn`] is
    /// whether `read_again` holds.
    pub fn new_rows(&self, news: &NewRows) -> String {
        let after = self.events.time.bound(">", news.after, "-infinity");
        let until = self.events.time.bound("<", None, "infinity");
        let arrived = news.arrived.as_ref().map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        let query = format!(
            "SELECT {},\n       {} AS is_read_again\nFROM {}\nWHERE {}\n  AND {after}\n  AND {until}{arrived}",
            self.select,
            news.read_again.as_deref().unwrap_or("false"),
            self.from,
            self.filters
        );
        let limit = format!("ORDER BY event_time FETCH FIRST {} ROWS WITH TIES", news.limit);
        if news.is_small {
            format!("WITH news AS MATERIALIZED (\n{query}\n)\nSELECT *\nFROM news\n{limit}")
        } else {
            format!("{query}\n{limit}")
        }
    }

    /// A query for all events before a time, in order of time. `arrived` is a condition on their arrival, as SQL.
    pub fn events_before(&self, until: Option<Micros>, arrived: Option<&str>) -> String {
        let arrived = arrived.map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        format!(
            "SELECT {}\nFROM {}\nWHERE {}\n  AND {}\n  AND {}{arrived}\nORDER BY event_time",
            self.select,
            self.from,
            self.filters,
            self.events.time.bound(">", None, "-infinity"),
            self.events.time.bound("<", until, "infinity"),
        )
    }

    /// The condition, as SQL, on the rows that the first pass of a new rule reads. `None` for any arrival. Within an SPI
    /// connection.
    pub fn arrived_by_now(&self, owner: Role) -> Option<String> {
        let Arrival::Column(column) = &self.arrival else { return None };
        let arriving = self.newest_arrival(owner)?;
        Some(column.between(None, Some(arriving)))
    }

    /// The newest arrival, if a column holds it. Within an SPI connection.
    pub fn newest_arrival(&self, owner: Role) -> Option<Micros> {
        let Arrival::Column(column) = &self.arrival else { return None };
        let newest = column.newest(&self.from);
        with_rights_of(owner, || spi::select_time(&newest))
    }

    /// A query for all events of some entities ($1, each after its time in $2) and of some baseline users ($3, $4), in
    /// order of time. A row may be returned twice.
    pub fn histories(&self) -> String {
        format!("{}\nORDER BY event_time", self.histories_of(&self.select))
    }

    /// A query for all rows of an entity ($1; with lineage, an array of its keys) in a range of time, whether they are
    /// evaluated or not, in order of time. The queries must have been built by [`Self::over_all_rows`], or the rule must
    /// have no condition. Behind the columns of [`QueryColumn`] are the kind of the address, whether `unread` holds, and
    /// the status.
    pub fn rows_of_entity(&self, since: Option<Micros>, until: Option<Micros>, unread: &str) -> String {
        let events = &self.events;
        let names: Vec<&str> = QueryColumn::all().map(QueryColumn::name).collect();
        let flag = |sql: Option<String>| sql.unwrap_or_else(|| "false".to_owned());
        let failed =
            events.outcome.as_ref().map(|outcome| format!("{outcome} IS NOT DISTINCT FROM 'failed_auth'"));
        let (is_ignored, is_located) = events.ignored_and_located();
        let time = &events.time;
        let begin = match since {
            Some(_) => time.bound(">=", since, "-infinity"),
            None => time.bound(">", None, "-infinity"),
        };
        // At a single time there are few rows, so they are found by the time.
        let is_moment = since.zip(until).is_some_and(|(since, until)| until == just_after(since));
        let is_by_member = self.has_lineage() && self.is_by_member && !is_moment;
        let (of_keys, is_of_entity, begin, fence) = if is_by_member {
            let keys = format!(
                "unnest($1::text[]) AS m (name)\nCROSS JOIN (SELECT timestamptz '{}' AS after OFFSET 0) AS since\n\
                 CROSS JOIN LATERAL ",
                since.map_or_else(|| "-infinity".to_owned(), |since| utc(just_before(since)))
            );
            (keys, self.is_of_member(&self.entity), time.is_later_than("since.after"), self.fence())
        } else {
            let keys = if self.has_lineage() { "ANY ($1)" } else { "$1" };
            (String::new(), format!("{} = {keys}", self.entity), begin, "")
        };
        format!(
            "SELECT {names}, source_kind, is_unread,
       CASE
           WHEN NOT is_wanted THEN 'excluded'
           WHEN is_failed_auth THEN 'failed_auth'
           WHEN is_service THEN 'service'
           WHEN {is_ignored} THEN 'ignored'
           WHEN ({is_located}) IS NOT TRUE THEN 'not_located'
           ELSE 'evaluated'
       END AS status
FROM {of_keys}(
    SELECT {select},
       {kind} AS source_kind, {unread} AS is_unread, CASE WHEN {wanted} THEN true ELSE false END AS is_wanted,
       {failed} AS is_failed_auth, {service} AS is_service
    FROM {from}
    WHERE {is_of_entity} AND {has_entity}
      AND {begin}
      AND {end}{fence}
) AS e
ORDER BY event_time",
            names = names.join(", "),
            select = self.select,
            kind = events.source_kind,
            wanted = events.condition.as_deref().unwrap_or("true"),
            failed = flag(failed),
            service = flag(events.is_service()),
            from = self.from,
            has_entity = events.has_entity(),
            end = time.bound("<", until, "infinity"),
        )
    }

    /// A query for the times of the first and the last row of an entity ($1; with lineage, an array of its keys). `None`
    /// if it would read the whole source.
    pub fn span_of_entity(&self) -> Option<String> {
        let time = &self.events.time;
        // Where statistics are missing, min() and max() would read all rows of the entity.
        let end = |direction: &str| {
            format!(
                "(SELECT {} FROM {} WHERE {} AND {} AND {} ORDER BY {}{direction} LIMIT 1)",
                time.as_timestamptz(),
                self.from,
                if self.has_lineage() {
                    self.is_of_member(&self.entity)
                } else {
                    format!("{} = $1", self.entity)
                },
                time.bound(">", None, "-infinity"),
                time.bound("<", None, "infinity"),
                time.key(),
            )
        };
        let span = format!("SELECT {} AS first, {} AS last", end(""), end(" DESC"));
        let query = if self.has_lineage() {
            format!(
                "SELECT pg_catalog.min(h.first) AS first, pg_catalog.max(h.last) AS last\n\
                 FROM unnest($1::text[]) AS m (name)\nCROSS JOIN LATERAL ({span}) AS h"
            )
        } else {
            span
        };
        self.is_indexed.then_some(query)
    }

    /// A query for the first event of each of these entities, or baseline users ($1).
    pub fn first_events(&self, of_baseline: bool) -> String {
        let (sql, time) = (if of_baseline { &self.baseline_entity } else { &self.entity }, &self.events.time);
        if self.is_by_member {
            return format!(
                "SELECT m.name, h.first\nFROM unnest($1::text[]) AS m (name)\n\
                 CROSS JOIN LATERAL (\nSELECT {} AS first\nFROM {}\nWHERE {}\n  AND {}\n  AND {}\n  AND {}\n\
                 ORDER BY {}\nLIMIT 1\n) AS h",
                time.as_timestamptz(),
                self.from,
                self.is_of_member(sql),
                self.filters,
                time.bound(">", None, "-infinity"),
                time.bound("<", self.until, "infinity"),
                time.key(),
            );
        }
        format!(
            "SELECT {sql} AS name, pg_catalog.min({}) AS first\nFROM {}\nWHERE {sql} = ANY ($1)\n  AND {}\n  AND {}\n  AND {}\n\
             GROUP BY 1",
            time.as_timestamptz(),
            self.from,
            self.filters,
            time.bound(">", None, "-infinity"),
            time.bound("<", self.until, "infinity"),
        )
    }

    /// A query for the time of the first event, up to a time, of these entities ($1) and baseline users ($3), among the
    /// rows with a condition on their arrival. Its arguments are those of [`Self::histories`]. If an index finds such rows,
    /// they are few beside those of the members.
    pub fn first_arrived(&self, arrived: &str, until: Micros) -> Result<String, TravelError> {
        let materialized = if indexes::lead_to_new_rows(self)? { "MATERIALIZED" } else { "NOT MATERIALIZED" };
        Ok(format!(
            "WITH news AS {materialized} (\nSELECT {} AS event_time, {} AS entity, {} AS baseline_entity\nFROM {}\n\
             WHERE {arrived}\n  AND {}\n)\n\
             SELECT pg_catalog.min(event_time) AS first\nFROM news\n\
             WHERE (entity = ANY ($1) OR baseline_entity = ANY ($3)) AND event_time > '-infinity' AND event_time <= '{}'",
            self.events.time.as_timestamptz(),
            self.entity,
            self.baseline_entity,
            self.from,
            self.filters,
            utc(until),
        ))
    }

    /// A query for the pairs of entity and baseline user in these histories, each with its oldest event.
    pub fn names_in_histories(&self) -> String {
        let names = format!(
            "{} AS entity, {} AS baseline_entity, {} AS event_time",
            self.entity,
            self.baseline_entity,
            self.events.time.as_timestamptz()
        );
        format!(
            "SELECT entity, baseline_entity, pg_catalog.min(event_time) AS oldest\nFROM (\n{}\n) AS h\nGROUP BY entity, baseline_entity",
            self.histories_of(&names)
        )
    }

    /// Whether a temporary key is evaluated together with the key that minted it.
    pub fn has_lineage(&self) -> bool {
        self.mintings.is_some()
    }

    /// Whether locations are learned for a baseline user.
    pub fn has_baseline(&self) -> bool {
        self.baseline_entity != NO_BASELINE
    }

    /// A query for the time of the newest event.
    pub fn newest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.max({}) FROM {} WHERE {}",
            self.events.time.as_timestamptz(),
            self.from,
            self.events.time.bound("<", None, "infinity")
        )
    }

    /// A query for the time of the oldest event.
    pub fn oldest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.min({}) FROM {} WHERE {}",
            self.events.time.as_timestamptz(),
            self.from,
            self.events.time.bound(">", None, "-infinity")
        )
    }

    /// Runs a query over histories. It uses indexes if there are any, because the planner cannot estimate how many rows
    /// a member has.
    pub fn look_up<R>(&self, body: impl FnOnce() -> R) -> R {
        if self.is_indexed { spi::with_settings(&BY_INDEX, body) } else { body() }
    }

    /// Runs a query over new rows. If they are few, it uses the index on their arrival, whatever the statistics say.
    pub fn by_arrival<R>(&self, news: &NewRows, body: impl FnOnce() -> R) -> R {
        if news.is_small { spi::with_settings(&BY_INDEX[..2], body) } else { body() }
    }

    /// The condition that a row, whose entity or baseline user is given as SQL, is one of the member `m.name`. Of an equal
    /// sign alone, PostgreSQL estimates by the statistics how many rows it finds: all rows if the source had one member
    /// when the statistics were collected. A range of unknown bounds is always estimated at one row in 200, so the index on
    /// the member and the time costs less than one on the time alone.
    fn is_of_member(&self, sql: &str) -> String {
        if self.is_by_member {
            format!("{sql} = m.name AND {sql} >= m.name AND {sql} <= m.name")
        } else {
            format!("{sql} = m.name")
        }
    }

    /// The end of a subquery over the rows of the member `m.name`. With it, PostgreSQL looks up each member. Without it,
    /// PostgreSQL would compare each row with each member if it expects few rows.
    fn fence(&self) -> &'static str {
        if self.is_by_member { "\n  OFFSET 0" } else { "" }
    }

    fn histories_of(&self, select: &str) -> String {
        let is_later = self.events.time.is_later_than("m.evaluated_until");
        // The source is in a query of its own, where only its columns are visible: one of them may be called name.
        let part = |sql: &str, names: u8, times: u8| {
            format!(
                "SELECT h.*\nFROM unnest(${names}::text[], ${times}::timestamptz[]) AS m (name, evaluated_until)\n\
                 CROSS JOIN LATERAL (\nSELECT {select}\nFROM {}\nWHERE {} AND {is_later}\n  AND {}\n  AND {}{}\n) AS h",
                self.from,
                self.is_of_member(sql),
                self.filters,
                self.events.time.bound("<", self.until, "infinity"),
                self.fence(),
            )
        };
        let mut parts = vec![part(&self.entity, 1, 2)];
        if self.baseline_entity != NO_BASELINE {
            parts.push(part(&self.baseline_entity, 3, 4));
        }
        parts.join("\nUNION ALL\n")
    }
}

/// The baseline user of an event of a rule, as SQL.
pub(super) fn baseline_of(
    definition: &Definition,
    events: &Events,
    given: Vec<Expression>,
) -> Result<String, TravelError> {
    if definition.baseline { baseline_sql(events, given) } else { Ok(NO_BASELINE.to_owned()) }
}

/// The baseline user of an event, as SQL.
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
    let mfa_used = mfa_used.map_or_else(|| Ok("NULL::boolean".to_owned()), boolean)?;
    let place = |name: &str, kind: &str| {
        let sql = events.place.iter().find(|(part, _)| *part == name).map(|(_, sql)| sql.clone());
        sql.unwrap_or_else(|| format!("NULL::{kind}"))
    };
    let label =
        |name: &str, kind: &str| events.label(name).map_or_else(|| format!("NULL::{kind}"), str::to_owned);
    let sql = |column: QueryColumn| match column {
        QueryColumn::Entity => entity.to_owned(),
        QueryColumn::BaselineEntity => baseline_entity.to_owned(),
        QueryColumn::EventTime => events.time.as_timestamptz(),
        QueryColumn::Address => place(column.name(), "inet"),
        QueryColumn::Latitude | QueryColumn::Longitude => place(column.name(), "float8"),
        QueryColumn::AccuracyKm => label(column.name(), "float8"),
        QueryColumn::MfaUsed => mfa_used.clone(),
        QueryColumn::Label(_) | QueryColumn::Place(_) => label(column.name(), "text"),
    };
    let select: Vec<String> =
        QueryColumn::all().map(|column| format!("{} AS {}", sql(column), column.name())).collect();
    Ok(select.join(",\n       "))
}
