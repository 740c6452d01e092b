//! `travel_internal.as_text`, by which the queries convert arrays and other large values.

use crate::pg::errors::{SourceError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::source::type_name;
use pgrx::pg_sys;

pg_function!(travel_as_text, pg_finfo_travel_as_text, as_text);

/// The largest value in bytes. PostgreSQL converts such an array within a quarter of a second.
const MOST: usize = 8 << 20;

/// `(value "any") -> text`
fn as_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let value = call.datum(0).ok_or(UsageError::ArgumentNull { name: "value" })?;
    // SAFETY: the type of the argument in the query that calls the function; its size is read only if it has one, and
    // its own output function converts it.
    unsafe {
        let oid = pg_sys::get_fn_expr_argtype((*call.raw()).flinfo, 0);
        if pg_sys::get_typlen(oid) == -1 {
            let bytes = pg_sys::toast_raw_datum_size(value);
            if bytes > MOST {
                return Err(SourceError::ValueTooLarge { is: type_name(oid), bytes, most: MOST }.into());
            }
        }
        let (mut output, mut is_variable) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(oid, &mut output, &mut is_variable);
        let text = pg_sys::OidOutputFunctionCall(output, value);
        Ok(pg_sys::Datum::from(pg_sys::cstring_to_text(text)))
    }
}
