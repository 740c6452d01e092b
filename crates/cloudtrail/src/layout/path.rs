//! Paths into the columns of a table.
//!
//! `a.b.c` is a column of that name (`"a.b.c"`), a column `a_b_c`, or the member `b.c` of a column `a`, whatever form
//! the tool's structs took in the table: jsonb, json, a composite type, or text (JSON, or `{b={c=…}}`). Names of
//! columns and of composite attributes match in any case; keys of JSON match exactly.

use super::{JsonType, Members, Table};

/// What a path leads to.
#[derive(Clone, Debug)]
pub struct Target<T> {
    /// As SQL over the table.
    pub sql: String,
    /// The declared type.
    pub of: T,
    /// The column that the path starts in.
    pub column: String,
    /// Whether it is the column itself.
    pub is_column: bool,
}

/// Finds the target of a choice, such as `a.b|c`: that of the first path that has one.
pub fn first<T: Table>(choice: &str, table: &T) -> Option<Target<T::Type>> {
    choice.split('|').find_map(|path| find(path, table))
}

/// Finds the target of a path. Returns `None` if the table has no such column.
pub fn find<T: Table>(path: &str, table: &T) -> Option<Target<T::Type>> {
    let keys: Vec<&str> = path.split('.').collect();
    if let Some((column, of)) = column_named(&keys, table) {
        return Some(Target { sql: T::quoted(column), of, column: column.to_owned(), is_column: true });
    }
    // The longest name first: a column "aws.cloudtrail" before a column "aws".
    (1..keys.len()).rev().find_map(|length| {
        let (start, rest) = keys.split_at_checked(length)?;
        let (column, of) = column_named(start, table)?;
        let (sql, of) = member::<T>(T::quoted(column), of, rest)?;
        Some(Target { sql, of, column: column.to_owned(), is_column: false })
    })
}

fn column_named<'t, T: Table>(keys: &[&str], table: &'t T) -> Option<(&'t str, T::Type)> {
    let spellings = [".", "_"].map(|separator| cut(keys.join(separator)));
    let exact = spellings.iter().find_map(|name| table.columns().find(|(column, _)| column == name));
    exact.or_else(|| {
        table.columns().find(|(column, _)| spellings.iter().any(|name| name.eq_ignore_ascii_case(column)))
    })
}

/// Truncates a name that is too long, as PostgreSQL does.
fn cut(mut name: String) -> String {
    /// NAMEDATALEN without the byte that ends a name.
    const LONGEST: usize = 63;
    if let Some(end) = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end)) {
        name.truncate(end);
    }
    name
}

/// Returns the member of a value, as SQL, and its type. Returns `None` if values of the type have no such member.
fn member<T: Table>(sql: String, of: T::Type, keys: &[&str]) -> Option<(String, T::Type)> {
    let Some((key, rest)) = keys.split_first() else { return Some((sql, of)) };
    match T::members(of) {
        Members::Json(json) => Some((json_member(&as_json(sql, json), keys), T::TEXT)),
        Members::Text => Some((json_member(&format!("travel.struct_text({sql})"), keys), T::TEXT)),
        Members::Attributes(attributes) => {
            let exact = attributes.iter().find(|(name, _)| name == key);
            let (name, of) =
                exact.or_else(|| attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)))?;
            member::<T>(format!("({sql}).{}", T::quoted(name)), *of, rest)
        }
        Members::None => None,
    }
}

/// Casts a JSON value to its base type if its type is a domain. For a domain, PostgreSQL could choose an operator of
/// another schema over its own.
pub(super) fn as_json(sql: String, json: JsonType) -> String {
    match json {
        JsonType::Itself => sql,
        JsonType::DomainOver(base) => format!("({sql})::pg_catalog.{base}"),
    }
}

/// Returns the member of a jsonb or json value as text. The types of the keys are given, so PostgreSQL cannot choose an
/// operator of another schema over its own.
fn json_member(sql: &str, keys: &[&str]) -> String {
    if let [key] = keys {
        return format!("{sql} ->> {}::text", literal(key));
    }
    // In an array literal, the word null is NULL, not a text.
    let is_plain = |key: &&str| {
        let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name && !key.is_empty() && !key.eq_ignore_ascii_case("null")
    };
    if keys.iter().all(is_plain) {
        return format!("{sql} #>> '{{{}}}'::text[]", keys.join(","));
    }
    format!("{sql} #>> ARRAY[{}]::text[]", keys.iter().map(|key| literal(key)).collect::<Vec<_>>().join(", "))
}

/// Returns a string literal that means the same in every session, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', r"\\")) } else { format!("'{quoted}'") }
}
