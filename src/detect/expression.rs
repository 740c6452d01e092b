//! Pieces of SQL that the caller gives: each must be one expression over his table, nothing more.

use super::source::{Source, base_type};
use crate::pg::errors::TravelError;
use crate::pg::spi;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Checks that a text is one SQL expression: that it parses, and that no second clause hides in it.
pub fn check_syntax(what: &str, text: &str) -> Result<(), TravelError> {
    let query = spi::c_string(text);
    // SAFETY: the parser gives a list of raw statements, here of one SELECT.
    let single = explained(what, text, "", || unsafe {
        let list = pg_sys::raw_parser(query.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        is_single_expression(list)
    })?;
    if single {
        Ok(())
    } else {
        Err(TravelError::NotOneExpression { what: what.to_owned(), text: text.to_owned() })
    }
}

/// The type of an expression over the source.
pub fn type_of(what: &str, text: &str, source: &Source) -> Result<pg_sys::Oid, TravelError> {
    // Where it will stand, too: an aggregate, a window function or a set is none.
    let in_where = format!("SELECT 1 FROM {} AS s WHERE ({text}\n) IS NULL", source.name);
    explained(what, text, &source.column_names(), || spi::column_types(&in_where))?;
    let query = format!("SELECT ({text}\n) FROM {} AS s", source.name);
    let types = explained(what, text, &source.column_names(), || spi::column_types(&query))?;
    Ok(types.first().map_or(pg_sys::InvalidOid, |oid| base_type(*oid)))
}

/// Checks a condition: that it means something over the source, and is a truth value.
pub fn check_condition(text: &str, source: &Source) -> Result<(), TravelError> {
    check_syntax("condition", text)?;
    let query = format!("SELECT 1 FROM {} AS s WHERE (\n{text}\n)", source.name);
    explained("condition", text, &source.column_names(), || spi::column_types(&query)).map(|_| ())
}

/// Runs an analysis of the caller's SQL and says of its error what was looked at and what is there. The transaction
/// is over either way; an error that is not about the SQL (a cancelled query) is passed on as it is.
fn explained<R>(what: &str, text: &str, available: &str, body: impl FnOnce() -> R) -> Result<R, TravelError> {
    let result = PgTryBuilder::new(AssertUnwindSafe(|| Ok(body())))
        .catch_others(|caught| match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
                if is_about_sql(report.sql_error_code()) =>
            {
                Err((report.sql_error_code(), report.message().to_owned()))
            }
            _ => caught.rethrow(),
        })
        .execute();
    result.map_err(|(code, message)| TravelError::ExpressionFailed {
        code,
        what: what.to_owned(),
        text: text.to_owned(),
        message,
        available: available.to_owned(),
    })
}

/// Classes 0A (not supported), 22 (data) and 42 (syntax, names, types).
fn is_about_sql(code: pgrx::PgSqlErrorCode) -> bool {
    let code = code as i32;
    // An SQLSTATE is packed as five characters of six bits each, the first lowest.
    let character = |n: u32| char::from((((code >> (6 * n)) & 0x3f) as u8).wrapping_add(b'0'));
    matches!((character(0), character(1)), ('0', 'A') | ('2', '2') | ('4', '2'))
}

/// # Safety
/// `list` is what raw_parser returned.
unsafe fn is_single_expression(list: *mut pg_sys::List) -> bool {
    // SAFETY: by the caller; every node is checked for its tag before it is read.
    unsafe {
        if list.is_null() || (*list).length != 1 {
            return false;
        }
        let statement = (*(*list).elements).ptr_value.cast::<pg_sys::RawStmt>();
        let select = (*statement).stmt.cast::<pg_sys::SelectStmt>();
        if select.is_null() || (*select).type_ != pg_sys::NodeTag::T_SelectStmt {
            return false;
        }
        let select = &*select;
        let targets = select.targetList;
        if targets.is_null() || (*targets).length != 1 {
            return false;
        }
        let target = (*(*targets).elements).ptr_value.cast::<pg_sys::ResTarget>();
        (*target).name.is_null()
            && select.distinctClause.is_null()
            && select.intoClause.is_null()
            && select.fromClause.is_null()
            && select.whereClause.is_null()
            && select.groupClause.is_null()
            && select.havingClause.is_null()
            && select.windowClause.is_null()
            && select.valuesLists.is_null()
            && select.sortClause.is_null()
            && select.limitOffset.is_null()
            && select.limitCount.is_null()
            && select.lockingClause.is_null()
            && select.withClause.is_null()
            && select.op == pg_sys::SetOperation::SETOP_NONE
    }
}
