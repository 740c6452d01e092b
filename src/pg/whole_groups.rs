//! Plans in which each process evaluates whole groups. A query whose groups are split into the branches of a UNION ALL
//! runs in parallel branch by branch: no process merges the groups of others.
//!
//! PostgreSQL's planner needs help with such a query. It plans a parallel scan inside each branch, whose partial groups
//! one process then merges. It starts only two more processes for four times as many branches. And it assumes that the
//! leader takes part in no branch, so one worker seems to gain nothing.

use pgrx::pg_sys;
use std::cell::Cell;
use std::sync::OnceLock;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// The hook of another library, which was loaded before.
static BEFORE: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// Installs the planner hook. Called once, when the library is loaded.
pub fn register() {
    // SAFETY: a backend has one thread, which is loading this library.
    unsafe {
        BEFORE.get_or_init(|| pg_sys::set_rel_pathlist_hook);
        pg_sys::set_rel_pathlist_hook = Some(help_planner);
    }
}

/// Runs `body`, whose queries the planner plans with whole groups.
pub fn planned<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_ON.set(self.0);
        }
    }
    let _restore = Restore(IS_ON.replace(true));
    body()
}

/// The number of processes in which a query may run.
pub fn processes() -> usize {
    // SAFETY: reads settings of the backend.
    let (per_gather, in_total) =
        unsafe { (pg_sys::max_parallel_workers_per_gather, pg_sys::max_parallel_workers) };
    1 + usize::try_from(per_gather.min(in_total)).unwrap_or(0)
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn help_planner(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
    rte: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the planner passes its own structures, which live as long as it plans the query.
    unsafe {
        if let Some(Some(before)) = BEFORE.get() {
            pg_sys::ffi::pg_guard_ffi_boundary(|| before(root, rel, rti, rte));
        }
        if !IS_ON.get() {
            return;
        }
        let query = &*(*root).parse;
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
