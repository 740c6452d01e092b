//! Counts for the notice at the end of `travel.detect`: the events that it evaluated, and those that were not located.
//! The window function and the aggregate count the events as they evaluate them, so the notice needs no second pass.
//!
//! Parallel workers evaluate events, too. They add to counts in shared memory, which they find by a setting: PostgreSQL
//! passes the settings of a session to its workers.

use crate::pg::shared::Shared;
use crate::pg::{settings, spi};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one call of `travel.detect`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts {
    pub entities: u64,
    /// The number of rows, which is not that of distinct events: several rows can be one event.
    pub evaluated: u64,
    pub not_located: u64,
}

/// The counts of all workers, in shared memory.
#[derive(Default)]
#[repr(C)]
struct WorkerCounts {
    entities: AtomicU64,
    evaluated: AtomicU64,
    not_located: AtomicU64,
}

thread_local! {
    static RUNNING: Cell<Option<EventCounts>> = const { Cell::new(None) };
    /// In a worker: the counts that it adds to. A worker serves one query and then ends.
    static OF_WORKER: Cell<Option<Option<&'static WorkerCounts>>> = const { Cell::new(None) };
}

/// Counts the events that are evaluated while `body` runs, by this process and by its workers. The counts of an outer
/// call are restored afterwards, also after an error.
pub fn counting<R>(body: impl FnOnce() -> R) -> (R, EventCounts) {
    struct Restore(Option<EventCounts>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _restore = Restore(RUNNING.replace(Some(EventCounts::default())));
    let Some(shared) = Shared::<WorkerCounts>::create() else {
        // There is no shared memory left, so workers could not count.
        let result = spi::with_settings(&[(c"max_parallel_workers_per_gather", c"0")], body);
        return (result, RUNNING.get().unwrap_or_default());
    };
    let result = settings::with_event_counts(shared.handle(), body);
    let own = RUNNING.get().unwrap_or_default();
    let workers = shared.get();
    let counts = EventCounts {
        entities: own.entities + workers.entities.load(Ordering::Relaxed),
        evaluated: own.evaluated + workers.evaluated.load(Ordering::Relaxed),
        not_located: own.not_located + workers.not_located.load(Ordering::Relaxed),
    };
    (result, counts)
}

/// Whether events are being counted.
pub fn is_running() -> bool {
    RUNNING.get().is_some() || of_worker().is_some()
}

/// Adds to the counts, if events are being counted.
pub fn add(entities: u64, evaluated: u64, not_located: u64) {
    if let Some(counts) = RUNNING.get() {
        RUNNING.set(Some(EventCounts {
            entities: counts.entities + entities,
            evaluated: counts.evaluated + evaluated,
            not_located: counts.not_located + not_located,
        }));
    } else if let Some(counts) = of_worker() {
        counts.entities.fetch_add(entities, Ordering::Relaxed);
        counts.evaluated.fetch_add(evaluated, Ordering::Relaxed);
        counts.not_located.fetch_add(not_located, Ordering::Relaxed);
    }
}

fn of_worker() -> Option<&'static WorkerCounts> {
    // SAFETY: reads a variable of the backend.
    if unsafe { pgrx::pg_sys::ParallelWorkerNumber } < 0 {
        return None;
    }
    if let Some(known) = OF_WORKER.get() {
        return known;
    }
    let found = Shared::<WorkerCounts>::attach(settings::event_counts());
    OF_WORKER.set(Some(found));
    found
}
