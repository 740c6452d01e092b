//! The values of a layout's columns.
//!
//! A value is a path, a list of paths, or an SQL expression in parentheses in which `{path}` stands for a member of the
//! table as text. `{a.b|c}` stands for the first of several paths whose text is neither NULL nor empty. A path that
//! the table does not have is NULL; `{a.b!}` says that the expression has no meaning without it. A list may also hold
//! expressions: the first that has a meaning is taken.

use super::path::{self, Target};
use super::{AsText, Table, Unconvertible};

/// The value of a standard column in a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A path.
    Path(String),
    /// The first path whose value is neither NULL nor empty.
    First(Vec<String>),
    /// An SQL expression.
    Expression(String),
    /// The first SQL expression that the table can express.
    FirstExpression(Vec<String>),
}

/// The result of writing SQL. The error names a column that cannot become text.
type Sql<S, T> = Result<S, Unconvertible<<T as Table>::Type>>;

impl Value {
    /// The value of a text: an expression if the text begins with a parenthesis, otherwise a path.
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

    /// Whether the value is computed from what the table has.
    pub fn is_expression(&self) -> bool {
        matches!(self, Self::Expression(_) | Self::FirstExpression(_))
    }

    /// Whether the value is a column that is quicker to read than a record: it is indexed, or the server of a foreign
    /// table evaluates conditions on it.
    pub fn is_quick<T: Table>(&self, table: &T) -> bool {
        let Self::Path(path) = self else { return false };
        path::find(path, table)
            .is_some_and(|target| target.is_column && table.is_foreign() || is_indexed(&target, table))
    }

    /// The value as the argument `columns` takes it. `None` if the table cannot express it.
    pub fn resolve<T: Table>(&self, table: &T) -> Sql<Option<String>, T> {
        match self {
            Self::Path(path) => Ok(path::find(path, table).map(bare::<T>)),
            Self::First(paths) => first(paths.iter().map(String::as_str), table),
            Self::Expression(template) => expression(template, table),
            Self::FirstExpression(templates) => {
                templates.iter().find_map(|template| expression(template, table).transpose()).transpose()
            }
        }
    }
}

/// A column as the argument `columns` names it.
pub fn of_column<T: Table>(name: &str) -> String {
    if name.starts_with('(') || name.trim() != name {
        format!("({})", T::quoted(name))
    } else {
        name.to_owned()
    }
}

fn bare<T: Table>(target: Target<T::Type>) -> String {
    if target.is_column { of_column::<T>(&target.column) } else { format!("({})", target.sql) }
}

/// Whether a target is an indexed column: one of the first two columns of an index.
fn is_indexed<T: Table>(target: &Target<T::Type>, table: &T) -> bool {
    target.is_column && table.leads_an_index(&target.column)
}

/// The first of several targets that is neither NULL nor empty. Only texts can be empty: a first target of another
/// type, such as a time, is taken alone, and later ones of other types are not compared with texts. So is a first
/// target that is indexed, because the index cannot be used for an expression.
fn first<'p, T: Table>(paths: impl Iterator<Item = &'p str>, table: &T) -> Sql<Option<String>, T> {
    let mut targets = targets(paths, table);
    let is_text = |target: &Target<T::Type>| T::is_textual(target.of);
    if targets.first().is_some_and(|target| is_text(target) && !is_indexed(target, table)) {
        targets.retain(is_text);
    } else {
        targets.truncate(1);
    }
    match targets.len() {
        0 => Ok(None),
        1 => Ok(targets.pop().map(bare::<T>)),
        _ => Ok(Some(format!("({})", first_text::<T>(targets)?))),
    }
}

/// What each of several paths leads to, without repetitions: a name that matches in any case can have two paths.
fn targets<'p, T: Table>(paths: impl Iterator<Item = &'p str>, table: &T) -> Vec<Target<T::Type>> {
    let mut targets: Vec<Target<T::Type>> = Vec::new();
    for target in paths.filter_map(|path| path::find(path, table)) {
        if targets.iter().all(|known| known.sql != target.sql) {
            targets.push(target);
        }
    }
    targets
}

fn first_text<T: Table>(targets: Vec<Target<T::Type>>) -> Sql<String, T> {
    let texts = targets.into_iter().map(as_text::<T>).collect::<Result<Vec<_>, _>>()?;
    Ok(match &texts[..] {
        [single] => single.clone(),
        several => {
            let known: Vec<String> = several.iter().map(|text| format!("nullif({text}, '')")).collect();
            format!("coalesce({})", known.join(", "))
        }
    })
}

/// A target as SQL of type text.
fn as_text<T: Table>(target: Target<T::Type>) -> Sql<String, T> {
    let Target { sql, of, column, is_column } = target;
    let inner = if is_column { sql } else { format!("({sql})") };
    match T::as_text(of) {
        AsText::Unchanged => Ok(inner),
        AsText::Json(json) => Ok(format!("({} #>> '{{}}'::text[])", path::as_json(inner, json))),
        AsText::Cast => Ok(format!("{inner}::text")),
        AsText::ToJsonb => Ok(format!("pg_catalog.to_jsonb({inner})::text")),
        AsText::Refused => Err(Unconvertible { column, of }),
    }
}

/// Puts the targets of its paths into an expression. `None` if the table has none of them, or lacks a required one.
fn expression<T: Table>(template: &str, table: &T) -> Sql<Option<String>, T> {
    let (mut sql, mut rest, mut has_any) = (String::new(), template, false);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((token, after)) = after.split_once('}') else { break };
        let paths = token.trim_end_matches('!');
        let targets = targets(paths.split('|'), table);
        if targets.is_empty() && token.ends_with('!') {
            return Ok(None);
        }
        sql.push_str(before);
        if targets.is_empty() {
            sql.push_str("NULL::text");
        } else {
            has_any = true;
            sql.push_str(&first_text::<T>(targets)?);
        }
        rest = after;
    }
    sql.push_str(rest);
    Ok(has_any.then_some(sql))
}
