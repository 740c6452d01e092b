//! The columns of a row as cells of a table in Markdown. A NULL is an empty cell.

use crate::markdown::{code, text};
use serde_json::Value;

/// A column as text, empty for NULL.
pub fn shown(row: &Value, column: &str) -> String {
    match &row[column] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time of PostgreSQL's JSON, such as 2026-03-05T14:25:10+00:00.
pub fn time(row: &Value, column: &str) -> String {
    let time = shown(row, column);
    match time.strip_suffix("+00:00") {
        Some(utc) => text(&format!("{} UTC", utc.replace('T', " "))),
        None => text(&time),
    }
}

/// The status with its reason. The reason of an alert that is open again is that of the last archiving.
pub fn status(alert: &Value) -> String {
    let column = |name| text(&shown(alert, name));
    if is_archived(alert) { join(["status", "archive_reason"].map(column), ": ") } else { column("status") }
}

/// When a leg reopened the alert, and why it had been archived before, if it is still open.
pub fn reopened(alert: &Value) -> String {
    let (time, reason) = (time(alert, "reopened_at"), text(&shown(alert, "archive_reason")));
    if time.is_empty() || reason.is_empty() || is_archived(alert) {
        return time;
    }
    format!("{time}, after it was archived as {reason}")
}

fn is_archived(alert: &Value) -> bool {
    alert["status"] == "archived"
}

pub fn rounded(row: &Value, column: &str) -> String {
    row[column].as_f64().map(|number| format!("{number:.0}")).unwrap_or_default()
}

/// The parts that are not empty.
pub fn join<const N: usize>(parts: [String; N], separator: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// The values of an array as code, and how many more of them the column `count` has.
pub fn list(row: &Value, column: &str, count: &str) -> String {
    let values = row[column].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut shown: Vec<String> = values.map(code).collect();
    let more = row[count].as_u64().unwrap_or_default().saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

pub fn place(row: &Value, end: &str) -> String {
    let name = |column: &str| text(&shown(row, &format!("{end}_{column}")));
    let (city, country) = (name("city"), name("country"));
    let country = if country.is_empty() { name("country_code") } else { country };
    names([city, name("subdivision"), country])
}

/// City, subdivision and country. A subdivision with the name of its city is left out.
pub fn names([city, subdivision, country]: [String; 3]) -> String {
    let subdivision = if subdivision == city { String::new() } else { subdivision };
    join([city, subdivision, country], ", ")
}

pub fn coordinates(row: &Value, end: &str) -> String {
    let number = |column: &str| row[format!("{end}_{column}")].as_f64();
    match (number("latitude"), number("longitude"), number("accuracy_km")) {
        (Some(latitude), Some(longitude), Some(radius)) => {
            format!("{latitude:.4}, {longitude:.4} (within {radius:.0} km)")
        }
        (Some(latitude), Some(longitude), None) => format!("{latitude:.4}, {longitude:.4}"),
        _ => String::new(),
    }
}

pub fn network(row: &Value, end: &str) -> String {
    let of = |column: &str| shown(row, &format!("{end}_{column}"));
    let labeled = |label: &str, value: String| {
        if value.is_empty() { value } else { format!("{label} {}", text(&value)) }
    };
    let organization = text(&of("as_organization"));
    join(
        [
            organization,
            labeled("AS", of("asn")),
            labeled("hosting:", of("hosting")),
            labeled("anonymizer:", of("anonymizer")),
            labeled("carrier:", of("carrier")),
        ],
        ", ",
    )
}
