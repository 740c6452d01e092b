//! Every layout has every event, and what it writes can be read as what it says it is.

use super::event::{Event, events, plain};
use super::table::{Table, quoted};
use super::{ALL, Layout, list};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The events, made once for all tests.
fn story() -> &'static [Event] {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    EVENTS.get_or_init(events)
}

/// The number of events for tests that do not depend on all of them, which take long in a build without optimization.
const SOME: usize = 300;

/// The table of a layout.
fn table(name: &str) -> &'static Table {
    tables().iter().find(|(layout, _)| layout.name == name).map(|(_, table)| table).unwrap()
}

/// Each layout with its table, made once for all tests.
fn tables() -> &'static [(&'static Layout, Table)] {
    static TABLES: OnceLock<Vec<(&'static Layout, Table)>> = OnceLock::new();
    TABLES.get_or_init(|| ALL.iter().map(|layout| (layout, (layout.table)(story()))).collect())
}

fn sql(table: &Table) -> String {
    let mut out = Vec::new();
    table.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The number of events in a table: its rows, or the records in its documents.
fn number_of_events(table: &Table) -> usize {
    let [(name, _)] = &table.columns[..] else { return table.rows.len() };
    if name != "document" {
        return table.rows.len();
    }
    let number = |row: &Vec<Option<String>>| {
        let document: Value = serde_json::from_str(row[0].as_deref().unwrap()).unwrap();
        ["Records", "Events"].iter().filter_map(|key| document[key].as_array()).map(Vec::len).sum::<usize>()
    };
    table.rows.iter().map(number).sum()
}

#[test]
fn every_layout_has_every_event_once() {
    let events = story().len();
    assert!((1_500..2_500).contains(&events), "{events}");
    for (layout, table) in tables() {
        assert_eq!(number_of_events(table), events, "{}", layout.name);
    }
}

#[test]
fn the_same_bytes_on_every_run() {
    let again = events();
    for layout in ALL {
        assert_eq!((layout.table)(&story()[..SOME]), (layout.table)(&again[..SOME]), "{}", layout.name);
    }
}

#[test]
fn names_are_distinct_and_short() {
    let names: BTreeSet<_> = ALL.iter().map(|layout| layout.name).collect();
    assert_eq!(names.len(), ALL.len());
    for (layout, table) in tables() {
        let columns: BTreeSet<_> = table.columns.iter().map(|(name, _)| name).collect();
        assert_eq!(columns.len(), table.columns.len(), "{}", layout.name);
        // PostgreSQL cuts longer ones.
        assert!(columns.iter().all(|name| name.len() < 64), "{}", layout.name);
        assert!(table.name.len() < 64, "{}", layout.name);
    }
}

#[test]
fn every_value_is_one_of_its_type() {
    for (layout, table) in tables() {
        // Every fifth row, because all take long in a build without optimization.
        for row in table.rows.iter().step_by(5) {
            assert_eq!(row.len(), table.columns.len(), "{}", layout.name);
            for ((name, kind), field) in table.columns.iter().zip(row) {
                let Some(text) = field else { continue };
                assert!(
                    is_of_type(kind, text) && !text.contains('\0'),
                    "{}.{name} is not a {kind}: {text}",
                    layout.name
                );
            }
        }
    }
}

fn is_of_type(kind: &str, text: &str) -> bool {
    let is_date =
        |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match kind.split([' ', '(']).next().unwrap_or_default() {
        "json" | "jsonb" => serde_json::from_str::<Value>(text).is_ok(),
        "boolean" => matches!(text, "true" | "false"),
        "bigint" | "integer" | "serial" => text.parse::<i64>().is_ok(),
        "numeric" | "double" => text.parse::<f64>().is_ok(),
        "timestamp" => {
            text.get(..10).is_some_and(is_date) && text.as_bytes()[10] == b' ' && !text.contains('Z')
        }
        "timestamptz" => text.get(..10).is_some_and(is_date) && text.ends_with('Z'),
        "date" => is_date(text),
        "uuid" => text.len() == 36,
        "inet" => text.parse::<std::net::IpAddr>().is_ok(),
        "text[]" => text.starts_with('{') && text.ends_with('}'),
        "text" => true,
        "varchar" => {
            let length = kind.split(['(', ')']).nth(1).and_then(|length| length.parse::<usize>().ok());
            length.is_none_or(|length| text.chars().count() <= length)
        }
        // A composite type of the table.
        _ => text.starts_with('(') && text.ends_with(')'),
    }
}

#[test]
fn a_line_of_copy_has_a_field_for_each_column() {
    for layout in ALL {
        let table = (layout.table)(&story()[..SOME]);
        let sql = sql(&table);
        let data = sql.split_once("FROM stdin;\n").unwrap().1.strip_suffix("\\.\n").unwrap();
        assert_eq!(data.lines().count(), table.rows.len(), "{}", layout.name);
        for line in data.lines() {
            assert_eq!(line.split('\t').count(), table.columns.len(), "{}", layout.name);
        }
    }
}

#[test]
fn a_composite_value_has_as_many_attributes_as_its_type() {
    let table = table("athena_composite");
    let at = table.columns.iter().position(|(name, _)| name == "useridentity").unwrap();
    let declared = table.types.iter().find(|kind| kind.starts_with("CREATE TYPE \"useridentity\" ")).unwrap();
    let attributes = declared.matches(", ").count();
    for row in &table.rows {
        let value = row[at].as_deref().unwrap();
        // Commas outside quotes.
        let outside: String = value.split('"').step_by(2).collect();
        assert_eq!(outside.matches(',').count(), attributes, "{value}");
    }
    assert!(sql(table).starts_with("CREATE TYPE \"useridentity_onbehalfof\" AS ("));
}

#[test]
fn a_struct_of_athena_is_written_as_java_does() {
    let table = table("athena_csv");
    let at = table.columns.iter().position(|(name, _)| name == "useridentity").unwrap();
    let of_alice = |row: &&Vec<Option<String>>| {
        row[at].as_deref().is_some_and(|text| text.contains("accesskeyid=AKIAALICE0001EXAMPLE"))
    };
    assert_eq!(
        table.rows.iter().find(of_alice).unwrap()[at].as_deref().unwrap(),
        "{type=IAMUser, principalid=AIDAALICE00000EXAMPLE, arn=arn:aws:iam::111122223333:user/alice, \
         accountid=111122223333, invokedby=null, accesskeyid=AKIAALICE0001EXAMPLE, username=alice, onbehalfof=null, \
         sessioncontext=null}"
    );
}

#[test]
fn times_are_written_as_the_tools_do() {
    let first = |layout: &str, column: &str| {
        let table = table(layout);
        let at = table.columns.iter().position(|(name, _)| name == column).unwrap();
        (table.columns[at].1.clone(), table.rows[0][at].clone().unwrap())
    };
    let of = |kind: &str, text: &str| (kind.to_owned(), text.to_owned());
    let time = story()[0].time;
    assert_eq!(first("airbyte", "EventTime"), of("numeric", &format!("{}.0", time.0)));
    assert_eq!(first("security_lake_2", "time"), of("bigint", &format!("{}", time.0 * 1000)));
    assert_eq!(first("cloudquery", "event_time"), of("timestamp", &plain(time)));
    assert_eq!(first("athena_csv", "eventtime"), of("text", &time.to_string()));
}

/// What a tool cannot know must not be in its table: of a failed sign-in neither the typed user nor the key.
#[test]
fn no_layout_knows_more_than_the_record() {
    for name in ["fivetran_without_raw", "console_csv", "home_made_accounts"] {
        let text = sql(table(name));
        assert!(!text.contains("Failure"), "{name}");
    }
    for name in ["home_made_monitoring", "home_made_foreign_key"] {
        let layout = Layout::find(name).unwrap();
        assert!(!sql(table(name)).contains("SignatureDoesNotMatch"), "{name}");
        assert_eq!(layout.lacks, [super::ERROR_CODES]);
    }
}

#[test]
fn the_list_has_a_line_for_each_layout() {
    let mut out = Vec::new();
    list(&mut out).unwrap();
    let lines = String::from_utf8(out).unwrap();
    let names: Vec<_> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ALL.iter().map(|layout| layout.name).collect::<Vec<_>>());
    assert!(Layout::find("no_layout").is_none());
}

#[test]
fn copy_escapes_what_it_must() {
    let table = Table {
        types: Vec::new(),
        name: "a \"b\"".to_owned(),
        columns: vec![("c".to_owned(), "text".to_owned()), ("d".to_owned(), "text".to_owned())],
        rows: vec![vec![Some("1\t2\n3\\4\r".to_owned()), None]],
    };
    assert_eq!(
        sql(&table),
        "CREATE TABLE \"a \"\"b\"\"\" (\n    \"c\" text,\n    \"d\" text\n);\n\
         COPY \"a \"\"b\"\"\" FROM stdin;\n1\\t2\\n3\\\\4\\r\t\\N\n\\.\n"
    );
    assert_eq!(quoted("x"), "\"x\"");
}
