//! Making the partition of a month, for `travel.make_partitions` and before events are inserted. The procedure also
//! moves the rows of the month into it.

use super::beside::beside;
use super::bounds::{Partitions, lock};
use super::month::Month;
use crate::detect::Source;
use crate::pg::array;
use crate::pg::citus;
use crate::pg::errors::{EventsError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::{qualified, quoted};
use crate::pg::role::Role;
use crate::pg::spi::{self, Argument};
use crate::pg::time::{timestamp_text, utc};
use pgrx::pg_sys;

pg_function!(travel_months_to_make, pg_finfo_travel_months_to_make, months_to_make);
pg_function!(travel_make_partition, pg_finfo_travel_make_partition, make_partition);

/// How many months ahead of the current one partitions can be made.
const MOST_AHEAD: i64 = 120;

/// A table that is partitioned by month.
pub struct MonthlyTable {
    pub oid: pg_sys::Oid,
    /// The name, schema-qualified and quoted.
    pub name: String,
    owner: String,
    /// The name of the DEFAULT partition, schema-qualified and quoted.
    default: String,
    tablespace: Option<String>,
    may_create: bool,
}

impl MonthlyTable {
    /// Finds a table that has the partition key `(event_time)` of type timestamptz and a DEFAULT partition.
    pub fn find(oid: pg_sys::Oid) -> Result<Option<Self>, TravelError> {
        spi::in_pg_catalog(|| {
            let rows = spi::select_prepared(
                "SELECT n.nspname::text AS schema, c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner,
                        dn.nspname::text AS default_schema, d.relname::text AS default_name,
                        t.spcname::text AS tablespace, has_schema_privilege(n.oid, 'CREATE') AS may_create
                 FROM pg_partitioned_table AS p
                 JOIN pg_class AS c ON c.oid = p.partrelid
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                 JOIN pg_class AS d ON d.oid = p.partdefid
                 JOIN pg_namespace AS dn ON dn.oid = d.relnamespace
                 LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
                 WHERE p.partrelid = $1 AND p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = 'event_time'
                   AND a.atttypid = 'timestamptz'::regtype AND d.relkind = 'r'",
                &[Argument::oid(oid)],
            );
            spi::columns!(rows => schema, name, owner, default_schema, default_name, tablespace, may_create);
            let Some(row) = rows.first() else { return Ok(None) };
            let text = |column| Ok::<_, TravelError>(row.string(column)?.unwrap_or_default());
            Ok(Some(Self {
                oid,
                name: qualified(&text(schema)?, &text(name)?),
                owner: text(owner)?,
                default: qualified(&text(default_schema)?, &text(default_name)?),
                tablespace: row.string(tablespace)?,
                may_create: row.is_true(may_create),
            }))
        })
    }

    /// Whether the current role, which has the privileges of the owner, can create a partition.
    pub fn may_extend(&self) -> bool {
        self.may_create
    }
}

/// The result of making a partition.
pub enum Made {
    /// The partition is made, and this many rows were moved into it.
    Yes { moved: u64 },
    /// The partition is not made, because the DEFAULT partition has rows of the month.
    HasRows,
}

/// Makes the partition of a month. With `moves`, it moves the rows of the month from the DEFAULT partition into it. The
/// caller has locked the table against others who make partitions, and the DEFAULT partition against all use.
///
/// The partition is created on its own and attached afterwards: that locks the table less than CREATE TABLE … PARTITION
/// OF, and other sessions can insert meanwhile.
pub fn make(table: &MonthlyTable, month: Month, moves: bool) -> Result<Made, TravelError> {
    let has_rows = has_rows(table, month)?;
    if has_rows && !moves {
        return Ok(Made::HasRows);
    }
    let (name, partition) = (&table.name, beside(table.oid, &month.suffix()));
    let tablespace =
        table.tablespace.as_ref().map_or(String::new(), |name| format!(" TABLESPACE {}", quoted(name)));
    spi::in_pg_catalog(|| {
        // The partition gets the excluded parts when it is attached.
        spi::execute(
            &format!(
                "CREATE TABLE {partition} (LIKE {name} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES){tablespace}"
            ),
            &[],
        );
        if Role::current().name() != table.owner {
            spi::execute(&format!("ALTER TABLE {partition} OWNER TO {}", quoted(&table.owner)), &[]);
        }
    });
    let moved = if has_rows { move_rows(table, &partition, month)? } else { 0 };
    let (start, end) = (utc(month.start()), utc(month.end()));
    let attach =
        format!("ALTER TABLE {name} ATTACH PARTITION {partition} FOR VALUES FROM ('{start}') TO ('{end}')");
    spi::in_pg_catalog(|| {
        if moved > 0 && citus::is_present() {
            citus::without_notices(|| spi::execute(&attach, &[]));
            citus::delete_local_copy(&partition);
        } else {
            spi::execute(&attach, &[]);
        }
    });
    Ok(Made::Yes { moved })
}

/// Whether the DEFAULT partition has rows of a month.
pub fn has_rows(table: &MonthlyTable, month: Month) -> Result<bool, TravelError> {
    spi::in_pg_catalog(|| {
        let query = format!("SELECT 1 FROM ONLY {} WHERE {} LIMIT 1", table.default, of_month(month));
        Ok(!spi::select(&query, &[]).is_empty())
    })
}

/// The condition for rows of a month, whatever the search_path.
fn of_month(month: Month) -> String {
    let (start, end) = (utc(month.start()), utc(month.end()));
    format!(
        "event_time OPERATOR(pg_catalog.>=) '{start}'::pg_catalog.timestamptz \
         AND event_time OPERATOR(pg_catalog.<) '{end}'::pg_catalog.timestamptz"
    )
}

/// Moves the rows of a month from the DEFAULT partition into the partition of the month, which is not attached yet. All
/// their values stay as they are, so scans do not take them for new rows. Triggers of the user run with the caller's
/// search_path.
fn move_rows(table: &MonthlyTable, partition: &str, month: Month) -> Result<u64, TravelError> {
    let default = &table.default;
    let columns = spi::in_pg_catalog(|| {
        // Deleting the rows could delete, or change, the rows that refer to them.
        let referring = spi::select_text(
            "SELECT c.conrelid::regclass::text FROM pg_constraint AS c
             WHERE c.contype = 'f' AND c.confrelid IN ($1, $2::regclass) ORDER BY 1 LIMIT 1",
            &[Argument::oid(table.oid), Argument::text(default)],
        )?;
        if let Some(referring) = referring {
            return Err(EventsError::RowsReferenced { table: table.name.clone(), referring }.into());
        }
        spi::select_text(
            "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
             WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''",
            &[Argument::oid(table.oid)],
        )
    })?
    .unwrap_or_default();
    Ok(spi::with_pg_catalog_first(|| {
        spi::execute(
            &format!(
                "WITH moved AS (DELETE FROM ONLY {default} WHERE {} RETURNING {columns}) \
                 INSERT INTO {partition} ({columns}) SELECT {columns} FROM moved",
                of_month(month)
            ),
            &[],
        )
    }))
}

/// `(target, until) -> timestamptz[]`: the starts of the months that `travel.make_partitions` makes: from this month to
/// the last one that begins before `until`, and those of which the DEFAULT partition has rows.
fn months_to_make(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let until = call.timestamp(1).ok_or(UsageError::ArgumentNull { name: "until" })?;
    let (table, partitions) = own_monthly_table(target)?;
    let this = Month::current();
    let latest = (0..MOST_AHEAD).fold(this, |month, _| month.next());
    if until > latest.start() || until < Month::FIRST.start() {
        return Err(EventsError::MonthsOutOfRange { until: timestamp_text(until) }.into());
    }
    let mut months: Vec<Month> = std::iter::successors(Some(this), |month| Some(month.next()))
        .take_while(|month| month.start() < until)
        .collect();
    let last = months.last().copied().unwrap_or(this);
    let of_rows = spi::in_pg_catalog(|| {
        // The index on the time finds the first event after each month. A recursive query would be one statement, but
        // Citus runs none over a distributed table.
        let mut months = Vec::new();
        let mut after = Month::FIRST;
        loop {
            let rows = spi::select(
                &format!(
                    "SELECT min(event_time) AS time FROM ONLY {} WHERE event_time >= '{}' AND event_time < '{}'",
                    table.default,
                    utc(after.start()),
                    utc(last.end())
                ),
                &[],
            );
            spi::columns!(rows => time);
            let Some(time) = rows.first().and_then(|row| row.i64(time)) else { break };
            months.push(Month::of(time));
            after = Month::of(time).next();
        }
        Ok::<_, TravelError>(months)
    })?;
    months.extend(of_rows);
    months.sort_unstable();
    months.dedup();
    months.retain(|month| !partitions.have(*month));
    let starts: Vec<i64> = months.into_iter().map(Month::start).collect();
    Ok(array::of_timestamps(&starts))
}

/// `(target, month) -> bigint`: makes the partition of a month and returns how many rows were moved into it. NULL if
/// there is one already.
fn make_partition(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let month = Month::of(call.timestamp(1).ok_or(UsageError::ArgumentNull { name: "month" })?);
    own_monthly_table(target)?;
    lock(target, pg_sys::ShareUpdateExclusiveLock);
    let (table, partitions) = own_monthly_table(target)?;
    if partitions.have(month) {
        return Ok(call.null());
    }
    lock(partitions.default, pg_sys::AccessExclusiveLock);
    match make(&table, month, true)? {
        Made::Yes { moved } => Ok(pg_sys::Datum::from(moved)),
        Made::HasRows => Ok(call.null()),
    }
}

/// Finds a table that is partitioned by month and belongs to the caller.
fn own_monthly_table(oid: pg_sys::Oid) -> Result<(MonthlyTable, Partitions), TravelError> {
    let name = Source::look_at(oid)?.name;
    if !Role::owner_of(oid).is_some_and(|owner| Role::current().has_privileges_of(owner)) {
        return Err(EventsError::NotOwner { table: name, role: Role::current().name() }.into());
    }
    let found = MonthlyTable::find(oid)?.zip(Partitions::of(oid));
    found.ok_or_else(|| EventsError::NotMonthly { name }.into())
}
