//! docs/errors.md lists the errors of `src/pg/errors/`, each with its message.

use crate::{project, rust_files};
use std::collections::BTreeSet;
use std::fs;

/// An error by its name and its message, in which `*` stands for each part that varies. No message: the code computes
/// it.
type Error = (String, Option<String>);

/// The errors that the `errors!` blocks declare.
fn declared() -> Vec<Error> {
    let mut errors = Vec::new();
    let mut reports = 0;
    for (_, text) in rust_files("src/pg/errors") {
        // mod.rs, which declares the macro, has no block.
        let Some((_, block)) = text.split_once("\nerrors! {\n") else { continue };
        reports += block.matches("Report::error(").count();
        let mut starts: Vec<(usize, &str)> = Vec::new();
        let mut at = 0;
        for line in block.split_inclusive('\n') {
            if let Some(name) = variant(line) {
                starts.push((at, name));
            }
            at += line.len();
        }
        let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([block.len()]);
        errors.extend(starts.iter().zip(ends).map(|((start, name), end)| {
            let body = &block[*start..end];
            let (_, report) =
                body.split_once("Report::error(").unwrap_or_else(|| panic!("{name} has no Report::error"));
            ((*name).to_owned(), message(report))
        }));
    }
    // Each error makes one report: a block that this reads wrongly has another number.
    assert_eq!(errors.len(), reports, "errors and reports in src/pg/errors");
    assert_ne!(reports, 0);
    errors
}

/// The name of the error that a line begins to declare: eight blanks, a name, perhaps fields, and an arrow.
fn variant(line: &str) -> Option<&str> {
    let line = line.strip_prefix("        ").filter(|line| line.starts_with(char::is_uppercase))?;
    let end = line.find(|c: char| !c.is_alphanumeric())?;
    let rest = line[end..].trim();
    (rest == "=>" || rest == "=> {" || (rest.starts_with('{') && rest.contains("} =>")))
        .then_some(&line[..end])
}

/// The message of a report: the text that stands after its SQLSTATE, if one does.
fn message(report: &str) -> Option<String> {
    let (_, rest) = report.split_once(',')?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("format!(").unwrap_or(rest).trim_start().strip_prefix('"')?;
    let mut message = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(message),
            '\\' => message.push(characters.next()?),
            '{' => {
                characters.by_ref().find(|c| *c == '}');
                message.push('*');
            }
            character => message.push(character),
        }
    }
}

/// The rows of the page's tables.
fn documented() -> Vec<(String, String)> {
    let page = fs::read_to_string(project().join("docs/errors.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        let [_, name, message, ..] = cells[..] else { return None };
        (name != "Name").then(|| {
            let varying = message.split('*').enumerate();
            let message = varying.map(|(n, part)| if n % 2 == 0 { part } else { "*" }).collect::<String>();
            (name.to_owned(), message)
        })
    });
    rows.collect()
}

#[test]
fn every_error_is_documented_with_its_message() {
    let documented = documented();
    let missing: Vec<Error> = declared()
        .into_iter()
        .filter(|(name, message)| {
            !documented
                .iter()
                .any(|(row, text)| row == name && message.as_ref().is_none_or(|message| message == text))
        })
        .collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:#?}");
}

#[test]
fn every_documented_error_exists() {
    let declared: BTreeSet<String> = declared().into_iter().map(|(name, _)| name).collect();
    let unknown: Vec<(String, String)> =
        documented().into_iter().filter(|(name, _)| !declared.contains(name)).collect();
    assert!(unknown.is_empty(), "in docs/errors.md, but not in src/pg/errors: {unknown:#?}");
}
