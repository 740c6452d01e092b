//! Finds a smaller case that fails, too, and prints its SQL.

use crate::case::Case;
use crate::plan::Step;
use crate::run::run;
use crate::server::{Failure, Server};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(40);

pub fn report_smallest(server: &mut Server, mut case: Case) {
    let until = Instant::now() + PATIENCE;
    loop {
        let size =
            |case: &Case| (used(case).len(), case.steps.len(), case.analysts.len(), case.suppressions.len());
        let before = size(&case);
        for few in [32, 8, 2, 1] {
            let mut at = 0;
            let mut rows: Vec<usize> = used(&case).into_iter().collect();
            while at < rows.len() && Instant::now() < until {
                let gone: BTreeSet<usize> = rows.iter().skip(at).take(few).copied().collect();
                let smaller = without(&case, &gone);
                if fails(server, &smaller) {
                    case = smaller;
                    rows = used(&case).into_iter().collect();
                } else {
                    at += few;
                }
            }
        }
        let mut at = 0;
        while at + 1 < case.steps.len() && Instant::now() < until {
            let mut smaller = case.clone();
            smaller.steps.remove(at);
            // The last step stays: it scans the rows that are left.
            if fails(server, &smaller) { case = smaller } else { at += 1 }
        }
        while shorter(server, &mut case, until, |case| &mut case.analysts)
            || shorter(server, &mut case, until, |case| &mut case.suppressions)
        {}
        if case.earlier.is_none() || !case.steps.iter().any(|step| matches!(step, Step::ChangeRule { .. })) {
            let smaller = Case { earlier: None, ..case.clone() };
            if fails(server, &smaller) {
                case = smaller;
            }
        }
        if before == size(&case) || Instant::now() > until {
            break;
        }
    }
    let Err(Failure { what, .. }) = run(server, &case) else { return };
    println!("the smallest failing case: {what}");
    println!("the addresses:");
    for (address, row) in case.addresses() {
        println!(
            "  {address} {:?} {:?} {:?} radius {:?} {:?} hosting {} {:?} AS {:?} {:?}",
            row.country_code,
            row.subdivision,
            row.city,
            row.accuracy_km,
            row.anonymizer,
            row.hosting,
            row.carrier,
            row.asn,
            row.treatment
        );
    }
    println!("the SQL:");
    for statement in &server.statements {
        println!("{statement};");
    }
}

fn fails(server: &mut Server, case: &Case) -> bool {
    matches!(run(server, case), Err(Failure { is_void: false, .. }))
}

fn shorter<T>(
    server: &mut Server,
    case: &mut Case,
    until: Instant,
    of: fn(&mut Case) -> &mut Vec<T>,
) -> bool {
    for at in 0..of(case).len() {
        let mut smaller = case.clone();
        of(&mut smaller).remove(at);
        if Instant::now() < until && fails(server, &smaller) {
            *case = smaller;
            return true;
        }
    }
    false
}

fn used(case: &Case) -> BTreeSet<usize> {
    fn of(steps: &[Step], rows: &mut BTreeSet<usize>) {
        for step in steps {
            match step {
                Step::Insert(part)
                | Step::OpenTransaction(part)
                | Step::OtherSource(part)
                | Step::LateRowsAfterChange { rows: part, .. } => rows.extend(part),
                Step::InTransaction { steps, .. } => of(steps, rows),
                _ => {}
            }
        }
    }
    let mut rows = BTreeSet::new();
    of(&case.steps, &mut rows);
    rows
}

/// The case without some rows. The others keep their numbers.
fn without(case: &Case, gone: &BTreeSet<usize>) -> Case {
    fn of(steps: &[Step], gone: &BTreeSet<usize>) -> Vec<Step> {
        let left = |part: &[usize]| part.iter().copied().filter(|row| !gone.contains(row)).collect();
        steps
            .iter()
            .map(|step| match step {
                Step::Insert(part) => Step::Insert(left(part)),
                Step::OpenTransaction(part) => Step::OpenTransaction(left(part)),
                Step::OtherSource(part) => Step::OtherSource(left(part)),
                Step::LateRowsAfterChange { rows, batch } => {
                    Step::LateRowsAfterChange { rows: left(rows), batch: *batch }
                }
                Step::InTransaction { steps, commits } => {
                    Step::InTransaction { steps: of(steps, gone), commits: *commits }
                }
                other => other.clone(),
            })
            .collect()
    }
    Case { steps: of(&case.steps, gone), ..case.clone() }
}
