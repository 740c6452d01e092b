//! Rows on their way to the states of a hash aggregate.
//!
//! PostgreSQL passes the rows of a hash aggregate in the order of the table, so each row belongs to another group, and
//! its state is in no cache: a transition function that touches the state waits for main memory several times per row.
//! Here it writes the row and the pointer to its state at the end of a log. When the log is full, or when a state is
//! read, the rows of the log are moved to their states. This loop knows which states come next, and fetches them into
//! the cache in advance. [`crate::legs`] does the same for journeys.

use super::coverage_counts::{State, too_many};
use crate::pg::errors::TravelError;
use crate::pg::function::Call;
use crate::pg::memory::{Palloc, within};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::net::Ipv4Addr;
use std::ptr::null_mut;
use travel_core::site::Site;

/// The rows for the states of one hash table. It lives as long as the hash table, whose memory context it is in.
pub struct Log {
    context: pg_sys::MemoryContext,
    rows: *mut LogRow,
    logged: usize,
    room: usize,
    on_reset: pg_sys::MemoryContextCallback,
}

/// A row that is an event, of one of the common kinds and from an IPv4 address, as most are.
#[derive(Clone, Copy)]
pub struct LogRow {
    pub state: *mut State,
    pub time_us: i64,
    pub address: u32,
    pub kind: u8,
}

/// The largest log, in rows.
const MOST_ROWS: usize = 16 * 1024;
const FEWEST_ROWS: usize = 128;

/// How many rows the loop over the log looks ahead for the end of a state's events. It looks for the state twice as far
/// ahead.
const AHEAD: usize = 16;

/// A pointer to the log of a call site, which is null before the first row and after a reset of the hash table.
pub type LogOfSite = Cell<*mut Log>;

impl Log {
    /// The log of the hash table for which this transition function is called. Null if the state is not in a hash table.
    #[inline]
    pub fn of_call(call: &Call) -> Result<*mut Self, TravelError> {
        let site = call.site_cache(|| Ok(LogOfSite::new(null_mut())))?;
        // SAFETY: the context of the call is an AggState, as `AggCheckCallContext` saw, or a WindowAggState, which the
        // aggregate does not allow. Its fields are set while a transition function runs.
        unsafe {
            let node = (*call.raw()).context.cast::<pg_sys::AggState>();
            if (*node).ss.ps.type_ != pg_sys::NodeTag::T_AggState
                || (*node).curaggcontext != (*node).hashcontext
                || (*node).curpertrans.is_null()
                // Another extension, such as Citus, can call the function with the same context for a state of its own.
                || &raw mut (*(*node).curpertrans).transfn != (*call.raw()).flinfo
            {
                return Ok(null_mut());
            }
            if site.get().is_null() {
                site.set(Self::new(node, site));
            }
        }
        Ok(site.get())
    }

    /// # Safety
    /// `node` must be a node with a hash table, and `site` must live longer than this.
    #[cold]
    unsafe fn new(node: *mut pg_sys::AggState, site: &LogOfSite) -> *mut Self {
        // SAFETY: by the caller. The callback's argument is the call site, which is in the memory of the query: the
        // hash table is freed first.
        unsafe {
            let context = (*(*node).hashcontext).ecxt_per_tuple_memory;
            // The log counts as memory of the hash table: it takes little of what that may have.
            let room = ((*node).hash_mem_limit / 16 / size_of::<LogRow>()).clamp(FEWEST_ROWS, MOST_ROWS);
            let log = pg_sys::MemoryContextAlloc(context, size_of::<Self>()).cast::<Self>();
            log.write(Self {
                context,
                rows: pg_sys::MemoryContextAlloc(context, room * size_of::<LogRow>()).cast(),
                logged: 0,
                room,
                on_reset: pg_sys::MemoryContextCallback {
                    func: Some(forget),
                    arg: std::ptr::from_ref(site).cast_mut().cast(),
                    next: null_mut(),
                },
            });
            pg_sys::MemoryContextRegisterResetCallback(context, &raw mut (*log).on_reset);
            log
        }
    }

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, row: LogRow) -> Result<(), TravelError> {
        if self.logged == self.room {
            self.flush()?;
        }
        // SAFETY: within the log.
        unsafe { self.rows.add(self.logged).write(row) };
        self.logged += 1;
        Ok(())
    }

    /// Moves the rows to their states.
    pub fn flush(&mut self) -> Result<(), TravelError> {
        if self.logged == 0 {
            return Ok(());
        }
        pgrx::check_for_interrupts!();
        // SAFETY: so many rows were written. Their states live as long as the log.
        let rows = unsafe { std::slice::from_raw_parts(self.rows, std::mem::take(&mut self.logged)) };
        let move_all = || {
            for (at, row) in rows.iter().enumerate() {
                if let Some(later) = rows.get(at + 2 * AHEAD) {
                    prefetch(later.state.cast());
                }
                // SAFETY: a state of the hash table, to which no reference exists.
                unsafe {
                    if let Some(soon) = rows.get(at + AHEAD) {
                        prefetch((*soon.state).rows.next_place());
                    }
                    let LogRow { state, time_us, address, kind } = *row;
                    let site = Site::from_address(Ipv4Addr::from(address).into());
                    (*state).rows.add_event_of(time_us, site, kind, &Palloc).map_err(too_many)?;
                }
            }
            Ok(())
        };
        // SAFETY: the context of the states.
        unsafe { within(self.context, move_all) }
    }
}

/// Called when the memory of the hash table is freed.
unsafe extern "C-unwind" fn forget(site: *mut c_void) {
    // SAFETY: the argument that `new` registered, which lives longer than the log.
    unsafe { (*site.cast::<LogOfSite>()).set(null_mut()) };
}

/// Lets the processor fetch the cache line of an address, which need not be valid.
#[inline(always)]
fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch(at.cast(), std::arch::x86_64::_MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
