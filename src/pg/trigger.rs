//! Row triggers: the rows by the names of their columns, and what is stored instead.

use super::array;
use super::errors::TravelError;
use super::function::{Call, utf8, varlena_bytes};
use pgrx::{PgTupleDesc, pg_sys};

pub struct Trigger {
    data: *mut pg_sys::TriggerData,
}

/// A row of the trigger's table.
pub struct Record {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
    columns: Vec<(String, Option<pg_sys::Datum>)>,
}

impl Trigger {
    /// The call of a function that SQL declares to return trigger.
    pub fn of(call: &Call) -> Result<Self, TravelError> {
        // SAFETY: the context of a call is a node, or there is none.
        let data = unsafe { (*call.raw()).context.cast::<pg_sys::TriggerData>() };
        // SAFETY: as above.
        if data.is_null() || unsafe { (*data).type_ } != pg_sys::NodeTag::T_TriggerData {
            return Err(TravelError::NotATrigger);
        }
        Ok(Self { data })
    }

    /// The row as it was: of UPDATE and DELETE.
    pub fn old(&self) -> Option<Record> {
        match self.event() {
            pg_sys::TRIGGER_EVENT_INSERT => None,
            // SAFETY: PostgreSQL gives the row.
            _ => Some(self.record(unsafe { (*self.data).tg_trigtuple })),
        }
    }

    /// The row as it will be: of INSERT and UPDATE.
    pub fn new(&self) -> Option<Record> {
        match self.event() {
            // SAFETY: PostgreSQL gives the row.
            pg_sys::TRIGGER_EVENT_INSERT => Some(self.record(unsafe { (*self.data).tg_trigtuple })),
            // SAFETY: as above.
            pg_sys::TRIGGER_EVENT_UPDATE => Some(self.record(unsafe { (*self.data).tg_newtuple })),
            _ => None,
        }
    }

    fn event(&self) -> u32 {
        // SAFETY: a trigger's data, see `of`.
        unsafe { (*self.data).tg_event & pg_sys::TRIGGER_EVENT_OPMASK }
    }

    fn record(&self, tuple: pg_sys::HeapTuple) -> Record {
        // SAFETY: a row of the trigger's relation fits its descriptor; both live until the trigger returns.
        unsafe {
            let desc = (*(*self.data).tg_relation).rd_att;
            let count = (*desc).natts as usize;
            let mut values = vec![pg_sys::Datum::from(0_usize); count];
            let mut nulls = vec![true; count];
            pg_sys::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            let columns = PgTupleDesc::from_pg_copy(desc)
                .iter()
                .zip(values.into_iter().zip(nulls))
                .map(|(column, (value, is_null))| (column.name().to_owned(), (!is_null).then_some(value)))
                .collect();
            Record { tuple, desc, columns }
        }
    }
}

impl Record {
    /// The row as the result of a BEFORE trigger: this is stored.
    pub fn store(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.tuple)
    }

    /// The row as a value of its table's type.
    pub fn composite(&self) -> (pg_sys::Oid, pg_sys::Datum) {
        // SAFETY: the row fits the descriptor, which is its table's.
        unsafe { ((*self.desc).tdtypeid, pg_sys::heap_copy_tuple_as_datum(self.tuple, self.desc)) }
    }

    pub fn datum(&self, column: &str) -> Option<pg_sys::Datum> {
        self.columns.iter().find(|(name, _)| name == column)?.1
    }

    /// The value of a column whose type is text, unless it is NULL.
    pub fn text(&self, column: &str) -> Result<Option<&str>, TravelError> {
        // SAFETY: by the caller's knowledge of his table the column is a text, and the row outlives `self`.
        self.datum(column).map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose()
    }

    pub fn f64(&self, column: &str) -> Option<f64> {
        self.datum(column).map(|datum| f64::from_bits(datum.value() as u64))
    }

    pub fn bool(&self, column: &str) -> Option<bool> {
        self.datum(column).map(|datum| datum.value() as u8 != 0)
    }

    /// Of a column whose type is text[].
    pub fn texts(&self, column: &str) -> Result<Option<Vec<Option<String>>>, TravelError> {
        // SAFETY: as in `text`.
        self.datum(column).map(|datum| unsafe { array::texts(datum) }).transpose()
    }

    /// Microseconds of an interval, a month as 30 days: as PostgreSQL compares intervals.
    pub fn interval(&self, column: &str) -> Option<i128> {
        const DAY: i128 = 86_400_000_000;
        self.datum(column).map(|datum| {
            // SAFETY: the column is an interval, which is passed by reference.
            let interval = unsafe { &*datum.cast_mut_ptr::<pg_sys::Interval>() };
            (i128::from(interval.month) * 30 + i128::from(interval.day)) * DAY + i128::from(interval.time)
        })
    }

    /// The same row with another value in a text column.
    pub fn with_text(mut self, column: &str, value: &str) -> Self {
        let Some(at) = self.columns.iter().position(|(name, _)| name == column) else { return self };
        let mut datum = super::memory::varlena(value.as_bytes());
        let (mut number, mut is_null) = (at as i32 + 1, false);
        // SAFETY: the row fits the descriptor, and the column is a text.
        self.tuple = unsafe {
            pg_sys::heap_modify_tuple_by_cols(self.tuple, self.desc, 1, &mut number, &mut datum, &mut is_null)
        };
        self.columns[at].1 = Some(datum);
        self
    }

    /// A column as SQL writes it, for messages.
    pub fn written(&self, column: &str) -> String {
        let Some(at) = self.columns.iter().position(|(name, _)| name == column) else { return String::new() };
        // SAFETY: the row fits the descriptor; the text lives in the current memory context.
        unsafe {
            let text = pg_sys::SPI_getvalue(self.tuple, self.desc, at as i32 + 1);
            if text.is_null() {
                return "NULL".to_owned();
            }
            std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}
