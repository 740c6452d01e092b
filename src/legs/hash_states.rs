//! The states of a hash aggregate over addresses.
//!
//! PostgreSQL passes the rows of a hash aggregate in the order of the table, so each row belongs to another group, and
//! its state is in no cache: a transition function that touches the state waits for main memory several times per row.
//! Here it touches no state. It writes the row and the pointer to its group at the end of a log, and when the log is
//! full, or when a state is read, the rows of the log are moved to their groups. This loop knows which groups
//! come next, and fetches them into the cache in advance.
//!
//! A state is therefore more than the bytes that it points to. PostgreSQL has *expanded objects* for this
//! (utils/expandeddatum.h). PostgreSQL calls the methods of the object before it stores the value, sends it to another
//! process or reads it as plain bytes, and these methods first empty the log.
//!
//! # Lifetimes
//! Everything here is in one memory context below that of the hash table, which is the condition under which
//! `ExecAggCopyTransValue` (in PostgreSQL 15, `ExecAggTransReparent`) keeps the pointer that the transition function
//! returns. The hash table and its states are freed together: at the end, after an error, and before each batch of
//! groups that were spilled to disk. A callback of the memory context then clears the pointer in the call site, which
//! lives longer.
//!
//! Only [`HashStates::of_call`] makes these objects. They are the result of a transition or combine function that
//! nodeAgg.c calls for a state that is NULL, in an aggregate whose states begin as NULL. From then on, each call for
//! the group has the same pointer as argument and as result. If a transition function returned another pointer,
//! nodeAgg.c would delete the object and its memory context. No transition function does so.
//!
//! A process that combines states has no log. These objects save it the copies that PostgreSQL would otherwise make of
//! each state that a combine function returns.

use super::aggregate::joined;
use super::journey_value::{JourneyValue, flat_size_of, flatten};
use crate::pg::aggregate::aggregate_of_call;
use crate::pg::errors::TravelError;
use crate::pg::function::Call;
use crate::pg::inet;
use crate::pg::memory::{Palloc, within};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::offset_of;
use std::net::Ipv4Addr;
use std::ptr::null_mut;
use travel_core::event_set::{self, IPV4_RECORD_LEN, SetRow};
use travel_core::journey::Thresholds;
use travel_core::site::Site;

/// The states of one aggregate in one hash table.
#[repr(C)]
pub struct HashStates {
    /// The methods of the objects. Each object points to them, and thereby to this.
    methods: pg_sys::ExpandedObjectMethods,
    context: pg_sys::MemoryContext,
    /// The thresholds of all groups, unless `thresholds_vary`.
    thresholds: Option<Thresholds>,
    thresholds_vary: bool,
    log: *mut LogRow,
    logged: usize,
    room: usize,
    /// The log grows up to this number of rows.
    most: usize,
    /// The rest of the last allocation for groups.
    unused_groups: *mut Group,
    unused_group_count: usize,
    next_allocation: usize,
    on_reset: pg_sys::MemoryContextCallback,
}

/// A state: what PostgreSQL knows of it, and the block that contains its events. One cache line.
#[repr(C)]
struct Group {
    object: pg_sys::ExpandedObjectHeader,
    /// A plain value of the type travel.journey. Null until the first row is moved here.
    block: *mut pg_sys::varlena,
    /// The number of bytes in use, from the start of the block. The header of the set can lack the last ones.
    used: u32,
    /// The size of the block.
    room: u32,
}

const _: () = assert!(size_of::<Group>() == CACHE_LINE);

/// A row on its way to its group, without padding, because the log must leave room in the cache for the hash table.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
struct LogRow {
    group: *mut Group,
    /// [`UNLOCATED`] if the row was not located. Then it has no address.
    time_us: i64,
    address: u32,
}

const _: () = assert!(size_of::<LogRow>() == 20);

/// A time that no row has, because it is one of PostgreSQL's infinities.
const UNLOCATED: i64 = i64::MIN;

/// The largest log, in rows. The larger it is, the less often the states displace the hash table from the cache.
const MOST_ROWS: usize = 256 * 1024;
const FEWEST_ROWS: usize = 128;

/// How many rows the loop over the log looks ahead for the end of a block. It looks for the group twice as far ahead.
const AHEAD: usize = 16;

const FIRST_GROUPS: usize = 16;

const CACHE_LINE: usize = 64;

/// The number of bytes at the start of a block that are prefetched. The processor itself fetches the rest in time.
const MOST_PREFETCHED: usize = 2048;

/// The size of the first block of a group, enough for four events. There can be very many groups with one event.
const FIRST_BLOCK: usize = 128;

/// A pointer to the states of a call site, which is null before the first row and after a reset of the hash table.
pub type StatesOfSite = Cell<*mut HashStates>;

impl HashStates {
    /// The states of the hash table for which this transition function is called. `None`: the state is not in a hash
    /// table, or its first value is not this function's own.
    ///
    /// They live until the memory of the hash table is freed, so at least as long as the call.
    #[inline]
    pub fn of_call(call: &Call, site: &StatesOfSite, thresholds: Option<Thresholds>) -> Option<*mut Self> {
        let node = hash_aggregate_of_call(call)?;
        if site.get().is_null() {
            // SAFETY: the node has a hash table, and the call site is in the memory of the query.
            site.set(unsafe { Self::new(node, site, thresholds) });
        }
        Some(site.get())
    }

    /// Adds the row of a call, whose first three arguments are the state, the time and the address, to the log. `locate`
    /// says whether the address can be located; otherwise the row is only counted.
    ///
    /// Almost all rows of a large aggregate have an IPv4 address and belong to a group that exists, and the log has room
    /// for them. For any other row this does nothing and returns `None`. It does not call PostgreSQL, and it does not
    /// panic (see [`pg_function`](crate::pg::function::pg_function)).
    #[inline]
    pub fn log_row_of_call(
        call: &Call,
        site: &StatesOfSite,
        thresholds: Option<Thresholds>,
        locate: impl FnOnce(Ipv4Addr) -> bool,
    ) -> Option<pg_sys::Datum> {
        let (state, time_us, address) = (call.datum(0)?, call.timestamp(1)?, call.datum(2)?);
        hash_aggregate_of_call(call)?;
        // SAFETY: see `of_call`: the states live as long as the call, and this is the only reference. The first call for
        // the group returned the state. SQL declares the third argument as inet.
        let (states, address) = unsafe { (site.get().as_mut()?, inet::plain_ipv4(address)?) };
        let is_finite = time_us != i64::MIN && time_us != i64::MAX;
        if !is_finite
            || states.thresholds_vary
            || states.thresholds != thresholds
            || states.logged >= states.room
        {
            return None;
        }
        let time_us = if locate(address) { time_us } else { UNLOCATED };
        let address = if time_us == UNLOCATED { 0 } else { address.to_bits() };
        states.write(LogRow { group: group_of(state), time_us, address });
        Some(state)
    }

    /// # Safety
    /// `node` must be a node with a hash table, and `site` must live longer than this.
    #[cold]
    unsafe fn new(
        node: *mut pg_sys::AggState,
        site: &StatesOfSite,
        thresholds: Option<Thresholds>,
    ) -> *mut Self {
        // SAFETY: by the caller. The callback's argument is the call site, which is in the memory of the query: the
        // hash table is freed first.
        unsafe {
            let context = pg_sys::AllocSetContextCreateExtended(
                (*(*node).hashcontext).ecxt_per_tuple_memory,
                c"travel: states of a hash aggregate".as_ptr(),
                0,
                8 * 1024,
                8 * 1024 * 1024,
            );
            // The log counts as memory of the hash table: it takes little of what that may have.
            let most = ((*node).hash_mem_limit / 8 / size_of::<LogRow>()).clamp(FEWEST_ROWS, MOST_ROWS);
            let states = pg_sys::MemoryContextAlloc(context, size_of::<Self>()).cast::<Self>();
            states.write(Self {
                methods: pg_sys::ExpandedObjectMethods {
                    get_flat_size: Some(flat_size),
                    flatten_into: Some(flatten_into),
                },
                context,
                thresholds,
                thresholds_vary: false,
                log: pg_sys::MemoryContextAlloc(context, FEWEST_ROWS * size_of::<LogRow>()).cast(),
                logged: 0,
                room: FEWEST_ROWS,
                most,
                unused_groups: null_mut(),
                unused_group_count: 0,
                next_allocation: FIRST_GROUPS,
                on_reset: pg_sys::MemoryContextCallback {
                    func: Some(forget),
                    arg: std::ptr::from_ref(site).cast_mut().cast(),
                    next: null_mut(),
                },
            });
            pg_sys::MemoryContextRegisterResetCallback(context, &raw mut (*states).on_reset);
            states
        }
    }

    /// A new group, as the value that PostgreSQL keeps.
    pub fn new_group(&mut self, thresholds: Option<Thresholds>) -> Result<pg_sys::Datum, TravelError> {
        let state = self.new_empty_group();
        if thresholds != self.thresholds {
            self.thresholds_vary = true;
            // SAFETY: the group belongs to this value and has no block yet.
            unsafe { self.begin_block(group_of(state), thresholds) }?;
        }
        Ok(state)
    }

    /// Returns a new group without thresholds. It gets the thresholds of the first state that is added to it.
    pub fn new_empty_group(&mut self) -> pg_sys::Datum {
        // SAFETY: the group is within the allocation, which belongs to the context of the object.
        unsafe {
            if self.unused_group_count == 0 {
                let size = self.next_allocation * size_of::<Group>();
                let flags = pg_sys::MCXT_ALLOC_HUGE as i32;
                // One more, to align them to cache lines.
                let start =
                    pg_sys::MemoryContextAllocExtended(self.context, size + size_of::<Group>(), flags);
                let start = start.cast::<u8>();
                self.unused_groups = start.add(start.align_offset(size_of::<Group>())).cast();
                self.unused_group_count = self.next_allocation;
                self.next_allocation *= 2;
            }
            let group = self.unused_groups;
            self.unused_groups = group.add(1);
            self.unused_group_count -= 1;
            group.write(Group { object: Default::default(), block: null_mut(), used: 0, room: 0 });
            pg_sys::EOH_init_header(&raw mut (*group).object, &raw const self.methods, self.context);
            pg_sys::Datum::from(&raw mut (*group).object.eoh_rw_ptr)
        }
    }

    /// Whether these are the thresholds of a group.
    ///
    /// # Safety
    /// `state` must be what [`HashStates::new_group`] returned.
    #[inline]
    pub unsafe fn has_thresholds(&self, state: pg_sys::Datum, thresholds: Option<Thresholds>) -> bool {
        if !self.thresholds_vary {
            return thresholds == self.thresholds;
        }
        // SAFETY: by the caller.
        let block = unsafe { (*group_of(state)).block };
        // SAFETY: a block of a group is a plain value.
        let of_group = (!block.is_null())
            .then(|| event_set::thresholds(unsafe { JourneyValue::of_block(block) }.bytes()));
        thresholds == of_group.unwrap_or(self.thresholds)
    }

    /// Adds a row to a group.
    ///
    /// # Safety
    /// `state` must be what [`HashStates::new_group`] returned.
    #[inline]
    pub unsafe fn append(&mut self, state: pg_sys::Datum, row: &SetRow) -> Result<(), TravelError> {
        let group = group_of(state);
        match row.site.ipv4() {
            Some(address) => {
                let (time_us, address) = (row.time_us, address.to_bits());
                self.log(LogRow { group, time_us, address })
            }
            // SAFETY: by the caller.
            None => unsafe { self.append_now(group, row) },
        }
    }

    /// Adds the events of another state to a group, as [`joined`] does. The first state that is added leaves room for a
    /// second one of the same size, because there are at least two processes.
    ///
    /// # Safety
    /// As for [`HashStates::append`].
    pub unsafe fn join(&mut self, state: pg_sys::Datum, other: JourneyValue) -> Result<(), TravelError> {
        let group = group_of(state);
        // SAFETY: by the caller. The old block belongs to this value, and no other value has a pointer to it.
        unsafe {
            let old = (*group).block;
            let after = if old.is_null() {
                None
            } else {
                let before = self.settled(group)?;
                within(self.context, || joined(before, other.bytes()).map(Some))?
            };
            let after = match after {
                Some(after) => after,
                // The other state does not belong to this value, so it is copied.
                None => within(self.context, || other.with_room_for_two())?,
            };
            set_block(group, after);
            if !old.is_null() && old != (*group).block {
                pg_sys::pfree(old.cast());
            }
        }
        Ok(())
    }

    /// Counts a row that was not located.
    ///
    /// # Safety
    /// As for [`HashStates::append`].
    #[inline]
    pub unsafe fn count_unlocated(&mut self, state: pg_sys::Datum) -> Result<(), TravelError> {
        self.log(LogRow { group: group_of(state), time_us: UNLOCATED, address: 0 })
    }

    #[inline]
    fn log(&mut self, row: LogRow) -> Result<(), TravelError> {
        if self.logged == self.room {
            self.make_room()?;
        }
        self.write(row);
        Ok(())
    }

    /// Writes a row at the end of the log, which has room for it.
    #[inline]
    fn write(&mut self, row: LogRow) {
        debug_assert!(self.logged < self.room);
        // SAFETY: within the log.
        unsafe { self.log.add(self.logged).write(row) };
        self.logged += 1;
    }

    #[cold]
    fn make_room(&mut self) -> Result<(), TravelError> {
        if self.room >= self.most {
            return self.flush();
        }
        self.room = (2 * self.room).min(self.most);
        // SAFETY: allocated by `new`, and at most `MOST_ROWS` long.
        self.log = unsafe { pg_sys::repalloc(self.log.cast(), self.room * size_of::<LogRow>()).cast() };
        Ok(())
    }

    /// Moves the rows of the log to their groups.
    fn flush(&mut self) -> Result<(), TravelError> {
        pgrx::check_for_interrupts!();
        // SAFETY: so many rows were written. Their groups live as long as this.
        let rows = unsafe { std::slice::from_raw_parts(self.log, std::mem::take(&mut self.logged)) };
        for (at, row) in rows.iter().enumerate() {
            if let Some(later) = rows.get(at + 2 * AHEAD) {
                prefetch(later.group.cast());
            }
            // SAFETY: a group of this, which no reference exists to; the record is written within its block, which has
            // as many free bytes.
            unsafe {
                if let Some(soon) = rows.get(at + AHEAD) {
                    prefetch((*soon.group).block.cast::<u8>().wrapping_add((*soon.group).used as usize));
                }
                let LogRow { group, time_us, address } = *row;
                let end = (*group).used as usize + IPV4_RECORD_LEN;
                if time_us == UNLOCATED || end > (*group).room as usize {
                    self.move_slowly(row)?;
                    continue;
                }
                let record = event_set::ipv4_record(time_us, address);
                let place = (*group).block.cast::<u8>().add((*group).used as usize);
                place.cast::<[u8; IPV4_RECORD_LEN]>().write(record);
                (*group).used = end as u32;
            }
        }
        Ok(())
    }

    /// # Safety
    /// The row's group must be one of this.
    #[cold]
    unsafe fn move_slowly(&mut self, row: &LogRow) -> Result<(), TravelError> {
        let LogRow { group, time_us, address } = *row;
        // SAFETY: by the caller.
        unsafe {
            if time_us == UNLOCATED {
                event_set::count_unlocated(self.settled(group)?.block());
                return Ok(());
            }
            let site = Site::from_ipv4(address.into());
            self.append_now(group, &SetRow { time_us, site, id: None, accuracy_km: None })
        }
    }

    /// Adds a row to its group without the log.
    ///
    /// # Safety
    /// `group` must be one of this.
    unsafe fn append_now(&mut self, group: *mut Group, row: &SetRow) -> Result<(), TravelError> {
        // SAFETY: by the caller. The old block belongs to this value, and no other value has a pointer to it.
        unsafe {
            let before = self.settled(group)?;
            let after = within(self.context, || before.append(row))?;
            let old = (*group).block;
            set_block(group, after);
            if old != (*group).block {
                pg_sys::pfree(old.cast());
            }
        }
        Ok(())
    }

    /// The events of a group, without those that are still in the log.
    ///
    /// # Safety
    /// `group` must be one of this.
    unsafe fn settled(&mut self, group: *mut Group) -> Result<JourneyValue, TravelError> {
        // SAFETY: by the caller. A block of a group is a plain value.
        unsafe {
            if (*group).block.is_null() {
                self.begin_block(group, self.thresholds)?;
            }
            let value = JourneyValue::of_block((*group).block);
            let end = (*group).used as usize - pg_sys::VARHDRSZ;
            event_set::count_written_rows(value.block(), end, &Palloc);
            Ok(value)
        }
    }

    /// # Safety
    /// `group` must be one of this without a block.
    unsafe fn begin_block(
        &self,
        group: *mut Group,
        thresholds: Option<Thresholds>,
    ) -> Result<(), TravelError> {
        // SAFETY: by the caller.
        unsafe {
            let block = within(self.context, || JourneyValue::with_size(FIRST_BLOCK, thresholds, false))?;
            set_block(group, block);
        }
        Ok(())
    }
}

/// Returns the node of a call of a transition function (see [`aggregate_of_call`]) if the state is in its hash table.
#[inline]
fn hash_aggregate_of_call(call: &Call) -> Option<*mut pg_sys::AggState> {
    // SAFETY: the fields of an AggState are set while a transition function runs.
    aggregate_of_call(call).filter(|node| unsafe { (**node).curaggcontext == (**node).hashcontext })
}

/// The events of an expanded object, which is only read.
///
/// # Safety
/// The object must be alive, and one that this module made.
pub unsafe fn read(object: *mut pg_sys::ExpandedObjectHeader) -> Result<JourneyValue, TravelError> {
    // SAFETY: by the caller.
    unsafe { whole(object.cast()) }
}

/// All events of a group.
///
/// # Safety
/// `group` must be alive.
unsafe fn whole(group: *mut Group) -> Result<JourneyValue, TravelError> {
    // SAFETY: by the caller. The methods are the first field of the states.
    unsafe {
        let states = (*group).object.eoh_methods.cast::<HashStates>().cast_mut();
        (*states).flush()?;
        // The groups are read in the order of the hash table, so their blocks are not in a cache.
        let (block, used) = ((*group).block.cast::<u8>(), (*group).used as usize);
        for at in (0..used.min(MOST_PREFETCHED)).step_by(CACHE_LINE) {
            prefetch(block.wrapping_add(at));
        }
        (*states).settled(group)
    }
}

/// The group whose state this is: PostgreSQL has a pointer to the pointer within the object.
#[inline]
fn group_of(state: pg_sys::Datum) -> *mut Group {
    const POINTER_AT: usize =
        offset_of!(Group, object) + offset_of!(pg_sys::ExpandedObjectHeader, eoh_rw_ptr);
    state.cast_mut_ptr::<u8>().wrapping_sub(POINTER_AT).cast()
}

/// # Safety
/// `group` must be alive, and the block must belong to the same memory context.
unsafe fn set_block(group: *mut Group, value: JourneyValue) {
    let block = value.bytes();
    // SAFETY: by the caller. A value is smaller than 1 GB.
    unsafe {
        (*group).block = value.datum().cast_mut_ptr();
        (*group).used = (pg_sys::VARHDRSZ + event_set::used(block)) as u32;
        (*group).room = (pg_sys::VARHDRSZ + block.len()) as u32;
    }
}

/// The size of a group's state as a plain value.
unsafe extern "C-unwind" fn flat_size(object: *mut pg_sys::ExpandedObjectHeader) -> pg_sys::Size {
    // SAFETY: PostgreSQL calls this for an object of this module.
    unsafe { flat_size_of(|| whole(object.cast())) }
}

/// Writes a group's state as a plain value. No row came since `flat_size`, so nothing is moved.
unsafe extern "C-unwind" fn flatten_into(
    object: *mut pg_sys::ExpandedObjectHeader,
    result: *mut c_void,
    size: pg_sys::Size,
) {
    // SAFETY: as above.
    unsafe { flatten(|| whole(object.cast()), result, size) };
}

/// Called when the memory of the states is freed.
unsafe extern "C-unwind" fn forget(site: *mut c_void) {
    // SAFETY: the argument that `new` registered, which lives longer than the states.
    unsafe { (*site.cast::<StatesOfSite>()).set(null_mut()) };
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
