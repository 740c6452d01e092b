//! The values of a layout's columns.
//!
//! A value is a path, a list of paths, or an SQL expression in parentheses in which `{path}` stands for a member of the
//! source as text. `{a.b|c}` stands for the first of several paths whose text is neither NULL nor empty. A path that
//! the source does not have is NULL; `{a.b!}` says that the expression has no meaning without it. A list may also hold
//! expressions: the first that has a meaning is taken.

use super::path::{self, Target};
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::quoted;
use crate::source::{Source, base_type, is_of_postgresql, is_textual, type_name};
use pgrx::pg_sys;

#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    Path(String),
    /// The first path whose value is neither NULL nor empty.
    First(Vec<String>),
    /// An SQL expression.
    Expression(String),
    /// The first SQL expression that the source can express.
    FirstExpression(Vec<String>),
}

impl Value {
    pub fn of_text(text: &str) -> Self {
        if text.starts_with('(') { Self::Expression(text.to_owned()) } else { Self::Path(text.to_owned()) }
    }

    /// The value of a list.
    pub fn of_texts(texts: Vec<String>) -> Self {
        if texts.iter().all(|text| text.starts_with('(')) {
            Self::FirstExpression(texts)
        } else {
            Self::First(texts)
        }
    }

    /// Whether the value is computed from what the source has.
    pub fn is_expression(&self) -> bool {
        matches!(self, Self::Expression(_) | Self::FirstExpression(_))
    }

    /// Whether the value is a column that is quicker to read than a record: it is indexed, or the server of a foreign
    /// table evaluates conditions on it.
    pub fn is_quick(&self, source: &Source) -> bool {
        let Self::Path(path) = self else { return false };
        path::find(path, source)
            .is_some_and(|target| target.is_column && source.is_foreign || is_indexed(&target, source))
    }

    /// The value as the argument `columns` takes it. `None` if the source cannot express it.
    pub fn resolve(&self, source: &Source) -> Result<Option<String>, TravelError> {
        match self {
            Self::Path(path) => Ok(path::find(path, source).map(bare)),
            Self::First(paths) => first(paths.iter().map(String::as_str), source),
            Self::Expression(template) => expression(template, source),
            Self::FirstExpression(templates) => {
                templates.iter().find_map(|template| expression(template, source).transpose()).transpose()
            }
        }
    }
}

/// A column as the argument `columns` names it.
pub fn of_column(name: &str) -> String {
    if name.starts_with('(') || name.trim() != name { format!("({})", quoted(name)) } else { name.to_owned() }
}

fn bare(target: Target) -> String {
    if target.is_column { of_column(&target.column) } else { format!("({})", target.sql) }
}

/// Whether a target is an indexed column: one of the first two columns of an index.
fn is_indexed(target: &Target, source: &Source) -> bool {
    target.is_column && source.leads_an_index(&format!("s.{}", target.sql))
}

/// The first of several targets that is neither NULL nor empty. Only texts can be empty: a first target of another
/// type, such as a time, is taken alone, and later ones of other types are not compared with texts. So is a first
/// target that is indexed, because the index cannot be used for an expression.
fn first<'p>(paths: impl Iterator<Item = &'p str>, source: &Source) -> Result<Option<String>, TravelError> {
    let mut targets = targets(paths, source);
    let is_text = |target: &Target| is_textual(base_type(target.oid));
    if targets.first().is_some_and(|target| is_text(target) && !is_indexed(target, source)) {
        targets.retain(is_text);
    } else {
        targets.truncate(1);
    }
    match targets.len() {
        0 => Ok(None),
        1 => Ok(targets.pop().map(bare)),
        _ => Ok(Some(format!("({})", first_text(targets)?))),
    }
}

/// What each of several paths leads to, without repetitions: a name that matches in any case can have two paths.
fn targets<'p>(paths: impl Iterator<Item = &'p str>, source: &Source) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in paths.filter_map(|path| path::find(path, source)) {
        if targets.iter().all(|known| known.sql != target.sql) {
            targets.push(target);
        }
    }
    targets
}

fn first_text(targets: Vec<Target>) -> Result<String, TravelError> {
    let texts = targets.into_iter().map(as_text).collect::<Result<Vec<_>, _>>()?;
    Ok(match &texts[..] {
        [single] => single.clone(),
        several => {
            let known: Vec<String> = several.iter().map(|text| format!("nullif({text}, '')")).collect();
            format!("coalesce({})", known.join(", "))
        }
    })
}

/// A target as SQL of type text.
fn as_text(target: Target) -> Result<String, TravelError> {
    let Target { sql, oid, column, is_column } = target;
    if !path::is_convertible(oid) {
        return Err(SourceError::ColumnType {
            is: type_name(oid),
            wanted: "of a built-in type or a domain over one, because converting another type runs code of its owner",
            hint: format!(
                "Create a view of the source that converts the column, {}::text, and pass the view.",
                quoted(&column)
            ),
            column,
        }
        .into());
    }
    let inner = if is_column { sql } else { format!("({sql})") };
    Ok(match base_type(oid) {
        pg_sys::TEXTOID if oid == pg_sys::TEXTOID => inner,
        base @ (pg_sys::JSONBOID | pg_sys::JSONOID) => {
            format!("({} #>> '{{}}'::text[])", path::as_base(inner, oid, base))
        }
        base if is_of_postgresql(base) => format!("{inner}::text"),
        _ => format!("pg_catalog.to_jsonb({inner})::text"),
    })
}

/// Puts the targets of its paths into an expression. `None` if the source has none of them, or lacks a required one.
fn expression(template: &str, source: &Source) -> Result<Option<String>, TravelError> {
    let (mut sql, mut rest, mut has_any) = (String::new(), template, false);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((token, after)) = after.split_once('}') else { break };
        let paths = token.trim_end_matches('!');
        let targets = targets(paths.split('|'), source);
        if targets.is_empty() && token.ends_with('!') {
            return Ok(None);
        }
        sql.push_str(before);
        if targets.is_empty() {
            sql.push_str("NULL::text");
        } else {
            has_any = true;
            sql.push_str(&first_text(targets)?);
        }
        rest = after;
    }
    sql.push_str(rest);
    Ok(has_any.then_some(sql))
}
