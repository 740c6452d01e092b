//! A function that a query uses is replaced by one of another type between the analysis of the query and its execution.
//! Whatever the column, the entry point and the type: the statement ends with an SQLSTATE of class 42 or 22. It never
//! takes a value of one type for one of another.

use crate::sessions::{Result, Session};

/// Each column that a query reads, with the type of its values.
const COLUMNS: [(&str, &str); 29] = [
    ("event_id", "text"),
    ("event_name", "text"),
    ("event_source", "text"),
    ("aws_region", "text"),
    ("account_id", "text"),
    ("identity_type", "text"),
    ("principal", "text"),
    ("actor", "text"),
    ("session_name", "text"),
    ("user_name", "text"),
    ("arn", "text"),
    ("access_key_id", "text"),
    ("user_agent", "text"),
    ("outcome", "text"),
    ("error_code", "text"),
    ("invoked_by", "text"),
    ("source_kind", "text"),
    ("source_text", "text"),
    ("source_ip", "inet"),
    ("event_time", "timestamptz"),
    ("mfa_used", "boolean"),
    ("record", "jsonb"),
    ("latitude", "float8"),
    ("longitude", "float8"),
    ("accuracy_km", "float8"),
    ("city", "text"),
    ("subdivision", "text"),
    ("country", "text"),
    ("country_code", "text"),
];

/// What the columns come to return: bytes that would name an address, if they were taken for a text; a number that
/// would be an address; and a text.
const REPLACEMENTS: [(&str, &str); 3] = [
    ("uuid", "'01014141-4141-4141-4141-000000000000'::uuid"),
    ("bigint", "4702111234474983745::bigint"),
    ("text", "repeat('x', 20)::text"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryPoint {
    Detect,
    Coverage,
    Scan,
}

pub fn run() -> Result {
    let (mut main, mut gate, mut worker) = (Session::open()?, Session::open()?, Session::open()?);
    main.run(&[
        "SET client_min_messages = error",
        "INSERT INTO cloudtrail (event_id, event_time, source_ip, access_key_id)
         VALUES ('1', '2026-03-01 12:00Z', '192.0.2.1', 'K'), ('2', '2026-03-01 12:10Z', '203.0.113.1', 'K')",
        "ALTER TABLE cloudtrail ADD latitude float8 DEFAULT 1, ADD longitude float8 DEFAULT 2",
        // A statement waits here after it has looked up the types of all columns that come before vpc_endpoint_id.
        "CREATE TABLE gate (shut text)",
    ])?;
    let mut changes = 0;
    for (column, kind) in COLUMNS {
        let columns = columns_with(column);
        for (other, value) in REPLACEMENTS.iter().filter(|(other, _)| *other != kind) {
            for entry_point in [EntryPoint::Detect, EntryPoint::Coverage, EntryPoint::Scan] {
                if !reads(entry_point, column) {
                    continue;
                }
                main.run(&[
                    "DELETE FROM travel.rules",
                    "DROP FUNCTION IF EXISTS public.shifting",
                    &shifting(kind, value_of(kind)),
                ])?;
                if entry_point == EntryPoint::Scan {
                    main.run(&[&format!(
                        "INSERT INTO travel.rules (name, owner, source, columns)
                         VALUES ('steps', current_user, 'public.cloudtrail', '{columns}')"
                    )])?;
                }
                gate.run(&["BEGIN", "LOCK TABLE gate"])?;
                let waiting = worker.start(match entry_point {
                    EntryPoint::Detect => {
                        format!("SELECT count(*) FROM travel.detect('cloudtrail', columns => '{columns}')")
                    }
                    EntryPoint::Coverage => {
                        format!("SELECT count(*) FROM travel.coverage('cloudtrail', columns => '{columns}')")
                    }
                    EntryPoint::Scan => "CALL travel.scan('steps')".to_owned(),
                });
                let waited = waiting.comes_to_wait(&mut main)?;
                gate.run(&["DROP FUNCTION public.shifting", &shifting(other, value), "COMMIT"])?;
                let (session, outcome) = waiting.finish()?;
                worker = session;
                let case = format!("{entry_point:?}, {column} from {kind} to {other}");
                if !waited {
                    return Err(format!(
                        "{case}: the statement did not wait at the gate: {}",
                        outcome.said()
                    )
                    .into());
                }
                let is_told =
                    outcome.code().is_some_and(|code| code.starts_with("42") || code.starts_with("22"));
                if !is_told && !is_a_conversion(entry_point, column, other) {
                    return Err(format!("{case}: {}", outcome.said()).into());
                }
                changes += 1;
            }
        }
    }
    println!("   {changes} changes");
    Ok(())
}

/// Not every entry point reads every column.
fn reads(entry_point: EntryPoint, column: &str) -> bool {
    match entry_point {
        EntryPoint::Detect => !matches!(column, "source_kind" | "mfa_used"),
        EntryPoint::Scan => column != "source_kind",
        EntryPoint::Coverage => matches!(
            column,
            "access_key_id"
                | "outcome"
                | "invoked_by"
                | "source_kind"
                | "source_text"
                | "source_ip"
                | "event_time"
                | "record"
                | "latitude"
                | "longitude"
        ),
    }
}

/// PostgreSQL itself takes these for what is wanted: a text may be an address, and a bigint is a number.
fn is_a_conversion(entry_point: EntryPoint, column: &str, other: &str) -> bool {
    matches!(
        (entry_point, column, other),
        (EntryPoint::Detect, "source_ip", "text")
            | (EntryPoint::Detect | EntryPoint::Coverage, "latitude" | "longitude", "bigint")
    )
}

fn value_of(kind: &str) -> &'static str {
    match kind {
        "inet" => "'192.0.2.1'::inet",
        "timestamptz" => "'2026-03-01 12:00Z'::timestamptz",
        "boolean" => "true",
        "float8" => "1::float8",
        "jsonb" => {
            r#"'{"eventTime": "2026-03-01T12:00:00Z", "sourceIPAddress": "192.0.2.1", "userIdentity": {"accessKeyId": "K"}}'::jsonb"#
        }
        _ => "'a'::text",
    }
}

fn shifting(kind: &str, value: &str) -> String {
    format!("CREATE FUNCTION public.shifting() RETURNS {kind} LANGUAGE sql STABLE AS $$ SELECT {value} $$")
}

/// The argument `columns`, by which the function is the column.
fn columns_with(column: &str) -> String {
    let coordinates = match column {
        "latitude" => r#""longitude": "longitude", "#,
        "longitude" => r#""latitude": "latitude", "#,
        "accuracy_km" | "city" | "subdivision" | "country" | "country_code" => {
            r#""latitude": "latitude", "longitude": "longitude", "#
        }
        _ => "",
    };
    format!(
        r#"{{{coordinates}"{column}": "(public.shifting())", "vpc_endpoint_id": "((SELECT min(shut) FROM public.gate))"}}"#
    )
}
