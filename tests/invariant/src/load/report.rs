//! Reports the latencies of statements.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The times and the result of one statement.
pub struct Sample {
    /// The kind of statement. The report has one line for each kind.
    pub kind: &'static str,
    pub began: Instant,
    pub ended: Instant,
    /// The SQLSTATE of its error or first warning.
    pub code: Option<String>,
}

impl Sample {
    /// Whether the statement did its work. A scan that was cut short did, and so did one during which the extension was
    /// dropped.
    fn is_success(&self) -> bool {
        match self.code.as_deref() {
            None => true,
            Some("57014") => self.kind == super::work::CUT_SHORT,
            Some("55000") => self.kind == super::work::BESIDE_DROP,
            Some(_) => false,
        }
    }
}

/// Returns the kinds of statements that never succeeded.
pub fn without_success(kinds: &BTreeSet<&'static str>, samples: &[Sample]) -> Vec<&'static str> {
    let successes: BTreeSet<&str> =
        samples.iter().filter(|sample| sample.is_success()).map(|sample| sample.kind).collect();
    kinds.iter().copied().filter(|kind| !successes.contains(kind)).collect()
}

/// Times in which this machine was stopped, for example because a virtual machine was suspended. The latencies of
/// statements in these times say nothing about the server.
#[derive(Default)]
pub struct Pauses(Mutex<Vec<(Instant, Instant)>>);

impl Pauses {
    const TICK: Duration = Duration::from_millis(50);
    /// A longer delay is a pause. The delays of a busy machine are shorter.
    const PAUSE: Duration = Duration::from_secs(1);

    pub fn watch_until(&self, end: Instant) {
        let mut last = Instant::now();
        while last < end {
            thread::sleep(Self::TICK);
            let now = Instant::now();
            if now - last > Self::PAUSE
                && let Ok(mut pauses) = self.0.lock()
            {
                pauses.push((last, now));
            }
            last = now;
        }
    }

    fn total(&self) -> Duration {
        self.0.lock().map(|pauses| pauses.iter().map(|(from, to)| *to - *from).sum()).unwrap_or_default()
    }

    fn overlap(&self, sample: &Sample) -> bool {
        self.0
            .lock()
            .is_ok_and(|pauses| pauses.iter().any(|(from, to)| sample.began < *to && sample.ended > *from))
    }
}

/// Prints the latencies of each kind of statement, in milliseconds, and how often each SQLSTATE occurred.
pub fn print(samples: &[Sample], pauses: &Pauses) {
    let mut kinds: BTreeMap<&str, (Vec<f64>, BTreeMap<&str, usize>)> = BTreeMap::new();
    for sample in samples {
        let kind = kinds.entry(sample.kind).or_default();
        if !pauses.overlap(sample) {
            kind.0.push((sample.ended - sample.began).as_secs_f64() * 1000.0);
        }
        if let Some(code) = &sample.code {
            *kind.1.entry(code).or_default() += 1;
        }
    }
    println!(
        "   {:<34} {:>7} {:>10} {:>10} {:>10}  SQLSTATEs",
        "latencies in ms", "calls", "median", "95 %", "max"
    );
    for (kind, (mut times, codes)) in kinds {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).copied();
        let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{code}: {count}")).collect();
        println!(
            "   {kind:<34} {:>7} {:>10.1} {:>10.1} {:>10.1}  {}",
            times.len(),
            at(0.5).unwrap_or_default(),
            at(0.95).unwrap_or_default(),
            at(1.0).unwrap_or_default(),
            codes.join(", ")
        );
    }
    let stood = pauses.total();
    if !stood.is_zero() {
        println!(
            "   the machine was stopped for {:.1} s; statements in that time are not included",
            stood.as_secs_f64()
        );
    }
}
