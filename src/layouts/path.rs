//! Paths into the columns of a source.
//!
//! `a.b.c` is a column of that name (`"a.b.c"`), a column `a_b_c`, or the member `b.c` of a column `a`, whatever form
//! the tool's structs took in the source: jsonb, json, a composite type, or text (JSON, or `{b={c=…}}`). Names of
//! columns and of composite attributes match in any case; keys of JSON match exactly.

use crate::pg::identifier::{literal, quoted};
use crate::source::{Source, TableColumn, base_type, is_of_postgresql, type_in_sql};
use pgrx::{PgTupleDesc, pg_sys};
use std::collections::HashSet;

/// What a path leads to.
pub struct Target {
    /// As SQL over the source.
    pub sql: String,
    /// The declared type.
    pub oid: pg_sys::Oid,
    /// The column that the path starts in.
    pub column: String,
    /// Whether it is the column itself.
    pub is_column: bool,
}

/// What the first of several paths that lead anywhere leads to: `a.b|c`.
pub fn first(choice: &str, source: &Source) -> Option<Target> {
    choice.split('|').find_map(|path| find(path, source))
}

/// What a path leads to. `None` if the source has no such column.
pub fn find(path: &str, source: &Source) -> Option<Target> {
    let keys: Vec<&str> = path.split('.').collect();
    if let Some(column) = column_named(&keys, source) {
        let (sql, oid) = (quoted(&column.name), column.oid);
        return Some(Target { sql, oid, column: column.name.clone(), is_column: true });
    }
    // The longest name first: a column "aws.cloudtrail" before a column "aws".
    (1..keys.len()).rev().find_map(|length| {
        let (start, rest) = keys.split_at_checked(length)?;
        let column = column_named(start, source)?;
        let (sql, oid) = member(quoted(&column.name), column.oid, rest)?;
        Some(Target { sql, oid, column: column.name.clone(), is_column: false })
    })
}

fn column_named<'s>(keys: &[&str], source: &'s Source) -> Option<&'s TableColumn> {
    let spellings = [".", "_"].map(|separator| cut(keys.join(separator)));
    let exact = spellings.iter().find_map(|name| source.column(name));
    exact.or_else(|| {
        let is_it =
            |column: &&TableColumn| spellings.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
        source.columns.iter().find(is_it)
    })
}

/// A name as PostgreSQL cuts one that is too long.
fn cut(mut name: String) -> String {
    const LONGEST: usize = pg_sys::NAMEDATALEN as usize - 1;
    if let Some(end) = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end)) {
        name.truncate(end);
    }
    name
}

/// The member of a value, as SQL, and its type. `None` if values of the type have no such member.
fn member(sql: String, oid: pg_sys::Oid, keys: &[&str]) -> Option<(String, pg_sys::Oid)> {
    let Some((key, rest)) = keys.split_first() else { return Some((sql, oid)) };
    match base_type(oid) {
        base @ (pg_sys::JSONBOID | pg_sys::JSONOID) => {
            Some((json_member(&as_base(sql, oid, base), keys), pg_sys::TEXTOID))
        }
        pg_sys::TEXTOID | pg_sys::VARCHAROID => {
            Some((json_member(&format!("travel.struct_text({sql})"), keys), pg_sys::TEXTOID))
        }
        composite => {
            let attributes = attributes_of(composite)?;
            let exact = attributes.iter().find(|(name, _)| name == key);
            let (name, oid) =
                exact.or_else(|| attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)))?;
            member(format!("({sql}).{}", quoted(name)), *oid, rest)
        }
    }
}

/// A value as one of its base type. For a domain, an operator of another schema could fit better than PostgreSQL's own.
pub fn as_base(sql: String, oid: pg_sys::Oid, base: pg_sys::Oid) -> String {
    match type_in_sql(base).filter(|_| oid != base) {
        Some(name) => format!("({sql})::pg_catalog.{name}"),
        None => sql,
    }
}

/// The member of a jsonb or json value as text. The types of the keys are given, so no operator of another schema fits
/// better than PostgreSQL's own.
fn json_member(sql: &str, keys: &[&str]) -> String {
    if let [key] = keys {
        return format!("{sql} ->> {}::text", literal(key));
    }
    let is_plain = |key: &&str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if keys.iter().all(is_plain) {
        return format!("{sql} #>> '{{{}}}'::text[]", keys.join(","));
    }
    format!("{sql} #>> ARRAY[{}]::text[]", keys.iter().map(|key| literal(key)).collect::<Vec<_>>().join(", "))
}

/// The attributes of a composite type. `None` for any other type.
fn attributes_of(oid: pg_sys::Oid) -> Option<Vec<(String, pg_sys::Oid)>> {
    // SAFETY: catalog look-ups; the descriptor of the type is copied, and its reference released.
    unsafe {
        if pg_sys::get_typ_typrelid(oid) == pg_sys::InvalidOid {
            return None;
        }
        let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(oid, -1);
        let attributes = PgTupleDesc::from_pg_copy(descriptor);
        Some(
            attributes
                .iter()
                .filter(|attribute| !attribute.attisdropped)
                .map(|attribute| (attribute.name().to_owned(), attribute.atttypid))
                .collect(),
        )
    }
}

/// Whether writing a value of a type as text or JSON runs PostgreSQL's own code only: a type of PostgreSQL, or a
/// composite type or an array of such types.
pub fn is_convertible(oid: pg_sys::Oid) -> bool {
    // Each type is looked at once: many attributes can have the same type.
    let (mut known, mut left) = (HashSet::new(), vec![oid]);
    while let Some(oid) = left.pop().map(base_type) {
        pgrx::check_for_interrupts!();
        if is_of_postgresql(oid) || !known.insert(oid) {
            continue;
        }
        // SAFETY: a catalog look-up.
        let element = unsafe { pg_sys::get_element_type(oid) };
        if element != pg_sys::InvalidOid {
            left.push(element);
            continue;
        }
        match attributes_of(oid) {
            Some(attributes) => left.extend(attributes.into_iter().map(|(_, oid)| oid)),
            None => return false,
        }
    }
    true
}
