//! SQL expressions that the caller writes. Each must be exactly one expression over the source.

use crate::pg::attempt::class;
use crate::pg::errors::{RuleError, SourceError, TravelError};
use crate::pg::identifier::c_string;
use crate::pg::spi;
use crate::source::{Source, base_type};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Checks that a text is one SQL expression: it parses, it does not contain a second clause, and it is not a star,
/// which stands for any number of columns.
pub fn check_syntax(what: &str, text: &str) -> Result<(), TravelError> {
    let query = c_string(text);
    // SAFETY: the parser gives a list of raw statements, here of one SELECT.
    let shape = explained(what, text, "", || unsafe {
        let list = pg_sys::raw_parser(query.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        raw::shape_of(list)
    })?;
    match shape {
        Shape::Expression => Ok(()),
        Shape::Star => {
            Err(SourceError::ExpressionIsAStar { what: what.to_owned(), text: text.to_owned() }.into())
        }
        Shape::Other => {
            Err(SourceError::NotOneExpression { what: what.to_owned(), text: text.to_owned() }.into())
        }
    }
}

/// The result of parsing a text.
enum Shape {
    Expression,
    /// A star such as `s.*` or `(f(x)).*`: the columns of a row.
    Star,
    Other,
}

/// The type of an expression over the source.
pub fn type_of(what: &str, text: &str, source: &Source) -> Result<pg_sys::Oid, TravelError> {
    // The expression is analyzed where it will be used. There, an aggregate, a window function or a set is an error.
    let in_where = format!("SELECT 1 FROM {} AS s WHERE ({text}\n) IS NULL", source.name);
    explained(what, text, &source.column_names(), || spi::column_types(&in_where))?;
    let query = format!("SELECT ({text}\n) FROM {} AS s", source.name);
    let types = explained(what, text, &source.column_names(), || spi::column_types(&query))?;
    let [oid] = types[..] else {
        return Err(SourceError::ExpressionIsAStar { what: what.to_owned(), text: text.to_owned() }.into());
    };
    if base_type(oid) == pg_sys::RECORDOID || source.is_its_row(base_type(oid)) {
        return Err(SourceError::ExpressionIsARow { what: what.to_owned(), text: text.to_owned() }.into());
    }
    Ok(oid)
}

/// Checks a condition: it is valid over the source and boolean. `from` is the source as a FROM item.
pub fn check_condition(text: &str, from: &str, source: &Source) -> Result<(), TravelError> {
    check_syntax("condition", text)?;
    let query = format!("SELECT 1 FROM {from} WHERE (\n{text}\n)");
    explained("condition", text, &source.column_names(), || spi::column_types(&query)).map(|_| ())
}

/// The names in a condition that can be columns of the source.
pub fn column_names(text: &str) -> Result<Vec<String>, TravelError> {
    let query = c_string(text);
    // SAFETY: the walk reads the tree that the parser made.
    explained("condition", text, "", || unsafe {
        let list = pg_sys::raw_parser(query.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        raw::column_names(list)
    })
}

/// Checks the condition of a rule, as far as this is possible without its source. It is evaluated row by row, so it
/// must not depend on other rows.
pub fn check_row_condition_alone(text: &str) -> Result<(), TravelError> {
    check_syntax("condition", text)?;
    let query = c_string(text);
    // SAFETY: the walk reads the tree that the parser made.
    let found = explained("condition", text, "", || unsafe {
        let list = pg_sys::raw_parser(query.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        raw::first_forbidden(list)
    })?;
    match found {
        None => Ok(()),
        Some((code, found)) => {
            Err(RuleError::ConditionContains { code, found, text: text.to_owned() }.into())
        }
    }
}

/// Checks that a valid condition gives the same answer whenever it is evaluated. `from` is the source as a FROM item.
pub fn check_condition_is_not_volatile(text: &str, from: &str, source: &Source) -> Result<(), TravelError> {
    let query = format!("SELECT 1 FROM {from} WHERE (\n{text}\n)");
    if explained("condition", text, &source.column_names(), || spi::has_volatile_condition(&query))? {
        return Err(RuleError::ConditionContains {
            code: PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            found: "a volatile function",
            text: text.to_owned(),
        }
        .into());
    }
    Ok(())
}

/// Returns whether a valid expression can give another answer when it is evaluated again.
pub fn is_volatile(what: &str, text: &str, source: &Source) -> Result<bool, TravelError> {
    let query = format!("SELECT 1 FROM {} AS s WHERE (\n{text}\n) IS NULL", source.name);
    explained(what, text, &source.column_names(), || spi::has_volatile_condition(&query))
}

/// Analyzes the caller's SQL, and adds to an error which text was analyzed and which columns exist. An error that is
/// not about the SQL, such as a canceled query, is passed on unchanged.
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
    result.map_err(|(code, message)| {
        SourceError::ExpressionFailed {
            code,
            what: what.to_owned(),
            text: text.to_owned(),
            message,
            available: available.to_owned(),
        }
        .into()
    })
}

/// Classes 0A (not supported), 22 (data), 3F (schemas) and 42 (syntax, names, types).
fn is_about_sql(code: PgSqlErrorCode) -> bool {
    matches!(&class(code), b"0A" | b"22" | b"3F" | b"42")
}

/// The trees of the parser, before names are resolved.
mod raw {
    use super::Shape;
    use pgrx::{PgSqlErrorCode, pg_sys};
    use std::ffi::{CStr, c_void};

    type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;
    type Found = Option<(PgSqlErrorCode, &'static str)>;

    #[cfg(feature = "pg15")]
    unsafe extern "C-unwind" {
        /// From nodes/nodeFuncs.h. pgrx binds it only from PostgreSQL 16 on.
        fn raw_expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
    }

    /// Finds the first part of a tree that a condition over one row must not contain.
    ///
    /// # Safety
    /// `list` is what raw_parser returned.
    pub unsafe fn first_forbidden(list: *mut pg_sys::List) -> Found {
        let mut found: Found = None;
        // SAFETY: the walker is called with the same context, and with nodes of the tree.
        unsafe {
            if list.is_null() || (*list).length < 1 {
                return None;
            }
            let statement = (*(*list).elements).ptr_value.cast::<pg_sys::RawStmt>();
            look_at((*statement).stmt, (&raw mut found).cast());
        }
        found
    }

    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn look_at(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
        use PgSqlErrorCode as Code;
        if node.is_null() {
            return false;
        }
        // SAFETY: by `first_forbidden`; a node is read as what its tag says.
        unsafe {
            let found = match (*node).type_ {
                pg_sys::NodeTag::T_SubLink => Some((Code::ERRCODE_FEATURE_NOT_SUPPORTED, "a subquery")),
                pg_sys::NodeTag::T_FuncCall => {
                    let call = &*node.cast::<pg_sys::FuncCall>();
                    if !call.over.is_null() {
                        Some((Code::ERRCODE_WINDOWING_ERROR, "a window function"))
                    } else if call.agg_star
                        || call.agg_distinct
                        || call.agg_within_group
                        || !call.agg_filter.is_null()
                        || !call.agg_order.is_null()
                    {
                        Some((Code::ERRCODE_GROUPING_ERROR, "an aggregate"))
                    } else {
                        None
                    }
                }
                _ => None,
            };
            if found.is_some() {
                *context.cast::<Found>() = found;
                return true;
            }
            walk(node, look_at, context)
        }
    }

    /// The names of columns in a tree, without those of other tables than `s`.
    ///
    /// # Safety
    /// `list` is what raw_parser returned.
    pub unsafe fn column_names(list: *mut pg_sys::List) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        // SAFETY: the walker is called with the same context, and with nodes of the tree.
        unsafe {
            if !list.is_null() && (*list).length >= 1 {
                let statement = (*(*list).elements).ptr_value.cast::<pg_sys::RawStmt>();
                note_names((*statement).stmt, (&raw mut found).cast());
            }
        }
        found
    }

    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn note_names(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
        if node.is_null() {
            return false;
        }
        // SAFETY: by `column_names`; a node is read as what its tag says.
        unsafe {
            if (*node).type_ == pg_sys::NodeTag::T_ColumnRef {
                let fields = (*node.cast::<pg_sys::ColumnRef>()).fields;
                let length = if fields.is_null() { 0 } else { (*fields).length as usize };
                let name = |at: usize| {
                    let field = (*(*fields).elements.add(at)).ptr_value.cast::<pg_sys::Node>();
                    let is_name = (*field).type_ == pg_sys::NodeTag::T_String;
                    is_name.then(|| CStr::from_ptr((*field.cast::<pg_sys::String>()).sval).to_string_lossy())
                };
                // What follows a dot is a column only if the name before it is that of the source.
                let column = match length {
                    1 => name(0),
                    2.. if name(0).is_some_and(|table| table == "s") => name(1),
                    _ => None,
                };
                (*context.cast::<Vec<String>>()).extend(column.map(|name| name.into_owned()));
            }
            walk(node, note_names, context)
        }
    }

    unsafe fn walk(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool {
        // SAFETY: as in `look_at`.
        #[cfg(feature = "pg15")]
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| raw_expression_tree_walker(node, walker, context))
        }
        // SAFETY: as in `look_at`.
        #[cfg(not(feature = "pg15"))]
        unsafe {
            pg_sys::raw_expression_tree_walker_impl(node, Some(walker), context)
        }
    }

    /// # Safety
    /// `list` is what raw_parser returned.
    pub unsafe fn shape_of(list: *mut pg_sys::List) -> Shape {
        // SAFETY: by the caller; every node is checked for its tag before it is read.
        unsafe {
            if list.is_null() || (*list).length != 1 {
                return Shape::Other;
            }
            let statement = (*(*list).elements).ptr_value.cast::<pg_sys::RawStmt>();
            let select = (*statement).stmt.cast::<pg_sys::SelectStmt>();
            if select.is_null() || (*select).type_ != pg_sys::NodeTag::T_SelectStmt {
                return Shape::Other;
            }
            let select = &*select;
            let targets = select.targetList;
            if targets.is_null() || (*targets).length != 1 {
                return Shape::Other;
            }
            let target = (*(*targets).elements).ptr_value.cast::<pg_sys::ResTarget>();
            let is_alone = (*target).name.is_null()
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
                && select.op == pg_sys::SetOperation::SETOP_NONE;
            match is_alone {
                false => Shape::Other,
                true if ends_in_a_star((*target).val) => Shape::Star,
                true => Shape::Expression,
            }
        }
    }

    /// # Safety
    /// `value` is a node of the parser's tree.
    unsafe fn ends_in_a_star(value: *mut pg_sys::Node) -> bool {
        // SAFETY: by the caller; a node is read as what its tag says.
        unsafe {
            let names = match value.as_ref().map(|node| node.type_) {
                Some(pg_sys::NodeTag::T_ColumnRef) => (*value.cast::<pg_sys::ColumnRef>()).fields,
                Some(pg_sys::NodeTag::T_A_Indirection) => {
                    (*value.cast::<pg_sys::A_Indirection>()).indirection
                }
                _ => return false,
            };
            if names.is_null() || (*names).length < 1 {
                return false;
            }
            let last =
                (*(*names).elements.add((*names).length as usize - 1)).ptr_value.cast::<pg_sys::Node>();
            last.as_ref().is_some_and(|last| last.type_ == pg_sys::NodeTag::T_A_Star)
        }
    }
}
