//! One case: it arrives, is scanned, and what is there in the end is compared.

use crate::case::{Case, Source};
use crate::expected::Expected;
use crate::found::{self, Found};
use crate::plan::{self, Step};
use crate::server::{Failure, Server, Session};
use crate::sql;

pub fn run(server: &mut Server, case: &Case) -> Result<(), Failure> {
    let last = |is: fn(&Step) -> bool| case.steps.iter().rposition(is);
    let changes = last(|step| matches!(step, Step::Change { .. }));
    let (leaves, returns) =
        (last(|step| matches!(step, Step::Elsewhere(_))), last(|step| *step == Step::Back));
    if (case.before.is_some() && changes.is_none()) || leaves > returns {
        return Err(Failure { what: "the rule never becomes that of the case".to_owned(), is_void: true });
    }
    let (moves, moves_back) =
        (last(|step| *step == Step::OtherEdition), last(|step| *step == Step::PresentEdition));
    let again = last(|step| matches!(step, Step::Rescan { since: None, .. }));
    if moves.is_some() && (moves > moves_back || moves_back > again) {
        return Err(Failure {
            what: "the addresses never are where the case says".to_owned(),
            is_void: true,
        });
    }
    let number = server.fresh()?;
    let (split, whole) = (format!("split {number}"), format!("whole {number}"));
    for statement in sql::networks(case) {
        server.run(Session::Main, &statement)?;
    }
    let first = sql::first(case);
    server.run(Session::Main, &sql::insert_rule(case, &split, &first.rule))?;
    for statement in sql::said_of(&split, &first.analysts, &first.suppressions) {
        server.run(Session::Main, &statement)?;
    }
    for step in &case.steps {
        take(server, case, &split, step)?;
        if moves.is_some() {
            same("legs and places of two editions and none", &[], &found::of_two_editions(server, &split)?)?;
        }
    }

    let rows: Vec<_> = plan::rows(&case.steps).into_iter().map(|row| case.rows[row].clone()).collect();
    let case = &Case { rows, ..case.clone() };
    let expected = Expected::of(case);
    let found = Found::of(server, &split)?;
    same("the scans and the crate", &expected.lines, &found.lines)?;
    same("the crate and the second implementation", &expected.of_the_model, &expected.in_its_words)?;
    same("the states that are kept and those of the crate", &expected.states(&found)?, &found.state_lines())?;
    found::hangs_together(server, &split)?;
    if expected.legs_are_those_of_the_journey {
        same("the verdicts and travel.impossible_legs", &found::legs(server, case)?, &found.legs())?;
    }

    // The same settings, one scan.
    server.run(Session::Main, &sql::insert_rule(case, &whole, &case.rule))?;
    for statement in sql::said_of(&whole, &case.analysts, &case.suppressions) {
        server.run(Session::Main, &statement)?;
    }
    scan(server, &whole, 200_000)?;
    same("one scan and the crate", &expected.lines, &Found::of(server, &whole)?.lines)?;
    let (one, other) = (found::every_column(server, &whole)?, found::every_column(server, &split)?);
    same("one scan and several, in every column", &one, &other)?;

    // Nothing is new.
    let before = found::row_versions(server, &split)?;
    scan(server, &split, 200_000)?;
    same("a scan of nothing new and the one before", &before, &found::row_versions(server, &split)?)
}

fn take(server: &mut Server, case: &Case, rule: &str, step: &Step) -> Result<(), Failure> {
    let table = sql::table(case.source);
    match step {
        Step::Insert(rows) => insert(server, case, Session::Main, table, rows),
        Step::Within { steps, commits } => {
            server.run(Session::Main, "BEGIN")?;
            for step in steps {
                take(server, case, rule, step)?;
            }
            server.run(Session::Main, if *commits { "COMMIT" } else { "ROLLBACK" })
        }
        Step::Open(rows) => {
            server.run(Session::Other, "BEGIN")?;
            insert(server, case, Session::Other, table, rows)
        }
        Step::Close => server.run(Session::Other, "COMMIT"),
        Step::Scan { batch } => scan(server, rule, *batch),
        Step::Midway { batch } => {
            set_batch(server, *batch)?;
            server.run(Session::Main, &format!("SELECT travel_internal.scan_step('{rule}')"))
        }
        Step::Drift { rows, batch } => {
            scan(server, rule, 200_000)?;
            for statement in sql::change(case, rule) {
                server.run(Session::Main, &statement)?;
            }
            let Some(first) = rows.iter().map(|row| case.rows[*row].time).min() else { return Ok(()) };
            let before = found::said_before(server, rule, first)?;
            insert(server, case, Session::Main, table, rows)?;
            scan(server, rule, *batch)?;
            let after = found::said_before(server, rule, first)?;
            same("what was said of the time before late rows, then and now,", &before, &after)
        }
        Step::Change { batch } => {
            for statement in sql::change(case, rule) {
                server.run(Session::Main, &statement)?;
            }
            set_batch(server, *batch)?;
            server.run(Session::Main, &format!("CALL travel.rescan('{rule}', '-infinity')"))
        }
        Step::Rescan { since, batch } => {
            set_batch(server, *batch)?;
            let since = since.map_or_else(|| "-infinity".to_owned(), sql::utc);
            server.run(Session::Main, &format!("CALL travel.rescan('{rule}', '{since}')"))
        }
        Step::Elsewhere(rows) => {
            let other = sql::table(Source::Transactions);
            insert(server, case, Session::Main, other, rows)?;
            server.run(Session::Main, &sql::set_source(rule, other))
        }
        Step::Back => server.run(Session::Main, &sql::set_source(rule, table)),
        Step::OtherEdition => {
            sql::other_edition(case).iter().try_for_each(|statement| server.run(Session::Main, statement))
        }
        Step::PresentEdition => {
            server.run(Session::Main, "DELETE FROM travel.networks WHERE name = 'other edition'")
        }
        Step::Archive => server.run(
            Session::Main,
            &format!(
                "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' \
                 WHERE rule = '{rule}' AND withdrawn_at IS NULL"
            ),
        ),
    }
}

fn insert(
    server: &mut Server,
    case: &Case,
    session: Session,
    table: &str,
    rows: &[usize],
) -> Result<(), Failure> {
    if rows.is_empty() { Ok(()) } else { server.run(session, &sql::insert(case, table, rows)) }
}

fn scan(server: &mut Server, rule: &str, batch: u64) -> Result<(), Failure> {
    set_batch(server, batch)?;
    server.run(Session::Main, &format!("CALL travel.scan('{rule}')"))?;
    // An error of a rule is a warning there.
    let error = server.ask(&format!(
        "SELECT last_error FROM travel_internal.scans WHERE rule = '{rule}' AND last_error IS NOT NULL"
    ))?;
    same("the error of the scan and none", &[], &error)
}

/// The next pass has so many rows a step. What else a session may have set must not matter.
fn set_batch(server: &mut Server, batch: u64) -> Result<(), Failure> {
    let (zone, digits) = if batch % 2 == 1 { ("Asia/Kolkata", 0) } else { ("UTC", 1) };
    server.run(
        Session::Main,
        &format!(
            "SET impossible_travel.scan_batch = {batch}; SET timezone = '{zone}'; SET extra_float_digits = {digits}"
        ),
    )
}

/// Both are sorted.
fn same(what: &str, one: &[String], other: &[String]) -> Result<(), Failure> {
    if one == other {
        return Ok(());
    }
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let lines = |sign: &str, lines: Vec<String>| -> String {
        lines.iter().map(|line| format!("\n  {sign} {line}")).collect()
    };
    Err(Failure {
        what: format!("{what} differ:{}{}", lines("-", only(one, other)), lines("+", only(other, one))),
        is_void: false,
    })
}
