//! The events of the story as other tools store them: a table for each layout that `travel.columns_for` should
//! recognize, written as SQL for psql.
//!
//! A layout has exactly what the tool stores, with the tool's names, types and forms of absent values. Each event of
//! the story is stored once, in order of time. Two of them have no `eventID`, as some old records do, so no table
//! declares its ids as unique or NOT NULL.
//!
//! | module | what it holds |
//! |---|---|
//! | [`event`] | an event of the story, and how its values are written |
//! | [`table`] | a table as `CREATE TABLE` and `COPY` |
//! | [`structs`] | structs as JSON, as composite values, and as the text of Athena's CSV files |
//! | [`lookup`] | what the API LookupEvents returns: Steampipe, CloudQuery, Airbyte, the console |
//! | [`trail`] | fields of records as columns: Steampipe, Tailpipe, Panther, RunReveal, Fivetran |
//! | [`athena`] | Athena, AWS Glue, CloudTrail Lake |
//! | [`ocsf`] | Amazon Security Lake and other OCSF data |
//! | [`ecs`] | Elastic Common Schema |
//! | [`shippers`] | Fluent Bit, Fluentd, Vector |
//! | [`documents`] | a column of records, or of whole documents |
//! | [`home_made`] | tables that people make themselves |

pub mod athena;
pub mod documents;
pub mod ecs;
pub mod event;
pub mod home_made;
pub mod lookup;
pub mod ocsf;
pub mod shippers;
pub mod structs;
pub mod table;
pub mod trail;

#[cfg(test)]
mod tests;

use event::Event;
use std::io::{self, Write};
use table::Table;

/// A table in which a tool stores CloudTrail events.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub name: &'static str,
    /// The tool, and what is special about this form of its table.
    pub about: &'static str,
    /// The facts that the table lacks about an event, if that changes which events count.
    pub lacks: &'static [&'static str],
    table: fn(&[Event]) -> Table,
}

impl Layout {
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|layout| layout.name == name)
    }

    /// The table with all events of the story.
    pub fn table(&self) -> Table {
        (self.table)(&event::events())
    }

    /// Writes the statements that create and fill the table, for psql.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "-- {}", self.about)?;
        self.table().write(out)
    }
}

/// Writes a line for each layout: its name, and what it is.
pub fn list(out: &mut impl Write) -> io::Result<()> {
    let width = ALL.iter().map(|layout| layout.name.len()).max().unwrap_or(0);
    for Layout { name, about, lacks, .. } in ALL {
        let lacks = if lacks.is_empty() { String::new() } else { format!("; lacks {}", lacks.join(" and ")) };
        writeln!(out, "{name:width$}  {about}{lacks}")?;
    }
    Ok(())
}

/// Error codes. Without them, a request with a wrong signature looks like one of the holder of the key: two more legs.
const ERROR_CODES: &str = "error codes";
/// The service that made a call with the caller's key. Without it, a call from an address of the service looks like one
/// of the holder of the key: two more legs.
const SERVICES: &str = "calling services";
/// Whether a sign-in succeeded. A failed one has no access key, so it matters only to other entities.
const SIGN_INS: &str = "results of sign-ins";

/// All layouts.
pub const ALL: &[Layout] = &[
    layout(
        "steampipe_trail_event",
        "Steampipe, aws_cloudtrail_trail_event (CloudWatch Logs)",
        &[],
        trail::steampipe,
    ),
    layout(
        "steampipe_lookup_event",
        "Steampipe, aws_cloudtrail_lookup_event (LookupEvents)",
        &[],
        lookup::steampipe,
    ),
    layout(
        "tailpipe_json",
        "Tailpipe, aws_cloudtrail_log, exported with structs as json",
        &[],
        trail::tailpipe_json,
    ),
    layout(
        "tailpipe_composite",
        "Tailpipe, aws_cloudtrail_log, exported with structs as composite types",
        &[],
        trail::tailpipe_composite,
    ),
    layout("cloudquery", "CloudQuery, aws_cloudtrail_events", &[], lookup::cloudquery),
    layout("airbyte", "Airbyte, management_events, typed", &[], lookup::airbyte),
    layout("airbyte_raw", "Airbyte, the raw table of destination version 2", &[], lookup::airbyte_raw),
    layout("airbyte_raw_1", "Airbyte, the raw table of destination version 1", &[], lookup::airbyte_raw_1),
    layout(
        "athena_jsonb",
        "Athena, cloudtrail_logs, exported with structs as jsonb",
        &[],
        athena::athena_jsonb,
    ),
    layout(
        "athena_composite",
        "AWS Glue, cloudtrail_logs, exported with structs as composite types",
        &[],
        athena::athena_composite,
    ),
    layout(
        "athena_csv",
        "Athena, cloudtrail_logs, a CSV file of results: every column is text",
        &[],
        athena::athena_csv,
    ),
    layout(
        "cloudtrail_lake",
        "CloudTrail Lake, an event data store with eventjson, structs and maps as jsonb",
        &[],
        athena::lake,
    ),
    layout(
        "cloudtrail_lake_csv",
        "CloudTrail Lake, a CSV file of results without eventjson: structs and maps as text",
        &[],
        athena::lake_csv,
    ),
    layout(
        "security_lake_1",
        "Amazon Security Lake, cloud_trail_mgmt_1_0 (OCSF 1.0.0-rc.2), structs as jsonb",
        &[],
        ocsf::nested_1_0,
    ),
    layout(
        "security_lake_1_flat",
        "Amazon Security Lake, cloud_trail_mgmt_1_0 (OCSF 1.0.0-rc.2), flattened",
        &[],
        ocsf::flat_1_0,
    ),
    layout(
        "security_lake_2",
        "Amazon Security Lake, cloud_trail_mgmt_2_0 (OCSF 1.1.0), structs as jsonb",
        &[],
        ocsf::nested_1_1,
    ),
    layout(
        "security_lake_2_flat",
        "Amazon Security Lake, cloud_trail_mgmt_2_0 (OCSF 1.1.0), flattened",
        &[],
        ocsf::flat_1_1,
    ),
    layout(
        "security_lake_2_csv",
        "Amazon Security Lake, cloud_trail_mgmt_2_0 (OCSF 1.1.0), a CSV file of Athena's results",
        &[],
        ocsf::csv_1_1,
    ),
    layout("ocsf_1_5", "OCSF 1.5.0, objects as jsonb", &[], ocsf::nested_1_5),
    layout("ocsf_1_5_flat", "OCSF 1.5.0, flattened", &[], ocsf::flat_1_5),
    layout("ecs_dotted", "Elastic Common Schema, columns named as its fields", &[], ecs::dotted),
    layout(
        "ecs_underscored",
        "Elastic Common Schema, columns named as its fields, with _ for .",
        &[],
        ecs::underscored,
    ),
    layout("ecs_jsonb", "Elastic Common Schema, objects as jsonb", &[], ecs::nested),
    layout("panther", "Panther, aws_cloudtrail", &[], trail::panther),
    layout("runreveal", "RunReveal, logs", &[], trail::runreveal),
    layout("fivetran", "Fivetran, event", &[], trail::fivetran),
    layout(
        "fivetran_without_raw",
        "Fivetran, event, with the column raw blocked",
        &[],
        trail::fivetran_without_raw,
    ),
    layout(
        "fluent_bit",
        "Fluent Bit, output pgsql, with the fields of records in data",
        &[],
        shippers::fluent_bit,
    ),
    layout(
        "fluent_bit_log",
        "Fluent Bit, output pgsql, with records as text in data.log",
        &[],
        shippers::fluent_bit_log,
    ),
    layout("fluentd", "Fluentd, output pgjson", &[], shippers::fluentd),
    layout(
        "vector",
        "Vector, sink postgres after source aws_s3, with records as text",
        &[],
        shippers::vector,
    ),
    layout(
        "vector_payload",
        "Vector, sink postgres, with records as text and as jsonb",
        &[],
        shippers::vector_payload,
    ),
    layout("record_jsonb", "a jsonb column of records", &[], documents::record_jsonb),
    layout("record_json", "a json column of records", &[], documents::record_json),
    layout("record_text", "a text column of records", &[], documents::record_text),
    layout("file_jsonb", "a jsonb column of whole files of S3", &[], documents::file_jsonb),
    layout("file_json", "a json column of whole files of S3", &[], documents::file_json),
    layout("file_text", "a text column of whole files of S3", &[], documents::file_text),
    layout("eventbridge", "a jsonb column of events of EventBridge", &[], documents::eventbridge),
    layout(
        "lookup_events",
        "a jsonb column of the output of aws cloudtrail lookup-events",
        &[],
        documents::lookup_events,
    ),
    layout(
        "console_csv",
        "the console's Event history, downloaded as CSV: columns named as in the file",
        &[SERVICES, SIGN_INS],
        lookup::console_csv,
    ),
    layout(
        "console_csv_snake_case",
        "the console's Event history, downloaded as CSV: names in snake_case, times as timestamptz",
        &[SERVICES, SIGN_INS],
        lookup::console_csv_snake_case,
    ),
    layout("inet_as_text", "a table with addresses as the text of inet", &[], home_made::inet_as_text),
    layout(
        "home_made_monitoring",
        "a home-made table with user_identity as jsonb and times without a zone",
        &[ERROR_CODES],
        home_made::monitoring,
    ),
    layout(
        "home_made_accounts",
        "a home-made table with user_identity as jsonb, username and error_code",
        &[SIGN_INS],
        home_made::accounts,
    ),
    layout(
        "home_made_foreign_key",
        "a home-made table whose event_id is a foreign key, with addresses as inet",
        &[ERROR_CODES],
        home_made::foreign_key,
    ),
    layout(
        "home_made_raw_log",
        "a home-made table with user_identity_* and the record in raw_log",
        &[],
        home_made::raw_log,
    ),
    layout(
        "home_made_raw_event",
        "a home-made table with user_identity_* and the record as text in raw_event",
        &[],
        home_made::raw_event,
    ),
];

const fn layout(
    name: &'static str,
    about: &'static str,
    lacks: &'static [&'static str],
    table: fn(&[Event]) -> Table,
) -> Layout {
    Layout { name, about, lacks, table }
}
