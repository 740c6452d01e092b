//! How long statements took.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// One statement that ended.
pub struct Sample {
    /// What is measured together.
    pub kind: &'static str,
    pub began: Instant,
    pub ended: Instant,
    /// The SQLSTATE of its error or first warning.
    pub code: Option<String>,
}

/// Times in which this machine did not run anything, as when a virtual machine is suspended. Statements that ran then say
/// nothing about the server.
#[derive(Default)]
pub struct Pauses(Mutex<Vec<(Instant, Instant)>>);

impl Pauses {
    const TICK: Duration = Duration::from_millis(50);
    /// A busy machine is late by less than this.
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

/// Prints the latencies of each kind of statement, in milliseconds, and how many ended with which SQLSTATE.
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
            "   the machine stood still for {:.1} s; statements of that time are left out",
            stood.as_secs_f64()
        );
    }
}
