//! How many events a running `travel.detect` judged, and how many rows had no place: counted where they are judged,
//! so that the notice costs no second pass.

use std::cell::Cell;

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub entities: u64,
    pub judged: u64,
    pub not_placed: u64,
}

thread_local! {
    static RUNNING: Cell<Option<Tally>> = const { Cell::new(None) };
}

/// Counts what is judged while `body` runs, also where it unwinds.
pub fn counting<R>(body: impl FnOnce() -> R) -> (R, Tally) {
    struct Restore(Option<Tally>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _restore = Restore(RUNNING.replace(Some(Tally::default())));
    let result = body();
    (result, RUNNING.get().unwrap_or_default())
}

pub fn is_running() -> bool {
    RUNNING.get().is_some()
}

pub fn add(entities: u64, judged: u64, not_placed: u64) {
    if let Some(tally) = RUNNING.get() {
        RUNNING.set(Some(Tally {
            entities: tally.entities + entities,
            judged: tally.judged + judged,
            not_placed: tally.not_placed + not_placed,
        }));
    }
}
