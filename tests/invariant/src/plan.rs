//! The plan of a case: how its rows arrive and when they are scanned.

use crate::case::{Case, Source};
use travel_core::rule::Micros;
use travel_core::rule::settings::{DAY, SECOND};
use travel_sample::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Inserts these rows in a transaction of their own.
    Insert(Vec<usize>),
    /// Performs steps in one transaction, which is committed or rolled back.
    InTransaction { steps: Vec<Step>, commits: bool },
    /// Another session inserts these rows and keeps its transaction open.
    OpenTransaction(Vec<usize>),
    /// The other session commits.
    CommitOpen,
    /// A complete scan, with this many rows per step.
    Scan { batch: u64 },
    /// A single step of a scan.
    PartOfScan { batch: u64 },
    /// The rule gets its final settings, and these rows arrive: verdicts before them do not change.
    LateRowsAfterChange { rows: Vec<usize>, batch: u64 },
    /// The rule gets its final settings, and everything is evaluated again.
    ChangeRule { batch: u64 },
    /// A rescan with the same settings.
    Rescan { since: Option<Micros>, batch: u64 },
    /// Another edition of place data comes into force, in which all addresses are elsewhere.
    OtherEdition,
    /// The edition of the case comes into force again.
    PresentEdition,
    /// The rows of a partitioned table are moved from its DEFAULT partition into those of their months.
    MakePartitions,
    /// An analyst archives all alerts.
    Archive,
    /// The rule scans another table, which holds these rows.
    OtherSource(Vec<usize>),
    /// The rule scans its own table again.
    OwnSource,
}

const MINUTE: Micros = 60 * SECOND;

/// 2030-01-01.
const FIRST_ARRIVAL: Micros = 10_958 * DAY;

pub fn make(case: &mut Case, rng: &mut Rng) {
    let order = order(case, rng);
    let parts = parts(&order, rng);
    let is_exact = matches!(case.source, Source::Events | Source::Partitioned | Source::Transactions);
    let last = case.rows.iter().map(|row| row.time).max().unwrap_or_default();
    case.arrived = vec![FIRST_ARRIVAL; case.rows.len()];
    for (number, part) in (0..).zip(&parts) {
        for row in part {
            // Earlier than the newest row before it by less than the overlap of scans.
            let early = rng.below(60) as Micros;
            case.arrived[*row] = FIRST_ARRIVAL + (number * 10 - early) * MINUTE;
        }
    }
    let batch = |rng: &mut Rng| *rng.pick(&[1, 1, 2, 5, 20, 200_000, 200_000]);
    let changes = case.earlier.is_some().then(|| rng.below(parts.len() as u64));
    let returns = (case.source == Source::Events && rng.below(5) == 0).then(|| rng.below(parts.len() as u64));
    let mut steps = Vec::new();
    if returns.is_some() {
        let rows = (0..case.rows.len()).filter(|_| rng.below(2) == 0).collect();
        steps.extend([Step::OtherSource(rows), Step::Scan { batch: batch(rng) }]);
    }
    let mut is_open = false;
    for (number, part) in (0..).zip(parts) {
        let scan = Step::Scan { batch: batch(rng) };
        let drifts = is_exact && changes == Some(number) && rng.below(2) == 0;
        match rng.below(8) {
            _ if drifts => steps.push(Step::LateRowsAfterChange { rows: part, batch: batch(rng) }),
            0 if is_exact && !is_open => {
                steps.push(Step::OpenTransaction(part));
                is_open = true;
            }
            1 => {
                let (one, other) = part.split_at(rng.below(part.len() as u64) as usize);
                let mut within = vec![Step::Insert(one.to_vec()), scan.clone(), Step::Insert(other.to_vec())];
                if rng.below(2) == 0 {
                    within.push(scan.clone());
                }
                steps.push(Step::InTransaction { steps: within, commits: true });
            }
            2 => {
                let within = vec![Step::Insert(part.clone()), scan.clone()];
                steps.push(Step::InTransaction { steps: within, commits: false });
                steps.push(Step::Insert(part));
            }
            3 => {
                let (one, other) = part.split_at(rng.below(part.len() as u64) as usize);
                steps.extend([Step::Insert(one.to_vec()), Step::Insert(other.to_vec())]);
            }
            _ => steps.push(Step::Insert(part)),
        }
        match rng.below(8) {
            _ if drifts => {}
            // By lookback, a row that arrives while a pass is under way counts from the newest event of that pass.
            0 if case.source != Source::Lookback => {
                for _ in 0..1 + rng.below(3) {
                    steps.push(Step::PartOfScan { batch: batch(rng) });
                }
            }
            1 => {}
            2 => {
                let since = (rng.below(3) > 0).then(|| last - rng.below(60) as Micros * DAY / 2);
                steps.push(Step::Rescan { since, batch: batch(rng) });
            }
            3 => steps.extend([scan, Step::Archive]),
            _ => steps.push(scan),
        }
        if is_open && rng.below(3) == 0 {
            steps.push(Step::CommitOpen);
            is_open = false;
        }
        // It waits for open transactions.
        if case.source == Source::Partitioned && !is_open && rng.below(3) == 0 {
            steps.push(Step::MakePartitions);
        }
        if returns == Some(number) {
            steps.push(Step::OwnSource);
        }
        if changes == Some(number) {
            steps.push(Step::ChangeRule { batch: batch(rng) });
        }
    }
    if is_open {
        steps.push(Step::CommitOpen);
    }
    steps.push(Step::Scan { batch: batch(rng) });
    if rng.below(3) == 0 {
        // Verdicts by the other edition stand until everything is evaluated again.
        let mut places = [0; 2].map(|_| rng.below(steps.len() as u64) as usize);
        places.sort_unstable();
        steps.insert(places[1], Step::PresentEdition);
        steps.insert(places[0], Step::OtherEdition);
        steps.push(Step::Rescan { since: None, batch: batch(rng) });
    }
    case.steps = steps;
}

/// Names for what these steps are examples of.
pub fn kinds(steps: &[Step]) -> Vec<&'static str> {
    let mut kinds: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::InTransaction { commits: true, .. } => {
                Some("a scan between two inserts of one transaction")
            }
            Step::InTransaction { commits: false, .. } => Some("a scan that is rolled back"),
            Step::OpenTransaction(_) => Some("a transaction that commits after a later one was scanned"),
            Step::PartOfScan { .. } => Some("rows that arrive while a pass is under way"),
            Step::Rescan { .. } => Some("a rescan with the same settings"),
            Step::Scan { batch } if *batch < 200_000 => Some("a pass of several steps"),
            Step::OtherEdition => Some("another edition of place data at first"),
            Step::MakePartitions => Some("rows moved into partitions between scans"),
            Step::Archive => Some("alerts archived between scans"),
            Step::LateRowsAfterChange { .. } => Some("late rows under changed settings"),
            Step::OtherSource(_) => Some("another source at first"),
            Step::Insert(_)
            | Step::CommitOpen
            | Step::Scan { .. }
            | Step::ChangeRule { .. }
            | Step::PresentEdition
            | Step::OwnSource => None,
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The rows that have arrived in the end.
pub fn rows(steps: &[Step]) -> Vec<usize> {
    let (mut rows, mut open) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Insert(part) | Step::LateRowsAfterChange { rows: part, .. } => rows.extend(part),
            Step::OpenTransaction(part) => open.extend(part),
            Step::CommitOpen => rows.append(&mut open),
            Step::InTransaction { steps, commits: true } => rows.extend(self::rows(steps)),
            _ => {}
        }
    }
    rows
}

fn order(case: &Case, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..case.rows.len()).collect();
    rng.shuffle(&mut order);
    let by_time = |late: &mut dyn FnMut() -> Micros, order: &mut Vec<usize>| {
        let arrivals: Vec<Micros> = case.rows.iter().map(|row| row.time + late()).collect();
        order.sort_by_key(|row| arrivals[*row]);
    };
    if case.source == Source::Lookback {
        // Rows that arrived before are at most `lookback` newer.
        by_time(&mut || rng.below(case.lookback as u64) as Micros, &mut order);
        return order;
    }
    match rng.below(6) {
        // Any order.
        0 | 1 => {}
        // A few are late, by hours or by weeks.
        2 => by_time(&mut || if rng.below(8) == 0 { rng.below(40) as Micros * DAY } else { 0 }, &mut order),
        3 => by_time(&mut || rng.below(36) as Micros * DAY / 24, &mut order),
        // Whole days are late.
        4 => {
            let late: Vec<u64> = (0..520).map(|_| rng.below(4)).collect();
            let first = case.rows.iter().map(|row| row.time).min().unwrap_or_default();
            order.sort_by_key(|row| {
                let time = case.rows[*row].time;
                let day = ((time - first) / DAY) as usize;
                (late.get(day).is_some_and(|late| *late == 0), time)
            });
        }
        // The newest come first.
        _ => {
            by_time(&mut || 0, &mut order);
            order.reverse();
        }
    }
    order
}

fn parts(order: &[usize], rng: &mut Rng) -> Vec<Vec<usize>> {
    let most = 1 + rng.below(10) as usize;
    let mut cuts: Vec<usize> = (0..most).map(|_| rng.below(order.len() as u64) as usize).collect();
    cuts.extend([0, order.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|cut| order[cut[0]..cut[1]].to_vec()).collect()
}
