//! Trigger functions: the event that fired them, the old and the new row, and the result.

use super::errors::{GuardError, TravelError, UsageError};
use super::function::Call;
use super::tuple::Tuple;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// A call of a trigger function.
pub struct Trigger<'a> {
    data: &'a pg_sys::TriggerData,
}

#[derive(Clone, Copy)]
pub enum Event {
    Insert {
        new: Tuple,
    },
    Update {
        old: Tuple,
        new: Tuple,
    },
    Delete {
        old: Tuple,
    },
    /// A statement-level event without a row.
    Truncate,
}

impl<'a> Trigger<'a> {
    pub fn of(call: &'a Call) -> Result<Self, TravelError> {
        // SAFETY: the context of a call, where there is one, is a node whose tag says what it is.
        unsafe {
            let context = (*call.raw()).context;
            if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
                return Err(UsageError::NotATrigger.into());
            }
            Ok(Self { data: &*context.cast::<pg_sys::TriggerData>() })
        }
    }

    pub fn event(&self) -> Event {
        // SAFETY: a trigger's relation is open, and its rows are of the relation's type.
        let tuple = |tuple| Tuple { tuple, desc: unsafe { (*self.data.tg_relation).rd_att } };
        match self.data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Event::Insert { new: tuple(self.data.tg_trigtuple) },
            pg_sys::TRIGGER_EVENT_UPDATE => {
                Event::Update { old: tuple(self.data.tg_trigtuple), new: tuple(self.data.tg_newtuple) }
            }
            pg_sys::TRIGGER_EVENT_DELETE => Event::Delete { old: tuple(self.data.tg_trigtuple) },
            _ => Event::Truncate,
        }
    }

    /// The result that lets the row be inserted, updated or deleted as it is.
    pub fn proceed(&self) -> pg_sys::Datum {
        match self.event() {
            Event::Insert { new: row } | Event::Update { new: row, .. } | Event::Delete { old: row } => {
                row.result()
            }
            Event::Truncate => self.skip(),
        }
    }

    /// The result that skips the operation for this row. It is a null pointer: a trigger must not return an SQL NULL.
    pub fn skip(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(0_usize)
    }

    /// Checks that each NOT NULL column has a value. PostgreSQL's own error for this shows the whole row.
    pub fn must_be_complete(&self, row: &Tuple) -> Result<(), TravelError> {
        self.must_be_complete_but_for(row, &[])
    }

    /// The same, except for the columns `later`, which are filled afterwards.
    pub fn must_be_complete_but_for(&self, row: &Tuple, later: &[&str]) -> Result<(), TravelError> {
        match row.missing(later) {
            Some(column) => Err(GuardError::ColumnIsNull { table: self.table(), column }.into()),
            None => Ok(()),
        }
    }

    /// Checks that a column is NULL or has one of the `known` values.
    pub fn must_be_one_of(
        &self,
        row: &Tuple,
        column: &CStr,
        known: &[&str],
        hint: &'static str,
    ) -> Result<(), TravelError> {
        match row.text(column)? {
            Some(value) if !known.contains(&value) => Err(GuardError::ColumnValue {
                table: self.table(),
                column: column.to_string_lossy().into_owned(),
                value: format!("\"{value}\""),
                wanted: match known {
                    [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")).into(),
                    known => known.concat().into(),
                },
                hint,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks that a column is NULL or a text that is not empty.
    pub fn must_say_something(
        &self,
        row: &Tuple,
        column: &CStr,
        hint: &'static str,
    ) -> Result<(), TravelError> {
        match row.text(column)? {
            Some("") => Err(GuardError::ColumnValue {
                table: self.table(),
                column: column.to_string_lossy().into_owned(),
                value: "\"\"".to_owned(),
                wanted: "text that is not empty".into(),
                hint,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks that a column is NULL or a text of at most so many characters, which lists and reports can show.
    pub fn must_be_at_most(
        &self,
        characters: usize,
        row: &Tuple,
        column: &CStr,
        hint: &'static str,
    ) -> Result<(), TravelError> {
        match row.text(column)?.map(|text| text.chars().count()) {
            Some(length) if length > characters => Err(GuardError::ColumnValue {
                table: self.table(),
                column: column.to_string_lossy().into_owned(),
                value: format!("a text of {length} characters"),
                wanted: format!("at most {characters} characters long").into(),
                hint,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Whether this is an INSTEAD OF trigger, which only views have, for each row.
    pub fn is_instead(&self) -> bool {
        self.data.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_INSTEAD
    }

    /// The table or view of the trigger.
    pub fn relation(&self) -> pg_sys::Oid {
        // SAFETY: as in `event`.
        unsafe { (*self.data.tg_relation).rd_id }
    }

    /// The arguments of the trigger, as CREATE TRIGGER has them.
    pub fn arguments(&self) -> Vec<CString> {
        // SAFETY: a trigger has this many arguments, which are C strings.
        unsafe {
            let trigger = &*self.data.tg_trigger;
            (0..usize::try_from(trigger.tgnargs).unwrap_or_default())
                .map(|n| CStr::from_ptr(*trigger.tgargs.add(n)).to_owned())
                .collect()
        }
    }

    pub fn table_owner(&self) -> pg_sys::Oid {
        // SAFETY: as in `event`.
        unsafe { (*(*self.data.tg_relation).rd_rel).relowner }
    }

    /// The name of the table with its schema.
    pub fn table(&self) -> String {
        // SAFETY: as in `event`; a name ends within its bytes.
        let name = unsafe { CStr::from_ptr((*(*self.data.tg_relation).rd_rel).relname.data.as_ptr()) };
        format!("travel.{}", name.to_string_lossy())
    }
}
