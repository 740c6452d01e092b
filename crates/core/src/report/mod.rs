//! An alert as a page of Markdown: what an analyst needs to decide, to be read alone or pasted into a ticket.
//!
//! Rows come as JSON objects whose fields are columns, as `row_to_json` writes them in the time zone UTC. Each value is
//! escaped ([`crate::markdown`]), because the callers choose the names in events.

mod cells;

use crate::markdown::{block, code, text};
use crate::rule::Evidence;
use cells::{coordinates, join, list, names, network, place, reopened, rounded, shown, status, time};
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

#[cfg(test)]
mod tests;
