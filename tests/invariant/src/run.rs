//! Runs a case: its rows arrive and are scanned, and the results are compared.

use crate::case::{Case, Source};
use crate::expected::Expected;
use crate::explained;
use crate::plan::{self, Step};
use crate::server::{Failure, Server, Session};
use crate::sql;
use crate::stored::{self, StoredResults};

pub fn run(server: &mut Server, case: &Case) -> Result<(), Failure> {
    let last = |is: fn(&Step) -> bool| case.steps.iter().rposition(is);
    let changes = last(|step| matches!(step, Step::ChangeRule { .. }));
    let (leaves, returns) =
        (last(|step| matches!(step, Step::OtherSource(_))), last(|step| *step == Step::OwnSource));
    if (case.earlier.is_some() && changes.is_none()) || leaves > returns {
        return Err(Failure { what: "the rule never gets its final settings".to_owned(), is_void: true });
    }
    let (moves, moves_back) =
        (last(|step| *step == Step::OtherEdition), last(|step| *step == Step::PresentEdition));
    let again = last(|step| matches!(step, Step::Rescan { since: None, .. }));
    if moves.is_some() && (moves > moves_back || moves_back > again) {
        return Err(Failure {
            what: "the place data of the case is never in force in the end".to_owned(),
            is_void: true,
        });
    }
    let number = server.start_case()?;
    if case.source == Source::Partitioned {
        server.run(Session::Main, sql::drop_partitions())?;
    }
    let (split, whole) = (format!("split {number}"), format!("whole {number}"));
    for statement in sql::networks(case) {
        server.run(Session::Main, &statement)?;
    }
    let first = sql::first_settings(case);
    server.run(Session::Main, &sql::insert_rule(case, &split, &first.rule))?;
    for statement in sql::analyst_statements(&split, &first.analysts, &first.suppressions) {
        server.run(Session::Main, &statement)?;
    }
    for step in &case.steps {
        perform(server, case, &split, step)?;
        if moves.is_some() {
            same(
                "results that mix two editions, and none,",
                &[],
                &stored::rows_of_two_editions(server, &split)?,
            )?;
        }
    }

    let case = &case.with_rows(&plan::rows(&case.steps));
    let expected = Expected::of(case);
    let found = StoredResults::of(server, &split)?;
    same("the scans and the core crate", &expected.lines, &found.lines)?;
    same(
        "the core crate and the second implementation",
        &expected.model_lines,
        &expected.core_lines_in_model_form,
    )?;
    same(
        "the checkpoints and the states of the core crate",
        &expected.states(&found)?,
        &found.state_lines(),
    )?;
    stored::check_consistency(server, &split)?;
    if expected.has_every_leg {
        same(
            "the verdicts and the legs of travel.impossible_legs",
            &stored::legs(server, case)?,
            &found.legs(),
        )?;
    }

    same(
        "the verdicts and travel.explain",
        &explained::stored(server, &split)?,
        &explained::verdicts(server, case, &split)?,
    )?;
    if let Some(middle) = case.rows.get(case.rows.len() / 2).filter(|_| case.number.is_multiple_of(3)) {
        let (begun, whole) = explained::from_time(server, case, &split, middle.time)?;
        same("travel.explain from a time on and from the beginning", &whole, &begun)?;
    }

    // A rule with the same settings is scanned once.
    server.run(Session::Main, &sql::insert_rule(case, &whole, &case.rule))?;
    for statement in sql::analyst_statements(&whole, &case.analysts, &case.suppressions) {
        server.run(Session::Main, &statement)?;
    }
    let before_scan = explained::verdicts(server, case, &whole)?;
    scan(server, &whole, 200_000)?;
    // Only a scan finds out which keys were minted.
    if !case.has_lineage() {
        same(
            "the reasons of verdicts and those of travel.explain before the scan",
            &explained::stored_reasons(server, &whole)?,
            &before_scan,
        )?;
    }
    same("one scan and the core crate", &expected.lines, &StoredResults::of(server, &whole)?.lines)?;
    let (one, other) = (stored::all_columns(server, &whole)?, stored::all_columns(server, &split)?);
    same("one scan and several, in every column", &one, &other)?;

    // What the scan raised is what a backtest says that it would raise.
    set_batch(server, 1 + case.number % 40)?;
    same(
        "the alerts of one scan and of travel.backtest",
        &stored::alerts(server, &whole, "travel.alerts")?,
        &stored::alerts(server, &whole, &format!("travel.backtest('{whole}')"))?,
    )?;

    // A scan without new rows changes nothing.
    let before = stored::row_versions(server, &split)?;
    scan(server, &split, 200_000)?;
    same("the rows before and after a scan without new rows", &before, &stored::row_versions(server, &split)?)
}

fn perform(server: &mut Server, case: &Case, rule: &str, step: &Step) -> Result<(), Failure> {
    let table = sql::table(case.source);
    match step {
        Step::Insert(rows) => insert(server, case, Session::Main, table, rows),
        Step::InTransaction { steps, commits } => {
            server.run(Session::Main, "BEGIN")?;
            for step in steps {
                perform(server, case, rule, step)?;
            }
            server.run(Session::Main, if *commits { "COMMIT" } else { "ROLLBACK" })
        }
        Step::OpenTransaction(rows) => {
            server.run(Session::Other, "BEGIN")?;
            insert(server, case, Session::Other, table, rows)
        }
        Step::CommitOpen => server.run(Session::Other, "COMMIT"),
        Step::Scan { batch } => scan(server, rule, *batch),
        Step::PartOfScan { batch } => {
            set_batch(server, *batch)?;
            server.run(Session::Main, &format!("SELECT travel_internal.scan_step('{rule}')"))
        }
        Step::LateRowsAfterChange { rows, batch } => {
            scan(server, rule, 200_000)?;
            for statement in sql::change(case, rule) {
                server.run(Session::Main, &statement)?;
            }
            let Some(first) = rows.iter().map(|row| case.rows[*row].time).min() else { return Ok(()) };
            let before = stored::row_versions_before(server, rule, first)?;
            insert(server, case, Session::Main, table, rows)?;
            scan(server, rule, *batch)?;
            let after = stored::row_versions_before(server, rule, first)?;
            // A key may have been used before it was minted.
            if case.has_lineage() {
                return Ok(());
            }
            same("the verdicts before late rows, before and after their scan,", &before, &after)
        }
        Step::ChangeRule { batch } => {
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
        Step::OtherSource(rows) => {
            let other = sql::table(Source::Transactions);
            insert(server, case, Session::Main, other, rows)?;
            server.run(Session::Main, &sql::set_source(rule, other))
        }
        Step::OwnSource => server.run(Session::Main, &sql::set_source(rule, table)),
        Step::OtherEdition => {
            sql::other_edition(case).iter().try_for_each(|statement| server.run(Session::Main, statement))
        }
        Step::PresentEdition => {
            server.run(Session::Main, "DELETE FROM travel.networks WHERE name = 'other edition'")
        }
        Step::MakePartitions => {
            // A smaller case may lack the step that commits the open transaction.
            server.run(Session::Main, "SET lock_timeout = '5s'")?;
            server.run(Session::Main, sql::make_partitions())?;
            server.run(Session::Main, "RESET lock_timeout")
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
    // The error of a rule is only a warning of the scan.
    let error = server.ask(&format!(
        "SELECT last_error FROM travel_internal.scans WHERE rule = '{rule}' AND last_error IS NOT NULL"
    ))?;
    same("the error of the scan, and none,", &[], &error)
}

/// Sets the number of rows per step of the next pass, and other settings that must not matter.
fn set_batch(server: &mut Server, batch: u64) -> Result<(), Failure> {
    let (zone, digits) = if batch % 2 == 1 { ("Asia/Kolkata", 0) } else { ("UTC", 1) };
    server.run(
        Session::Main,
        &format!(
            "SET impossible_travel.scan_batch = {batch}; SET timezone = '{zone}'; SET extra_float_digits = {digits}"
        ),
    )
}

/// Fails unless both sorted lists are equal.
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
