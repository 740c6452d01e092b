//! Plans in which each process evaluates whole groups. A query whose groups are split into the branches of a UNION ALL
//! runs in parallel branch by branch: no process merges the groups of others.
//!
//! PostgreSQL's planner needs help with such a query. It plans a parallel scan inside each branch, whose partial groups
//! one process then merges. It starts only two more processes for four times as many branches. And it assumes that the
//! leader takes part in no branch, so one worker seems to gain nothing. Where the query looks rows up by the columns of
//! its groups, it may choose a smaller index on the time, whose pages are read at random: the groups come in the order of
//! the index that leads to them, so its pages are still in the processor's cache. The functions of
//! [`super::sorted_text`] compare the entries of the index with the bounds of the branches.

use super::identifier::c_string;
use super::sorted_text;
use super::table::persistence;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;

/// The name of the column of a subquery that looks up rows and aggregates them into one value.
pub const LOOK_UP: &str = "event_of_leg";

thread_local! {
    /// The text of the query to help with, until the planner gets it.
    static NEXT: RefCell<Option<CString>> = const { RefCell::new(None) };
    /// Whether the planner is planning that query, and not one of a function that it evaluates meanwhile.
    static IS_HELPED: Cell<bool> = const { Cell::new(false) };
    /// The table in which the query looks up rows, and the first column of its groups. The table is invalid if the
    /// query looks up no rows.
    static GROUPED_BY: Cell<(pg_sys::Oid, i16)> = const { Cell::new((pg_sys::InvalidOid, 0)) };
    /// The table that as many processes as possible share, or invalid.
    static IN_ALL_PROCESSES: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// The hooks of libraries that were loaded before this one.
struct Before {
    planner: pg_sys::planner_hook_type,
    relation: pg_sys::get_relation_info_hook_type,
    paths: pg_sys::set_rel_pathlist_hook_type,
}

static BEFORE: OnceLock<Before> = OnceLock::new();

/// Installs the planner hooks. Called once, when the library is loaded.
pub fn register() {
    // SAFETY: a backend has one thread, which is loading this library.
    unsafe {
        BEFORE.get_or_init(|| Before {
            planner: pg_sys::planner_hook,
            relation: pg_sys::get_relation_info_hook,
            paths: pg_sys::set_rel_pathlist_hook,
        });
        pg_sys::planner_hook = Some(plan);
        pg_sys::get_relation_info_hook = Some(change_indexes);
        pg_sys::set_rel_pathlist_hook = Some(change_paths);
    }
}

/// Runs `body`, which runs `query`. The planner plans it with whole groups, and no other query: not those of functions
/// that the query calls, while it is planned or while it runs. `look_ups` is the table in which the query looks up
/// rows, and the first column of its groups.
pub fn planned<R>(query: &str, look_ups: Option<(pg_sys::Oid, &str)>, body: impl FnOnce() -> R) -> R {
    /// Restores what an outer call has set, also where an error unwinds.
    struct Restore(Option<CString>, (pg_sys::Oid, i16));
    impl Drop for Restore {
        fn drop(&mut self) {
            NEXT.replace(self.0.take());
            GROUPED_BY.set(self.1);
        }
    }
    let grouped_by = look_ups.map_or((pg_sys::InvalidOid, 0), |(table, column)| {
        // SAFETY: a catalog look-up with a C string that outlives it.
        (table, unsafe { pg_sys::get_attnum(table, c_string(column).as_ptr()) })
    });
    let _restore = Restore(NEXT.replace(Some(c_string(query))), GROUPED_BY.replace(grouped_by));
    body()
}

/// Runs `body`, which runs `query`. If the planner lets several processes scan the table, it uses as many of them as the
/// settings allow. By default, their number depends on the logarithm of the size of the table.
pub fn planned_in_all_processes<R>(query: &str, table: pg_sys::Oid, body: impl FnOnce() -> R) -> R {
    struct Restore(pg_sys::Oid);
    impl Drop for Restore {
        fn drop(&mut self) {
            IN_ALL_PROCESSES.set(self.0);
        }
    }
    let _restore = Restore(IN_ALL_PROCESSES.replace(table));
    planned(query, None, body)
}

/// The number of processes in which a query may run.
pub fn processes() -> usize {
    // SAFETY: reads settings of the backend.
    let (per_gather, in_total) =
        unsafe { (pg_sys::max_parallel_workers_per_gather, pg_sys::max_parallel_workers) };
    1 + usize::try_from(per_gather.min(in_total)).unwrap_or(0)
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn plan(
    query: *mut pg_sys::Query,
    text: *const c_char,
    options: c_int,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_HELPED.set(self.0);
        }
    }
    let is_helped = is_next(text);
    let _restore = Restore(IS_HELPED.replace(is_helped));
    // SAFETY: the arguments are those that PostgreSQL passed.
    unsafe {
        let planned = match BEFORE.get() {
            Some(Before { planner: Some(before), .. }) => {
                pg_sys::ffi::pg_guard_ffi_boundary(|| before(query, text, options, parameters))
            }
            _ => pg_sys::standard_planner(query, text, options, parameters),
        };
        if is_helped {
            sorted_text::use_in_scans_of_groups(planned);
        }
        planned
    }
}

/// Returns whether this is the text of the query to help with, which is then no longer expected.
fn is_next(text: *const c_char) -> bool {
    if text.is_null() {
        return false;
    }
    // SAFETY: PostgreSQL passes the text of the query, which ends with NUL.
    let text = unsafe { CStr::from_ptr(text) };
    NEXT.with_borrow_mut(|next| next.take_if(|next| next.as_c_str() == text).is_some())
}

/// Leaves a look-up only the indexes that begin with the first column of the groups, if there are some. Lets as many
/// processes as possible share a table.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn change_indexes(
    root: *mut pg_sys::PlannerInfo,
    table: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the planner passes its own structures, which live as long as it plans the query.
    unsafe {
        if let Some(Before { relation: Some(before), .. }) = BEFORE.get() {
            pg_sys::ffi::pg_guard_ffi_boundary(|| before(root, table, is_parent, rel));
        }
        if !IS_HELPED.get() {
            return;
        }
        // A number that the owner of the table has set stays.
        if table != pg_sys::InvalidOid && table == IN_ALL_PROCESSES.get() && (*rel).rel_parallel_workers < 0 {
            (*rel).rel_parallel_workers = processes() as i32 - 1;
        }
        if !is_look_up(root, table) {
            return;
        }
        let column = GROUPED_BY.get().1;
        let indexes = (*rel).indexlist;
        let count = if indexes.is_null() { 0 } else { (*indexes).length as usize };
        let mut kept: *mut pg_sys::List = std::ptr::null_mut();
        for i in 0..count {
            let index = (*(*indexes).elements.add(i)).ptr_value.cast::<pg_sys::IndexOptInfo>();
            if (*index).nkeycolumns > 1 && *(*index).indexkeys == i32::from(column) {
                kept = pg_sys::lappend(kept, index.cast());
            }
        }
        if !kept.is_null() {
            (*rel).indexlist = kept;
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn change_paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
    rte: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the planner passes its own structures, which live as long as it plans the query.
    unsafe {
        if let Some(Before { paths: Some(before), .. }) = BEFORE.get() {
            pg_sys::ffi::pg_guard_ffi_boundary(|| before(root, rel, rti, rte));
        }
        if !IS_HELPED.get() {
            return;
        }
        let query = &*(*root).parse;
        if is_look_up(root, (*rte).relid) {
            prefer_known_positions(root, rel);
            share_look_up(root, rel);
            return;
        }
        let paths = (*rel).partial_pathlist;
        if query.hasAggs && !query.groupClause.is_null() {
            // A branch is one process's work.
            (*rel).partial_pathlist = std::ptr::null_mut();
        } else if !paths.is_null() {
            for i in 0..(*paths).length as usize {
                let path = (*(*paths).elements.add(i)).ptr_value.cast::<pg_sys::Path>();
                if (*path).type_ == pg_sys::NodeTag::T_AppendPath && (*path).parallel_aware {
                    share(path.cast());
                }
            }
        }
    }
}

/// Returns whether a query, here a subquery of the one that is helped, looks rows of the table up: it takes the first of
/// the rows that it finds, or aggregates them into one value.
///
/// # Safety
/// `root` must be the planner's own.
unsafe fn is_look_up(root: *mut pg_sys::PlannerInfo, table: pg_sys::Oid) -> bool {
    // SAFETY: by the caller; the planner has a query, whose list has columns.
    unsafe {
        let query = &*(*root).parse;
        if table == pg_sys::InvalidOid || table != GROUPED_BY.get().0 || query.targetList.is_null() {
            return false;
        }
        let first = (*(*query.targetList).elements).ptr_value.cast::<pg_sys::TargetEntry>();
        let is_one_value = query.hasAggs
            && query.groupClause.is_null()
            && !(*first).resname.is_null()
            && CStr::from_ptr((*first).resname).to_bytes() == LOOK_UP.as_bytes();
        is_one_value || !query.distinctClause.is_null()
    }
}

/// Leaves only the path by position for a look-up of rows whose positions in the table are known. The planner does not know
/// how many positions there are, so an index on the entity can seem to lead to fewer rows, and the planner may already have
/// dropped the path by position.
///
/// # Safety
/// `root` must be the planner's own, and `rel` the table of a look-up.
unsafe fn prefer_known_positions(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: by the caller. The function adds paths to the list, if the conditions contain positions.
    unsafe {
        let others = std::mem::replace(&mut (*rel).pathlist, std::ptr::null_mut());
        pg_sys::create_tidscan_paths(root, rel);
        let paths = (*rel).pathlist;
        let count = if paths.is_null() { 0 } else { (*paths).length as usize };
        // A condition of the caller can name a range of positions.
        let is_by_position = (0..count).any(|i| {
            let path = (*(*paths).elements.add(i)).ptr_value.cast::<pg_sys::Path>();
            (*path).type_ == pg_sys::NodeTag::T_TidPath
        });
        if !is_by_position {
            (*rel).pathlist = others;
        }
    }
}

/// Lets the workers look rows up. A look-up gets its values from the leg that the same process has found. PostgreSQL does
/// not know where the values of a subquery come from, so it would run the subquery in the leader. No look-up is divided
/// between processes.
///
/// # Safety
/// `rel` must be the table of a look-up.
unsafe fn share_look_up(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: by the caller; the planner has a state, a query, and a list of paths.
    unsafe {
        let (query, state) = (&*(*root).parse, &*(*root).glob);
        let table = GROUPED_BY.get().0;
        // Nothing in the whole query may need the leader, nor may the table: no function, no subquery of a condition.
        if !state.parallelModeOK
            || state.maxParallelHazard as u8 != pg_sys::PROPARALLEL_SAFE
            || query.hasSubLinks
            || persistence(table) == Some(pg_sys::RELPERSISTENCE_TEMP)
        {
            return;
        }
        (*rel).partial_pathlist = std::ptr::null_mut();
        (*rel).consider_parallel = true;
        let paths = (*rel).pathlist;
        let count = if paths.is_null() { 0 } else { (*paths).length as usize };
        for i in 0..count {
            (*(*(*paths).elements.add(i)).ptr_value.cast::<pg_sys::Path>()).parallel_safe = true;
        }
    }
}

/// Gives a Parallel Append of whole branches as many processes as there may be, the leader among them, and divides its
/// cost by their number.
///
/// # Safety
/// `append` must be a path of the planner.
unsafe fn share(append: *mut pg_sys::AppendPath) {
    // SAFETY: by the caller; the subpaths are paths, too.
    unsafe {
        let append = &mut *append;
        let branches = if append.subpaths.is_null() { 0 } else { (*append.subpaths).length };
        if append.first_partial_path < branches || branches < 2 {
            return;
        }
        let leader = i32::from(pg_sys::parallel_leader_participation);
        let workers =
            pg_sys::max_parallel_workers_per_gather.min(branches - leader).max(append.path.parallel_workers);
        let divisor =
            |workers: i32| f64::from(workers) + f64::from(leader) * (1.0 - 0.3 * f64::from(workers)).max(0.0);
        let whole: f64 = (0..branches as usize)
            .map(|i| (*(*(*append.subpaths).elements.add(i)).ptr_value.cast::<pg_sys::Path>()).total_cost)
            .sum();
        append.path.rows *= divisor(append.path.parallel_workers) / divisor(workers);
        append.path.total_cost = append.path.startup_cost.max(whole / divisor(workers));
        append.path.parallel_workers = workers;
    }
}
