//! `travel.adopt`: a view of the caller with the standard columns over a table that the caller already has.
//!
//! The view is one SELECT from the source, so PostgreSQL merges it into the query that reads it, and conditions on its
//! columns become conditions on the source. An index of the source can serve a condition only if the view passes the
//! column on unchanged. Therefore the first two columns of an index are passed on unchanged, and only other columns get
//! an expression that turns empty and hidden texts into NULL.

use crate::detect::{
    Arguments, EventTime, LocationSql, LocationType, Source, StandardColumns, boolean, host_text,
    location_sql, number, source_kind,
};
use crate::events_table::TableName;
use crate::pg::errors::{EventsError, SourceError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::{literal, qualified};
use crate::pg::report::Report;
use crate::pg::spi;
use pgrx::pg_sys;
use std::ffi::CStr;
use travel_core::columns::{ColumnType, EVENT, PlaceField};
use travel_core::entity::HIDDEN;

pg_function!(travel_adopt, pg_finfo_travel_adopt, adopt);

/// `(source, name, columns)`
fn adopt(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let oid = call.oid(0).ok_or(UsageError::ArgumentNull { name: "source" })?;
    let view = view_name(oid, call.text(1)?)?;
    let arguments = Arguments::of_source(Source::open(oid)?, call.datum(2))?;
    if let Some(layout) = &arguments.layout {
        layout.send_notice();
    }
    spi::with_pg_catalog_first(|| {
        let query = AdoptedView { columns: StandardColumns::of(&arguments)? }.query(&arguments)?;
        spi::execute(&format!("CREATE VIEW {view} AS\n{query}"), &[]);
        let about =
            format!("CloudTrail events of {}, with the columns of travel.event", arguments.source.name);
        // The name of the source may contain a backslash.
        spi::with_settings(&[(c"standard_conforming_strings", c"on")], || {
            spi::execute(&format!("COMMENT ON VIEW {view} IS {}", literal(&about)), &[])
        });
        Ok::<_, TravelError>(())
    })?;
    Source::find(&view).map(pg_sys::Datum::from).ok_or(EventsError::TableName { name: view }.into())
}

/// The end of a view's default name.
const SUFFIX: &str = "_events";

/// The name of the view, schema-qualified and quoted. The default name is in the schema of the source.
fn view_name(source: pg_sys::Oid, name: Option<&str>) -> Result<String, TravelError> {
    if let Some(name) = name {
        return Ok(TableName::parse(name)?.sql);
    }
    // SAFETY: catalog look-ups by oid; a name that is there is a C string. A source that does not exist has no name.
    let (schema, relation) = unsafe {
        let text = |name: *mut std::ffi::c_char| {
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        };
        let schema = text(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(source)));
        (schema, text(pg_sys::get_rel_name(source)))
    };
    let (Some(schema), Some(relation)) = (schema, relation) else {
        return Err(SourceError::NotFound { oid: source.to_u32() }.into());
    };
    // PostgreSQL would cut off the suffix of a name that is too long.
    let longest = pg_sys::NAMEDATALEN as usize - 1 - SUFFIX.len();
    let end = relation.floor_char_boundary(longest);
    Ok(qualified(&schema, &format!("{}{SUFFIX}", &relation[..end])))
}

struct AdoptedView<'a> {
    columns: StandardColumns<'a>,
}

impl AdoptedView<'_> {
    /// The query of the view. It also reports which columns the source lacks, and how its times are read.
    fn query(&self, arguments: &Arguments) -> Result<String, TravelError> {
        let time = self.columns.standard("event_time").ok_or_else(|| SourceError::NoTimeColumn {
            source: arguments.source.name.clone(),
            available: arguments.source.column_names(),
        })?;
        let time = EventTime::of(time, arguments)?;
        let location = location_sql(&self.columns)?;
        let mut select = Vec::new();
        for column in EVENT {
            let name = column.name;
            let sql = match (name, column.column_type) {
                ("event_time", _) => time.as_timestamptz(),
                ("source_ip" | "source_text" | "source_kind", _) => match self.address(name, &location)? {
                    Some(sql) => sql,
                    None => continue,
                },
                (_, ColumnType::Boolean) => self.boolean(name)?,
                _ => self.text(name)?.unwrap_or_else(|| "NULL::text".to_owned()),
            };
            select.push(format!("{sql} AS {name}"));
        }
        if location.0 == LocationType::Coordinates {
            self.add_coordinates(location.1, &mut select)?;
        }
        time.send_notice();
        self.report_unused_index(&time, arguments);
        self.warn_of_what_is_missing();
        let (from, _) = self.columns.clause_after_from(None, &[], &[]);
        Ok(format!("SELECT {}\nFROM {from}", select.join(",\n       ")))
    }

    /// A column of type text. `None` if the source does not have it.
    fn text(&self, name: &str) -> Result<Option<String>, TravelError> {
        let Some(column) = self.columns.standard(name) else { return Ok(None) };
        let sql = if name == "source_text" { host_text(column)? } else { column.into_text()? };
        let is_of_record = self.columns.has_record() && !self.columns.is_given(name);
        // Of the conditions on a foreign table, only those on plain columns reach the other server.
        let is_plain = self.columns.source().is_foreign && self.columns.is_column_of_source(name);
        let stays = is_of_record || is_plain || self.columns.leads_an_index(name);
        Ok(Some(if stays { sql } else { format!("nullif(nullif({sql}, ''), '{HIDDEN}')") }))
    }

    fn boolean(&self, name: &str) -> Result<String, TravelError> {
        match self.columns.standard(name) {
            None => Ok("NULL::boolean".to_owned()),
            Some(column) => boolean(column),
        }
    }

    /// A column that describes the address of an event. Where coordinates locate the events, the view has no address,
    /// because detection over the view would prefer it.
    fn address(&self, name: &str, (location, place): &LocationSql) -> Result<Option<String>, TravelError> {
        let address = place.first().map(|(_, sql)| sql).filter(|_| *location == LocationType::Address);
        match name {
            "source_ip" => Ok(address.cloned()),
            "source_text" => match (address, self.text(name)?) {
                (None, _) => Ok(None),
                (Some(_), Some(text)) => Ok(Some(text)),
                (Some(address), None) => Ok(Some(format!("pg_catalog.host({address})"))),
            },
            _ => source_kind(&self.columns, *location, place).map(Some),
        }
    }

    /// The columns of a source with coordinates that are not columns of an event.
    fn add_coordinates(
        &self,
        place: Vec<(&'static str, String)>,
        select: &mut Vec<String>,
    ) -> Result<(), TravelError> {
        select.extend(place.into_iter().map(|(name, sql)| format!("{sql} AS {name}")));
        if let Some(accuracy) = self.columns.standard("accuracy_km") {
            select.push(format!("{} AS accuracy_km", number("accuracy_km", accuracy)?));
        }
        for name in PlaceField::SUPPLIED.map(|field| field.into_str()) {
            select.extend(self.text(name)?.map(|sql| format!("{sql} AS {name}")));
        }
        Ok(())
    }

    /// Sends a notice if the source has an index on the time that conditions on the view cannot use, because the view
    /// converts the time.
    fn report_unused_index(&self, time: &EventTime, arguments: &Arguments) {
        let converted = time.as_timestamptz();
        if converted == time.as_given() || !self.columns.leads_an_index("event_time") {
            return;
        }
        let Some(column) = self.columns.over_source("event_time") else { return };
        let key = converted.replace(time.as_given(), column.trim_start_matches("s."));
        let source = &arguments.source.name;
        Report::notice(format!("conditions on event_time of the view cannot use the index of \"{source}\""))
            .detail("The view converts the time, and the index has the time as the source stores it.")
            .hint(format!("To let them use an index, run CREATE INDEX ON {source} ({key})."))
            .send();
    }

    fn warn_of_what_is_missing(&self) {
        let consequences = [
            ("outcome", "failed sign-ins are evaluated like other events"),
            ("invoked_by", "calls that an AWS service made are evaluated like other events"),
        ];
        for (name, consequence) in consequences {
            if self.columns.standard(name).is_none() {
                let hint = match name {
                    "outcome" => {
                        "If the source has error codes and responses, compute it in the argument columns with \
                         travel.outcome, and create the view again."
                    }
                    _ => {
                        "If the source has it in another column, name it in the argument columns, and create the view again."
                    }
                };
                Report::warning(format!("source has no column {name}: {consequence}")).hint(hint).send();
            }
        }
    }
}
