//! An alert as a page of Markdown: what an analyst needs to decide, to be read alone or pasted into a ticket.
//!
//! Rows come as JSON objects whose fields are columns, as `row_to_json` writes them in the time zone UTC. Each value is
//! escaped ([`crate::markdown`]), because the callers choose the names in events.

use crate::markdown::{block, code, text};
use crate::rule::Evidence;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write;

/// What a report is made from.
#[derive(Debug)]
pub struct ReportInput<'a> {
    /// The row of `travel.alerts`.
    pub alert: &'a Value,
    /// The raised legs, as rows of `travel.verdicts`, in order of time: the first [`ROWS`] of them.
    pub legs: &'a [Value],
    /// How many raised legs there are.
    pub leg_count: usize,
    /// What the rule knew when each leg arrived.
    pub known: &'a [KnownEnds],
    /// The known locations of the baseline user now, as rows of `travel.known_places`: the first [`ROWS`] of them.
    pub known_places: &'a [Value],
    /// How many known locations there are.
    pub known_place_count: usize,
    /// The rows of `travel.activity_after`, or why there are none.
    pub activity: Result<&'a [Value], String>,
    /// The commands of `travel.containment`.
    pub containment: &'a str,
    /// The row of `travel.rules`. `None` if the rule was deleted.
    pub rule: Option<&'a Value>,
}

/// What the rule knew of the locations at both ends of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEnds {
    /// `None` if the rule has no baseline for the identity.
    pub baseline_entity: Option<String>,
    pub from: (String, bool),
    pub to: (String, bool),
}

/// The most rows of a list in a report.
pub const ROWS: usize = 50;

/// Writes the report.
pub fn report(input: &ReportInput) -> String {
    let alert = input.alert;
    let mut page = Page::default();
    page.line(&format!("# Alert {}: {}", shown(alert, "id"), code(&shown(alert, "entity"))));
    page.paragraph(&text(&shown(alert, "message")));
    page.summary(alert);
    page.ends(alert);
    page.legs(input.legs, input.leg_count);
    page.evidence(alert);
    page.known(input);
    page.activity(alert, &input.activity);
    page.heading("Containment");
    page.paragraph("Review each command before you run it.");
    page.paragraph(block("sh", input.containment).trim_end());
    page.rule(input.rule, alert);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn paragraph(&mut self, paragraph: &str) {
        if !paragraph.is_empty() {
            self.line("");
            self.line(paragraph);
        }
    }

    fn heading(&mut self, heading: &str) {
        self.paragraph(&format!("## {heading}"));
    }

    /// A table. The cells are Markdown.
    fn table(&mut self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.line("");
        self.line(&format!("| {} |", header.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(header.len())));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    /// Says how many rows of a list were left out, and where they are.
    fn rest(&mut self, count: usize, what: &str) {
        match count.saturating_sub(ROWS) {
            0 => {}
            1 => self.paragraph(&format!("1 more is in {what}.")),
            more => self.paragraph(&format!("{more} more are in {what}.")),
        }
    }

    fn summary(&mut self, alert: &Value) {
        let mut rows = vec![
            vec!["Rule".to_owned(), code(&shown(alert, "rule"))],
            vec!["Severity".to_owned(), text(&shown(alert, "severity"))],
            vec!["Status".to_owned(), status(alert)],
        ];
        let more = [
            ("Reopened", reopened(alert)),
            ("Assignee", text(&shown(alert, "assignee"))),
            ("First seen", time(alert, "first_seen")),
            ("Last seen", time(alert, "last_seen")),
            ("Impossible legs", shown(alert, "leg_count")),
            ("Withdrawn", time(alert, "withdrawn_at")),
        ];
        rows.extend(
            more.into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| vec![name.to_owned(), value]),
        );
        self.table(&["Alert", ""], rows);
    }

    /// Both ends of the first leg, side by side.
    fn ends(&mut self, alert: &Value) {
        self.heading("Both ends");
        type Cell = fn(&Value, &str) -> String;
        let rows: [(&str, Cell); 10] = [
            ("Time", |alert, end| time(alert, &format!("{end}_time"))),
            ("Location", |alert, end| place(alert, end)),
            ("Coordinates", coordinates),
            ("Address", |alert, end| code(&shown(alert, &format!("{end}_ip")))),
            ("Network", network),
            ("Call", |alert, end| {
                let of = |name: &str| shown(alert, &format!("{end}_{name}"));
                join([code(&of("event_name")), text(&of("event_source")), text(&of("aws_region"))], ", ")
            }),
            ("Outcome", |alert, end| {
                let of = |name: &str| text(&shown(alert, &format!("{end}_{name}")));
                join([of("outcome"), of("error_code")], ": ")
            }),
            ("Access key", |alert, end| code(&shown(alert, &format!("{end}_access_key_id")))),
            ("User agent", |alert, end| text(&shown(alert, &format!("{end}_user_agent")))),
            ("Event", |alert, end| code(&shown(alert, &format!("{end}_event_id")))),
        ];
        let rows = rows
            .into_iter()
            .map(|(name, cell)| vec![name.to_owned(), cell(alert, "from"), cell(alert, "to")]);
        self.table(&["", "From", "To"], rows.filter(|row| row[1..].iter().any(|cell| !cell.is_empty())));
        let mut measure =
            format!("{} km in {}", rounded(alert, "distance_km"), text(&shown(alert, "travel_time")));
        if !shown(alert, "velocity_kmh").is_empty() {
            let _ = write!(measure, ": {} km/h", rounded(alert, "velocity_kmh"));
        }
        if rounded(alert, "effective_distance_km") != rounded(alert, "distance_km") {
            let _ = write!(
                measure,
                " (at least {} km apart, given the accuracy)",
                rounded(alert, "effective_distance_km")
            );
        }
        self.paragraph(&format!("{measure}."));
    }

    fn legs(&mut self, legs: &[Value], count: usize) {
        if legs.len() < 2 {
            return;
        }
        self.heading("All impossible legs");
        let rows = legs.iter().take(ROWS).map(|leg| {
            vec![
                time(leg, "from_time"),
                place(leg, "from"),
                time(leg, "to_time"),
                place(leg, "to"),
                rounded(leg, "distance_km"),
                rounded(leg, "velocity_kmh"),
            ]
        });
        self.table(&["From", "", "To", "", "km", "km/h"], rows);
        self.rest(count, "`travel.verdicts`");
    }

    fn evidence(&mut self, alert: &Value) {
        self.heading("Evidence");
        let names: Vec<&str> =
            alert["evidence"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() {
            self.paragraph("The legs show nothing more.");
            return;
        }
        self.line("");
        for name in names {
            let meaning = name.parse::<Evidence>().map(|evidence| format!(": {}", evidence.meaning()));
            self.line(&format!("- {}{}", code(name), meaning.unwrap_or_default()));
        }
    }

    fn known(&mut self, input: &ReportInput) {
        self.heading("What was known");
        let Some(first) = input.known.first() else {
            return self.paragraph("The alert has no raised legs, so what was known is not stored.");
        };
        let Some(baseline) = &first.baseline_entity else {
            return self.paragraph("The rule has no baseline for this identity, so no location was known.");
        };
        self.paragraph(&format!("Baseline user: {}.", code(baseline)));
        self.line("");
        let mut said = HashSet::new();
        for (place, is_known) in input.known.iter().flat_map(|ends| [&ends.from, &ends.to]) {
            let name = if place.is_empty() { "A location without a name".to_owned() } else { text(place) };
            let line = format!("- {name} was {}.", if *is_known { "known" } else { "not known" });
            if said.insert(line.clone()) && said.len() <= ROWS {
                self.line(&line);
            }
        }
        self.rest(said.len(), "the legs in `travel.verdicts`");
        if input.known_places.is_empty() {
            return self.paragraph("Today no location of the baseline user is known.");
        }
        let rows = input.known_places.iter().take(ROWS).map(|known| {
            vec![
                names(["city", "subdivision", "country_code"].map(|name| text(&shown(known, name)))),
                text(&shown(known, "state")),
                text(&shown(known, "origin")),
                time(known, "first_seen"),
                time(known, "last_seen"),
            ]
        });
        self.paragraph("Today the baseline has:");
        self.table(&["Location", "State", "Origin", "First seen", "Last seen"], rows);
        self.rest(input.known_place_count, "`travel.known_places`");
    }

    fn activity(&mut self, alert: &Value, activity: &Result<&[Value], String>) {
        self.heading(&format!("Activity from {} on", time(alert, "to_time")));
        let rows = match activity {
            Ok([]) => {
                return self
                    .paragraph("The source of the rule has no events of the credential from then on.");
            }
            Ok(rows) => rows,
            Err(reason) => {
                return self.paragraph(&format!(
                    "The events of the credential could not be read: {}.",
                    text(reason)
                ));
            }
        };
        let cells = rows.iter().take(ROWS).map(|row| {
            let access = match row["read_only"].as_bool() {
                Some(true) => "read",
                Some(false) => "**write**",
                None => "",
            };
            let outcome = text(&shown(row, "outcome"));
            let is_denied = row["denied"].as_bool() == Some(true);
            vec![
                code(&shown(row, "event_name")),
                text(&shown(row, "event_source")),
                access.to_owned(),
                if is_denied { format!("**{outcome}**") } else { outcome },
                shown(row, "events"),
                time(row, "first_time"),
                time(row, "last_time"),
                list(row, "source_ips", "source_ip_count"),
                list(row, "access_key_ids", "access_key_count"),
            ]
        });
        let header =
            ["Call", "Service", "Access", "Outcome", "Events", "First", "Last", "Addresses", "Access keys"];
        self.table(&header, cells);
        self.rest(rows.len(), "`travel.activity_after`");
    }

    fn rule(&mut self, rule: Option<&Value>, alert: &Value) {
        let Some(rule) = rule else {
            self.heading("Rule");
            return self.paragraph(&format!("The rule {} was deleted.", code(&shown(alert, "rule"))));
        };
        for (heading, column) in [("Goal", "goal"), ("Triage", "triage")] {
            let lines = shown(rule, column);
            if !lines.trim().is_empty() {
                self.heading(heading);
                self.line("");
                lines.lines().for_each(|line| self.line(&item(line)));
            }
        }
    }
}

/// A line of a text that may be a numbered list, which stays one.
fn item(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line[digits..].strip_prefix(". ") {
        Some(rest) if (1..=3).contains(&digits) => format!("{}. {}", &line[..digits], text(rest)),
        _ => text(line),
    }
}

/// A column as text, empty for NULL.
fn shown(row: &Value, column: &str) -> String {
    match &row[column] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time of PostgreSQL's JSON, such as 2026-03-05T14:25:10+00:00.
fn time(row: &Value, column: &str) -> String {
    let time = shown(row, column);
    match time.strip_suffix("+00:00") {
        Some(utc) => text(&format!("{} UTC", utc.replace('T', " "))),
        None => text(&time),
    }
}

/// The status with its reason. The reason of an alert that is open again is that of the last archiving.
fn status(alert: &Value) -> String {
    let column = |name| text(&shown(alert, name));
    if is_archived(alert) { join(["status", "archive_reason"].map(column), ": ") } else { column("status") }
}

/// When a leg reopened the alert, and why it had been archived before, if it is still open.
fn reopened(alert: &Value) -> String {
    let (time, reason) = (time(alert, "reopened_at"), text(&shown(alert, "archive_reason")));
    if time.is_empty() || reason.is_empty() || is_archived(alert) {
        return time;
    }
    format!("{time}, after it was archived as {reason}")
}

fn is_archived(alert: &Value) -> bool {
    alert["status"] == "archived"
}

fn rounded(row: &Value, column: &str) -> String {
    row[column].as_f64().map(|number| format!("{number:.0}")).unwrap_or_default()
}

/// The parts that are not empty.
fn join<const N: usize>(parts: [String; N], separator: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// The values of an array as code, and how many more of them the column `count` has.
fn list(row: &Value, column: &str, count: &str) -> String {
    let values = row[column].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut shown: Vec<String> = values.map(code).collect();
    let more = row[count].as_u64().unwrap_or_default().saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn place(row: &Value, end: &str) -> String {
    let name = |column: &str| text(&shown(row, &format!("{end}_{column}")));
    let (city, country) = (name("city"), name("country"));
    let country = if country.is_empty() { name("country_code") } else { country };
    names([city, name("subdivision"), country])
}

/// City, subdivision and country. A subdivision with the name of its city is left out.
fn names([city, subdivision, country]: [String; 3]) -> String {
    let subdivision = if subdivision == city { String::new() } else { subdivision };
    join([city, subdivision, country], ", ")
}

fn coordinates(row: &Value, end: &str) -> String {
    let number = |column: &str| row[format!("{end}_{column}")].as_f64();
    match (number("latitude"), number("longitude"), number("accuracy_km")) {
        (Some(latitude), Some(longitude), Some(radius)) => {
            format!("{latitude:.4}, {longitude:.4} (within {radius:.0} km)")
        }
        (Some(latitude), Some(longitude), None) => format!("{latitude:.4}, {longitude:.4}"),
        _ => String::new(),
    }
}

fn network(row: &Value, end: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert() -> Value {
        json!({
            "id": 4, "rule": "access_key", "entity": "ASIA0", "message": "used in Frankfurt and in Singapore",
            "severity": "medium", "status": "archived", "archive_reason": "true_positive", "assignee": null,
            "first_seen": "2026-03-05T14:25:10+00:00", "last_seen": "2026-03-05T14:50:00+00:00", "leg_count": 2,
            "evidence": ["no_mfa", "of_a_later_version"],
            "from_time": "2026-03-05T14:05:10+00:00", "from_city": "Frankfurt", "from_country": "Germany",
            "from_latitude": 50.1155, "from_longitude": 8.6842, "from_accuracy_km": 20,
            "to_time": "2026-03-05T14:25:10+00:00", "to_city": "Singapore", "to_country_code": "SG",
            "to_ip": "198.19.0.77", "to_asn": 64500, "to_hosting": "digitalocean", "to_event_name": "ListSecrets",
            "distance_km": 10265.4, "effective_distance_km": 10245.4, "travel_time": "20 minutes", "velocity_kmh": 30796.2
        })
    }

    fn page<'a>(alert: &'a Value, change: impl FnOnce(&mut ReportInput<'a>)) -> String {
        let mut input = ReportInput {
            alert,
            legs: &[],
            leg_count: 0,
            known: &[],
            known_places: &[],
            known_place_count: 0,
            activity: Ok(&[]),
            containment: "# Containment\n",
            rule: None,
        };
        change(&mut input);
        report(&input)
    }

    #[test]
    fn both_ends_stand_side_by_side() {
        let page = page(&alert(), |_| ());
        for line in [
            "# Alert 4: `ASIA0`",
            "| Status | archived: true\\_positive |",
            "| Time | 2026-03-05 14:05:10 UTC | 2026-03-05 14:25:10 UTC |",
            "| Location | Frankfurt, Germany | Singapore, SG |",
            "| Coordinates | 50.1155, 8.6842 (within 20 km) |  |",
            "| Network |  | AS 64500, hosting: digitalocean |",
            "10265 km in 20 minutes: 30796 km/h (at least 10245 km apart, given the accuracy).",
            "- `of_a_later_version`",
            "The rule `access_key` was deleted.",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(page.contains("- `no_mfa`: "));
        assert!(!page.contains("Assignee") && !page.contains("User agent"), "{page}");
    }

    #[test]
    fn an_open_alert_shows_why_it_had_been_archived_only_with_the_time_of_reopening() {
        let mut alert = alert();
        alert["reopened_at"] = "2026-03-06T08:00:00+00:00".into();
        assert!(page(&alert, |_| ()).contains("| Reopened | 2026-03-06 08:00:00 UTC |\n"));
        alert["status"] = "open".into();
        let page = page(&alert, |_| ());
        assert!(page.contains("| Status | open |\n"), "{page}");
        let line = "| Reopened | 2026-03-06 08:00:00 UTC, after it was archived as true\\_positive |\n";
        assert!(page.contains(line), "{page}");
    }

    #[test]
    fn a_list_says_how_many_rows_it_leaves_out() {
        let leg = json!({"from_city": "Frankfurt", "to_city": "Singapore"});
        let legs = [leg.clone(), leg];
        let ends = |n: usize| KnownEnds {
            baseline_entity: Some("carol".to_owned()),
            from: ("Frankfurt".to_owned(), true),
            to: (format!("City {n}"), false),
        };
        let known: Vec<KnownEnds> = (1..ROWS + 7).map(ends).collect();
        let page = page(&alert(), |input| {
            (input.legs, input.leg_count) = (&legs, 1234);
            (input.known_places, input.known_place_count) = (&legs, 51);
            input.known = &known;
        });
        for line in [
            "1184 more are in `travel.verdicts`.",
            "1 more is in `travel.known_places`.",
            "7 more are in the legs in `travel.verdicts`.",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert_eq!(page.matches(" was not known.").count(), ROWS - 1);
    }

    #[test]
    fn what_was_known_names_each_location_once() {
        let ends = KnownEnds {
            baseline_entity: Some("carol".to_owned()),
            from: ("Frankfurt, DE".to_owned(), true),
            to: (String::new(), false),
        };
        let known = [ends.clone(), ends];
        let page = page(&alert(), |input| input.known = &known);
        assert_eq!(page.matches("- Frankfurt, DE was known.").count(), 1, "{page}");
        assert_eq!(page.matches("- A location without a name was not known.").count(), 1);
        assert!(page.contains("Today no location of the baseline user is known."));
    }

    #[test]
    fn activity_marks_writes_and_denials() {
        let rows = [json!({
            "event_name": "CreateUser", "event_source": "iam.amazonaws.com", "read_only": false, "outcome": "denied",
            "denied": true, "events": 3, "first_time": "2026-03-05T14:26:00+00:00", "source_ips": ["198.19.0.77"],
            "access_key_ids": ["ASIA0"]
        })];
        let page = page(&alert(), |input| input.activity = Ok(&rows));
        let line = "| `CreateUser` | iam.amazonaws.com | **write** | **denied** | 3 | 2026-03-05 14:26:00 UTC |  | \
                    `198.19.0.77` | `ASIA0` |";
        assert!(page.lines().any(|found| found == line), "{page}");
    }

    #[test]
    fn activity_says_how_many_addresses_and_keys_it_leaves_out() {
        let rows = [json!({
            "event_name": "ListUsers", "source_ips": ["198.19.0.77", "198.19.0.78"], "source_ip_count": 5,
            "access_key_ids": ["ASIA0"], "access_key_count": 1
        })];
        let page = page(&alert(), |input| input.activity = Ok(&rows));
        assert!(page.contains("| `198.19.0.77`, `198.19.0.78`, and 3 more | `ASIA0` |"), "{page}");
    }

    #[test]
    fn an_activity_that_cannot_be_read_is_said() {
        let page = page(&alert(), |input| input.activity = Err("table \"x|y\" does not exist".to_owned()));
        assert!(page.contains(r#"could not be read: table "x\|y" does not exist."#), "{page}");
    }

    #[test]
    fn a_value_adds_no_lines_cells_or_markup() {
        let hostile = "x|y\n\n# <script>alert(1)</script> `a` **b** [c](https://example.com) ```";
        let mut alert = alert();
        let before = page(&alert, |_| ());
        for (_, value) in alert.as_object_mut().into_iter().flatten() {
            if value.is_string() && !value.as_str().is_some_and(|time| time.ends_with("+00:00")) {
                *value = hostile.into();
            }
        }
        let after = page(&alert, |_| ());
        assert_eq!(before.lines().count(), after.lines().count(), "{after}");
        let cells = |page: &str| -> Vec<usize> {
            page.lines().map(|line| line.replace(r"\|", "").matches('|').count()).collect()
        };
        assert_eq!(cells(&before), cells(&after), "{after}");
        assert!(!after.contains("<script>") && !after.contains("](https"), "{after}");
    }

    #[test]
    fn the_steps_of_triage_stay_a_list() {
        let rule = json!({"goal": "Detect *it*.", "triage": "1. Look.\n2. Act <b>.\n12345. x\n- y"});
        let page = page(&alert(), |input| input.rule = Some(&rule));
        assert!(
            page.ends_with(
                "## Goal\n\nDetect \\*it\\*.\n\n## Triage\n\n1. Look.\n2. Act \\<b\\>.\n12345\\. x\n\\- y\n"
            ),
            "{page}"
        );
    }
}
