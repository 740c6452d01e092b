//! Comparisons of sorted text in which values repeat, such as the entries of an index on the entity. PostgreSQL
//! compares each entry with the bounds of a scan by the rules of the collation. For all events of a source, these
//! comparisons take longer than reading the events. The functions of this module remember their last arguments and the
//! result.

use super::errors::TravelError;
use super::function::{Call, pg_function};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::CStr;

pg_function!(travel_sorted_ge, pg_finfo_travel_sorted_ge, |call: &Call| compare(call, pg_sys::text_ge));
pg_function!(travel_sorted_lt, pg_finfo_travel_sorted_lt, |call: &Call| compare(call, pg_sys::text_lt));

/// Functions of PostgreSQL, each with the function that replaces it.
const STAND_INS: [(u32, &CStr); 2] = [(pg_sys::F_TEXT_GE, c"sorted_ge"), (pg_sys::F_TEXT_LT, c"sorted_lt")];

/// Makes index scans whose rows are grouped use these functions to compare the entries of the index. The operators do
/// not change, so EXPLAIN shows the same conditions.
///
/// # Safety
/// `planned` must be a plan that the planner has just made.
pub unsafe fn use_in_scans_of_groups(planned: *mut pg_sys::PlannedStmt) {
    // SAFETY: by the caller; the elements of the list are plans.
    unsafe {
        let stand_ins =
            STAND_INS.map(|(function, name)| (pg_sys::Oid::from_u32(function), own_function(name)));
        visit((*planned).planTree, &stand_ins);
        for plan in elements((*planned).subplans) {
            visit(plan.cast(), &stand_ins);
        }
    }
}

type StandIns = [(pg_sys::Oid, pg_sys::Oid); 2];

/// # Safety
/// `plan` must be NULL or part of a plan.
unsafe fn visit(plan: *mut pg_sys::Plan, stand_ins: &StandIns) {
    if plan.is_null() {
        return;
    }
    // SAFETY: by the caller; the tag of a node determines its type.
    unsafe {
        pg_sys::check_stack_depth();
        match (*plan).type_ {
            pg_sys::NodeTag::T_Append => {
                for branch in elements((*plan.cast::<pg_sys::Append>()).appendplans) {
                    visit(branch.cast(), stand_ins);
                }
            }
            pg_sys::NodeTag::T_SubqueryScan => {
                visit((*plan.cast::<pg_sys::SubqueryScan>()).subplan, stand_ins);
            }
            pg_sys::NodeTag::T_Agg => {
                let scan = (*plan).lefttree;
                if !scan.is_null() && (*scan).type_ == pg_sys::NodeTag::T_IndexOnlyScan {
                    replace((*scan.cast::<pg_sys::IndexOnlyScan>()).indexqual, stand_ins);
                }
            }
            _ => {}
        }
        visit((*plan).lefttree, stand_ins);
        visit((*plan).righttree, stand_ins);
    }
}

/// # Safety
/// `conditions` must be those of a scan of an index.
unsafe fn replace(conditions: *mut pg_sys::List, stand_ins: &StandIns) {
    // SAFETY: by the caller; the tag of a node determines its type. A scan calls this function to compare entries, but
    // uses the operator to find the entries where it begins and ends.
    unsafe {
        for condition in elements(conditions) {
            if (*condition.cast::<pg_sys::Node>()).type_ == pg_sys::NodeTag::T_OpExpr {
                let function = &mut (*condition.cast::<pg_sys::OpExpr>()).opfuncid;
                if let Some((_, own)) = stand_ins
                    .iter()
                    .find(|(of_postgres, own)| function == of_postgres && *own != pg_sys::InvalidOid)
                {
                    *function = *own;
                }
            }
        }
    }
}

/// # Safety
/// `list` must be NULL or a list of pointers that does not change meanwhile.
unsafe fn elements(list: *mut pg_sys::List) -> impl Iterator<Item = *mut std::ffi::c_void> {
    // SAFETY: by the caller.
    unsafe {
        let length = if list.is_null() { 0 } else { (*list).length as usize };
        (0..length).map(move |i| (*(*list).elements.add(i)).ptr_value)
    }
}

/// Returns the OID of a function of the extension that compares two texts. The OID is invalid if the database has an
/// older version of the extension.
fn own_function(name: &CStr) -> pg_sys::Oid {
    let types = [pg_sys::TEXTOID; 2];
    // SAFETY: a catalog look-up. The list and its strings live in the current memory context.
    unsafe {
        let mut names = std::ptr::null_mut();
        for part in [c"travel_internal", name] {
            names = pg_sys::lappend(names, pg_sys::makeString(pg_sys::pstrdup(part.as_ptr())).cast());
        }
        pg_sys::LookupFuncName(names, 2, types.as_ptr(), true)
    }
}

/// The arguments of the last call, as they are stored, and its result.
#[derive(Default)]
struct Last {
    arguments: [Stored; 2],
    collation: Cell<pg_sys::Oid>,
    result: Cell<bool>,
}

struct Stored {
    start: Cell<*mut u8>,
    len: Cell<usize>,
    capacity: Cell<usize>,
}

impl Default for Stored {
    fn default() -> Self {
        Self { start: Cell::new(std::ptr::null_mut()), len: Cell::new(0), capacity: Cell::new(0) }
    }
}

impl Stored {
    fn is(&self, bytes: &[u8]) -> bool {
        // SAFETY: `set` has written `len` bytes. Without memory, `len` is 0, and no value has 0 bytes.
        self.len.get() == bytes.len()
            && unsafe { std::slice::from_raw_parts(self.start.get(), bytes.len()) } == bytes
    }

    fn set(&self, bytes: &[u8], context: pg_sys::MemoryContext) {
        // SAFETY: the memory is in the context of the call site, where this value lives, too.
        unsafe {
            if self.capacity.get() < bytes.len() {
                if !self.start.get().is_null() {
                    pg_sys::pfree(self.start.replace(std::ptr::null_mut()).cast());
                }
                self.len.set(0);
                self.capacity.set(0);
                let capacity = bytes.len().next_power_of_two().max(64);
                self.start.set(pg_sys::MemoryContextAlloc(context, capacity).cast());
                self.capacity.set(capacity);
            }
            self.start.get().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            self.len.set(bytes.len());
        }
    }
}

#[inline(always)]
fn compare(
    call: &Call,
    of_postgres: unsafe fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum,
) -> Result<pg_sys::Datum, TravelError> {
    let (Some(left), Some(right)) = (call.datum(0), call.datum(1)) else { return Ok(call.null()) };
    // SAFETY: SQL declares both arguments as text.
    let (left, right) = unsafe { (stored(left), stored(right)) };
    let last = call.site_cache(|| Ok(Last::default()))?;
    // SAFETY: the call owns this value.
    let collation = unsafe { (*call.raw()).fncollation };
    let (Some(left), Some(right)) = (left, right) else {
        // SAFETY: the call is one of two texts.
        return Ok(unsafe { of_postgres(call.raw()) });
    };
    let [last_left, last_right] = &last.arguments;
    if !(last_left.is(left) && last_right.is(right) && last.collation.get() == collation) {
        // SAFETY: the call is one of two texts.
        last.result.set(unsafe { of_postgres(call.raw()) }.value() != 0);
        last.collation.set(collation);
        last_left.set(left, call.site_context());
        last_right.set(right, call.site_context());
    }
    Ok(pg_sys::Datum::from(last.result.get()))
}

/// Returns the bytes of a stored text. Equal bytes are equal texts. Returns `None` if the value is stored out of line.
///
/// # Safety
/// `datum` must be a text.
unsafe fn stored<'a>(datum: pg_sys::Datum) -> Option<&'a [u8]> {
    // SAFETY: by the caller.
    unsafe {
        let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
        (!pgrx::varlena::varatt_is_1b_e(varlena))
            .then(|| std::slice::from_raw_parts(varlena.cast(), pgrx::varlena::varsize_any(varlena)))
    }
}
