//! Reading the legs of a `travel.leg[]`, column by column.

use super::row::leg_types;
use crate::pg::array;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::Call;
use crate::pg::inet;
use crate::pg::memory::within;
use crate::pg::row;
use crate::pg::types;
use pgrx::pg_sys;
use travel_core::columns::LEG;
use travel_core::site::Site;

/// The columns of `travel.leg`, as they were found and checked for a call site.
#[derive(Clone, Copy)]
pub struct LegColumns {
    tuple_desc: pg_sys::TupleDesc,
}

impl LegColumns {
    /// Reads the columns from the catalogs. The result lives as long as the call site.
    ///
    /// # Safety
    /// `legs` must be a `travel.leg[]`.
    pub unsafe fn of(call: &Call, legs: pg_sys::Datum) -> Result<Self, TravelError> {
        // SAFETY: by the caller. The descriptor is a copy that lives as long as the call site.
        unsafe {
            let legs = pg_sys::pg_detoast_datum(legs.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let element = (*legs).elemtype;
            row::lock_type(element)?;
            let tuple_desc = within(call.site_context(), || pg_sys::lookup_rowtype_tupdesc_copy(element, -1));
            let columns = pgrx::PgTupleDesc::from_pg_unchecked(tuple_desc);
            if columns.len() < LEG.len() {
                return Err(UsageError::WrongRowType { expected: LEG.len(), found: columns.len() }.into());
            }
            columns.iter().zip(leg_types()).try_for_each(|(column, wanted)| types::check(column, wanted))?;
            Ok(Self { tuple_desc })
        }
    }
}

/// The time and the site of one end of a leg.
pub type EndOfLeg = (Option<i64>, Option<Site>);

/// The legs of an array, of which one is read at a time.
pub struct Legs {
    legs: array::Elements,
    tuple_desc: pg_sys::TupleDesc,
    /// The columns of the current leg: as many values and flags as columns.
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
}

impl Legs {
    /// Starts before the first leg. The result lives in the current memory context.
    ///
    /// # Safety
    /// `legs` must be an array of the type from which `columns` was made.
    pub unsafe fn of(columns: LegColumns, legs: pg_sys::Datum) -> Self {
        let tuple_desc = columns.tuple_desc;
        // SAFETY: by the caller; plain allocations. The flags say that no column is known yet.
        unsafe {
            let count = (*tuple_desc).natts as usize;
            let values = pg_sys::palloc(count * size_of::<pg_sys::Datum>()).cast();
            let nulls = pg_sys::palloc(count).cast::<bool>();
            nulls.write_bytes(1, count);
            Self { legs: array::elements(legs, b'd'), tuple_desc, values, nulls }
        }
    }

    /// Reads the next leg that is not NULL. Returns false if there is none. An array can have millions of legs, so a loop
    /// over them can be canceled here.
    pub fn advance(&mut self) -> bool {
        let leg = self.legs.find_map(|leg| {
            pgrx::check_for_interrupts!();
            leg
        });
        let Some(leg) = leg else { return false };
        // SAFETY: an element is a composite value of the type whose columns the descriptor has.
        unsafe {
            pg_sys::heap_deform_tuple(&mut row::tuple_of(leg), self.tuple_desc, self.values, self.nulls);
        }
        true
    }

    /// The value of a column of [`LEG`] in the current leg, with the type that is declared there.
    pub fn value(&self, column: usize) -> Option<pg_sys::Datum> {
        debug_assert!(column < LEG.len());
        // SAFETY: there are at least as many columns as in `LEG`. `advance` wrote a value wherever the flag is not set.
        unsafe { (!*self.nulls.add(column)).then(|| *self.values.add(column)) }
    }

    /// Both ends of the current leg.
    pub fn ends(&self) -> [EndOfLeg; 2] {
        const ENDS: [[usize; 2]; 2] =
            [[column("from_time"), column("from_ip")], [column("to_time"), column("to_ip")]];
        ENDS.map(|[time, ip]| {
            // SAFETY: the column has this type.
            let site = self.value(ip).and_then(|datum| unsafe { inet::site(datum) });
            (self.value(time).map(|datum| datum.value() as i64), site)
        })
    }
}

/// Returns the index in [`LEG`] of the column with this name. A constant with another name does not compile.
pub const fn column(name: &str) -> usize {
    let mut n = 0;
    while !same(LEG[n].name.as_bytes(), name.as_bytes()) {
        n += 1;
    }
    n
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}
