//! The number of rows that a running `travel.detect` evaluated, and the number that were not located. They are counted
//! where they are evaluated, so the notice costs no second pass.

use std::cell::Cell;

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub entities: u64,
    /// Rows, not distinct events: several rows can be one event.
    pub evaluated: u64,
    pub not_located: u64,
}

thread_local! {
    static RUNNING: Cell<Option<Tally>> = const { Cell::new(None) };
}

/// Counts what is evaluated while `body` runs, also where it unwinds.
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

pub fn add(entities: u64, evaluated: u64, not_located: u64) {
    if let Some(tally) = RUNNING.get() {
        RUNNING.set(Some(Tally {
            entities: tally.entities + entities,
            evaluated: tally.evaluated + evaluated,
            not_located: tally.not_located + not_located,
        }));
    }
}
