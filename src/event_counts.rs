//! Counts for the notice at the end of `travel.detect`: the events that it evaluated, and those that were not located.
//! The window function and the aggregate count the events as they evaluate them, so the notice needs no second pass.

use std::cell::Cell;

/// The counts of one call of `travel.detect`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts {
    pub entities: u64,
    /// The number of rows, which is not that of distinct events: several rows can be one event.
    pub evaluated: u64,
    pub not_located: u64,
}

thread_local! {
    static RUNNING: Cell<Option<EventCounts>> = const { Cell::new(None) };
}

/// Counts the events that are evaluated while `body` runs. The counts of an outer call are restored afterwards, also
/// after an error.
pub fn counting<R>(body: impl FnOnce() -> R) -> (R, EventCounts) {
    struct Restore(Option<EventCounts>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _restore = Restore(RUNNING.replace(Some(EventCounts::default())));
    let result = body();
    (result, RUNNING.get().unwrap_or_default())
}

/// Whether events are being counted.
pub fn is_running() -> bool {
    RUNNING.get().is_some()
}

/// Adds to the counts, if events are being counted.
pub fn add(entities: u64, evaluated: u64, not_located: u64) {
    if let Some(counts) = RUNNING.get() {
        RUNNING.set(Some(EventCounts {
            entities: counts.entities + entities,
            evaluated: counts.evaluated + evaluated,
            not_located: counts.not_located + not_located,
        }));
    }
}
