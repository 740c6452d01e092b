//! The diagnosis of rows that are not evaluated: how many there are for each cause, with an example of each.
//! `travel.detect` runs it if it evaluated nothing, `travel.check_rule` runs it for the newest rows of a rule's source,
//! and a scan runs it for the rows it read if none of them could be used.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::place::LocationType;
use crate::event_counts::EventCounts;
use crate::pg::errors::TravelError;
use crate::pg::report::{Report, counted};
use crate::pg::time::utc;
use crate::pg::{settings, spi};
use strum::EnumString;
use travel_core::hidden::visible;

/// The number of rows that are evaluated, and of those that are not, by cause.
#[derive(Debug, Default)]
pub struct Diagnosis {
    pub evaluated: u64,
    causes: Vec<Count>,
}

#[derive(Debug)]
struct Count {
    cause: Cause,
    rows: u64,
    example: Option<String>,
}

/// The cause for which a row is not evaluated. The first one that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
enum Cause {
    Condition,
    BadRecord,
    NoTime,
    BadTime,
    NoEntity,
    FailedAuth,
    Service,
    Ignored,
    // The next six are not located; their names are those of `travel.source_kind`, with `unknown` for public addresses.
    #[strum(serialize = "absent")]
    NoAddress,
    #[strum(serialize = "malformed")]
    BadAddress,
    #[strum(serialize = "private")]
    PrivateAddress,
    AwsService,
    AwsInternal,
    #[strum(serialize = "unknown")]
    UnknownAddress,
    #[strum(serialize = "coordinates")]
    BadCoordinates,
}

/// The rows that are examined.
pub enum DiagnosedRows<'a> {
    /// All rows that satisfy a condition in SQL, or all rows.
    All(Option<&'a str>),
    /// At most `count` rows: the newest if an index on the time finds them, otherwise any.
    Newest { count: usize, by_time: bool },
}

/// The hint for rows that cannot be used.
pub const LOOK_AT_COLUMNS: &str = "Call travel.coverage, which counts the rows by status. Use columns to name the columns of \
                                   the source, or to convert their values with an expression.";

/// The longest example in a message, in characters.
const LONGEST_EXAMPLE: usize = 60;

impl Diagnosis {
    /// Runs the diagnosis with the rights of a role that may read the source, within an SPI connection.
    pub fn of(events: &Events, rows: &DiagnosedRows) -> Result<Self, TravelError> {
        let found = spi::select(&query(events, rows), &[]);
        let mut diagnosis = Self::default();
        spi::columns!(found => cause, count, example);
        for row in found.iter() {
            let count = row.i64(count).unwrap_or_default() as u64;
            match Cause::from_name(row.text(cause)?.unwrap_or_default()) {
                None => diagnosis.evaluated += count,
                Some(cause) => {
                    let example = row.string(example)?;
                    diagnosis.causes.push(Count { cause, rows: count, example });
                }
            }
        }
        Ok(diagnosis)
    }

    pub fn rows(&self) -> u64 {
        self.evaluated + self.causes.iter().map(|count| count.rows).sum::<u64>()
    }

    /// The number of rows that cannot be evaluated although neither the condition nor their kind excludes them.
    pub fn unusable(&self) -> u64 {
        self.causes.iter().filter(|count| !count.cause.is_by_design()).map(|count| count.rows).sum()
    }

    /// Returns whether there are rows and the condition selects none of them.
    pub fn is_all_left_out(&self) -> bool {
        !self.causes.is_empty()
            && self.evaluated == 0
            && self.causes.iter().all(|count| count.cause == Cause::Condition)
    }

    /// The causes as one sentence. Examples are for those who may read the source.
    pub fn sentence(&self, with_examples: bool) -> String {
        sentence(self.causes.iter(), with_examples)
    }

    /// The sentence for unreadable times and addresses alone. `None` if there are none.
    pub fn unreadable(&self) -> Option<String> {
        let mut unreadable = self
            .causes
            .iter()
            .filter(|count| matches!(count.cause, Cause::BadRecord | Cause::BadTime | Cause::BadAddress))
            .peekable();
        unreadable.peek()?;
        Some(sentence(unreadable, true))
    }
}

fn sentence<'a>(causes: impl Iterator<Item = &'a Count>, with_examples: bool) -> String {
    let parts: Vec<String> = causes.map(|count| count.in_words(with_examples)).collect();
    format!("{}.", parts.join("; "))
}

impl Count {
    fn in_words(&self, with_example: bool) -> String {
        let (one, several) = self.cause.words();
        let what =
            if self.rows == 1 { format!("1 row {one}") } else { format!("{} rows {several}", self.rows) };
        match self.example.as_ref().filter(|_| with_example) {
            // Text that attackers write into a log must not control a terminal.
            Some(example) => format!("{what}, for example \"{}\"", visible(example)),
            None => what,
        }
    }
}

impl Cause {
    /// The cause that the query names; `None` for rows that are evaluated.
    fn from_name(name: &str) -> Option<Self> {
        if name == "evaluated" { None } else { Some(name.parse().unwrap_or(Self::UnknownAddress)) }
    }

    fn is_by_design(self) -> bool {
        matches!(self, Self::Condition | Self::FailedAuth | Self::Service | Self::Ignored)
    }

    /// The words for one row and for several rows.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Condition => ("does not satisfy the condition", "do not satisfy the condition"),
            Self::BadRecord => ("has a record that is not JSON", "have a record that is not JSON"),
            Self::NoTime => ("has no time", "have no time"),
            Self::BadTime => ("has a time that cannot be read", "have a time that cannot be read"),
            Self::NoEntity => ("has no entity", "have no entity"),
            Self::FailedAuth => ("is a failed sign-in", "are failed sign-ins"),
            Self::Service => ("is a call that an AWS service made", "are calls that an AWS service made"),
            Self::Ignored => ("is from an ignored network", "are from ignored networks"),
            Self::NoAddress => ("has no address", "have no address"),
            Self::BadAddress => ("has a malformed address", "have a malformed address"),
            Self::PrivateAddress => (
                "has a private address that no named network locates",
                "have a private address that no named network locates",
            ),
            Self::AwsService => ("is from an AWS service", "are from an AWS service"),
            Self::AwsInternal => ("is from AWS Internal", "are from AWS Internal"),
            Self::UnknownAddress => (
                "has an address that no GeoIP database and no named network locates",
                "have an address that no GeoIP database and no named network locates",
            ),
            Self::BadCoordinates => ("has no usable coordinates", "have no usable coordinates"),
        }
    }
}

/// Reports the result of `travel.detect`: a notice that counts the events, or a warning if there are rows and none was
/// evaluated. Within an SPI connection.
pub fn conclude(events: &Events, arguments: &Arguments, counts: EventCounts) -> Result<(), TravelError> {
    let in_range = events.time.in_range(arguments.first_start(), arguments.until);
    if counts.evaluated == 0 {
        let diagnosis = Diagnosis::of(events, &DiagnosedRows::All(Some(&in_range)))?;
        if diagnosis.rows() == 0 {
            return conclude_without_rows(
                "travel.detect evaluated no events",
                events,
                arguments,
                arguments.first_start(),
            );
        }
        if diagnosis.evaluated == 0 {
            Report::warning(format!("travel.detect evaluated no events: {}", none_of(diagnosis.rows())))
                .detail(diagnosis.sentence(true))
                .hint(LOOK_AT_COLUMNS)
                .send();
            return Ok(());
        }
    }
    if !settings::coverage_notice() {
        return Ok(());
    }
    let mut unreadable = Vec::new();
    if events.time.may_be_unreadable() {
        unreadable.push(format!("{} IS NULL", events.time.key()));
    }
    if let Some(text) = events.record_as_text() {
        unreadable.push(format!("(s.record IS NULL AND {text} IS NOT NULL)"));
    }
    if events.has_text_addresses && counts.not_located > 0 {
        unreadable.push(format!("{} = 'malformed'", events.source_kind));
    }
    let detail = if unreadable.is_empty() {
        None
    } else {
        let which = format!("{in_range} AND ({})", unreadable.join(" OR "));
        Diagnosis::of(events, &DiagnosedRows::All(Some(&which)))?.unreadable()
    };
    let why = if counts.not_located > 0 { " (travel.coverage shows why)" } else { "" };
    let mut report = Report::notice(format!(
        "travel.detect evaluated {} of {}; {} not located{why}",
        counted(counts.evaluated, "event", "events"),
        counted(counts.entities, "entity", "entities"),
        counted(counts.not_located, "event was", "events were"),
    ));
    report.detail = detail.map(Into::into);
    report.send();
    Ok(())
}

/// Reports that there were no rows, after the words for what was not done. An empty range of time gives a notice; a
/// condition that matches none of the existing rows gives a warning. `begin` is from when on rows were read. Within an SPI connection.
pub fn conclude_without_rows(
    nothing: &str,
    events: &Events,
    arguments: &Arguments,
    begin: Option<i64>,
) -> Result<(), TravelError> {
    let source = &arguments.source.name;
    let has_range = arguments.since.is_some() || arguments.until.is_some();
    let of_range = if has_range { " in the time range" } else { "" };
    let over_all_rows;
    let mut events = events;
    if arguments.condition.is_some() {
        let without = Arguments { condition: None, ..arguments.clone() };
        over_all_rows = Events::of(&without)?;
        events = &over_all_rows;
        let in_range = events.time.in_range(begin, without.until);
        let any = spi::select(&format!("SELECT FROM {} WHERE {in_range} LIMIT 1", events.from), &[]);
        if any.len > 0 {
            Report::warning(format!("{nothing}: no row satisfies the condition"))
                .detail(format!("{source} has rows{of_range}."))
                .hint("Check the values of the columns that the condition names. The comparison of text is case-sensitive.")
                .send();
            return Ok(());
        }
    }
    if settings::coverage_notice() {
        let mut report = Report::notice(format!("{nothing}: {source} has no rows{of_range}"));
        // A notice must not read a whole table.
        if has_range
            && events.is_sorted
            && let Some(span) = events.span()?
        {
            report = report.detail(begin_and_end("Its rows", span));
        }
        report.send();
    }
    Ok(())
}

/// The detail that says when rows begin and end.
pub fn begin_and_end(rows: &str, (first, last): (i64, i64)) -> String {
    format!("{rows} begin at {} and end at {}.", utc(first), utc(last))
}

/// The message for rows of which none could be used.
pub fn none_of(rows: u64) -> String {
    match rows {
        1 => "the only row could not be used".to_owned(),
        rows => format!("none of {rows} rows could be used"),
    }
}

fn query(events: &Events, rows: &DiagnosedRows) -> String {
    let names: Vec<String> = (1..=events.keys.len()).map(|n| format!("key_{n}")).collect();
    let mut columns: Vec<String> =
        events.keys.iter().zip(&names).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
    columns.extend(events.place.iter().map(|(name, sql)| format!("{sql} AS {name}")));
    let flag = |sql: Option<String>| sql.unwrap_or_else(|| "false".to_owned());
    let failed =
        events.outcome.as_ref().map(|outcome| format!("{outcome} IS NOT DISTINCT FROM 'failed_auth'"));
    let service = events.is_service();
    columns.extend([
        format!("{} AS event_time", events.time.as_timestamptz()),
        format!("({})::text AS time_text", events.time.as_given()),
        format!("{} AS source_kind", events.source_kind),
        format!(
            "{} AS bad_record",
            events.record_as_text().map_or_else(
                || "NULL::text".to_owned(),
                |text| format!("CASE WHEN s.record IS NULL THEN {text} END"),
            )
        ),
        format!("({})::text AS place_text", events.place_as_given().unwrap_or("NULL")),
        format!("({}) AS has_entity", events.has_entity()),
        format!("{} AS is_failed_auth", flag(failed)),
        format!("{} AS is_service", flag(service)),
    ]);
    let (from, condition) = (&events.from, events.condition.as_deref());
    // A condition inside the FROM clause has already excluded its rows.
    let satisfies = condition.unwrap_or("true");
    let select = format!(
        "SELECT {}, CASE WHEN {satisfies} THEN true ELSE false END AS is_wanted\n        FROM {from}",
        columns.join(", ")
    );
    let looked_at = match rows {
        DiagnosedRows::All(which) => {
            let wanted: Vec<&str> = condition.into_iter().chain(*which).collect();
            let wanted = if wanted.is_empty() { "true".to_owned() } else { wanted.join("\n          AND ") };
            format!("{select}\n        WHERE {wanted}")
        }
        DiagnosedRows::Newest { count, by_time: false } => format!("{select}\n        LIMIT {count}"),
        DiagnosedRows::Newest { count, by_time: true } => {
            let time = events.time.key();
            format!(
                "(\n        {select}\n        WHERE {time} IS NOT NULL ORDER BY {time} DESC LIMIT {count}\n    ) \
                 UNION ALL (\n        {select}\n        WHERE {time} IS NULL LIMIT {count}\n    )"
            )
        }
    };
    let (is_ignored, is_located) = events.ignored_and_located();
    let unlocated = match events.location_type {
        LocationType::Address => "CASE source_kind WHEN 'public' THEN 'unknown' ELSE source_kind END",
        LocationType::Coordinates => "'coordinates'",
    };
    let keys: Vec<String> = names.iter().map(|name| format!("coalesce({name}::text, '')")).collect();
    format!(
        "SELECT cause, pg_catalog.count(*), pg_catalog.min(pg_catalog.left(nullif(CASE cause
           WHEN 'bad_record' THEN bad_record
           WHEN 'bad_time' THEN time_text
           WHEN 'no_entity' THEN CASE WHEN pg_catalog.concat({keys}) <> '' THEN pg_catalog.concat_ws(' | ', {keys}) END
           WHEN 'condition' THEN NULL
           WHEN 'no_time' THEN NULL
           WHEN 'failed_auth' THEN NULL
           WHEN 'service' THEN NULL
           WHEN 'evaluated' THEN NULL
           ELSE place_text
       END, ''), {LONGEST_EXAMPLE}) COLLATE \"C\") AS example
FROM (
    SELECT *,
           CASE
               WHEN NOT is_wanted THEN 'condition'
               WHEN bad_record IS NOT NULL THEN 'bad_record'
               WHEN event_time IS NULL AND time_text IS NULL THEN 'no_time'
               WHEN event_time IS NULL OR NOT pg_catalog.isfinite(event_time) THEN 'bad_time'
               WHEN has_entity IS NOT TRUE THEN 'no_entity'
               WHEN is_failed_auth THEN 'failed_auth'
               WHEN is_service THEN 'service'
               WHEN {is_ignored} THEN 'ignored'
               WHEN ({is_located}) IS NOT TRUE THEN {unlocated}
               ELSE 'evaluated'
           END AS cause
    FROM (
        {looked_at}
    ) AS e
) AS e
GROUP BY cause
ORDER BY pg_catalog.count(*) DESC, cause COLLATE \"C\"",
        keys = keys.join(", "),
    )
}
