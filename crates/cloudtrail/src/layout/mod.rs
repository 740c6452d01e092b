//! Layouts describe how other tools store CloudTrail events in tables. A layout is recognized by the names and types of
//! a table's columns, and says where each standard column is, as SQL over the table. This module writes SQL for
//! PostgreSQL, but knows the table and its types only through the trait [`Table`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`path`] | paths such as `useridentity.arn`, resolved against the columns of a table |
//! | [`value`] | the values of a layout's columns: paths, lists of paths, expressions with paths in them |

pub mod path;
pub mod value;

pub use value::Value;

/// A table or view, as far as its layout is concerned.
pub trait Table {
    /// A type as it is declared, which may be a domain.
    type Type: Copy;

    /// The type `text`.
    const TEXT: Self::Type;

    /// The names and types of the columns, in order.
    fn columns(&self) -> impl Iterator<Item = (&str, Self::Type)>;
    /// Whether the rows come from another server.
    fn is_foreign(&self) -> bool;
    /// Whether a column is one of the first two columns of an index.
    fn leads_an_index(&self, column: &str) -> bool;

    /// A name as an SQL identifier, in double quotes if it needs them.
    fn quoted(name: &str) -> String;
    /// The members that the values of a type have.
    fn members(of: Self::Type) -> Members<Self::Type>;
    /// How values of a type become text.
    fn as_text(of: Self::Type) -> AsText;
    /// Whether values of the type are texts, which can be empty.
    fn is_textual(of: Self::Type) -> bool;

    /// The type of the column of this name.
    fn column(&self, name: &str) -> Option<Self::Type> {
        self.columns().find(|(column, _)| *column == name).map(|(_, of)| of)
    }
}

/// The members that the values of a type have.
pub enum Members<T> {
    /// Any member, by the JSON operators.
    Json(JsonType),
    /// Any member, if the text is that of a structure: `text`, `varchar`, and domains over them.
    Text,
    /// The attributes of a composite type.
    Attributes(Vec<(String, T)>),
    None,
}

/// A JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `jsonb` or `json` itself.
    Itself,
    /// A domain over this type of `pg_catalog`.
    DomainOver(&'static str),
}

/// How values of a type become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsText {
    /// They are text already.
    Unchanged,
    /// They are JSON. A string becomes its content, without quotes.
    Json(JsonType),
    /// A cast converts them, and it only runs code of PostgreSQL.
    Cast,
    /// `to_jsonb` converts them: composite values and arrays of them.
    ToJsonb,
    /// Conversion would run code of the type's owner.
    Refused,
}

/// A column whose type cannot become text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconvertible<T> {
    pub column: String,
    pub of: T,
}

/// A row of `travel.layouts`.
#[derive(Clone, Debug)]
pub struct Layout {
    pub name: String,
    /// Layouts are tried in ascending order of this number.
    pub rank: i32,
    /// The tool that makes such tables, for messages.
    pub tool: String,
    /// Paths that a table with this layout must have. Each may be a choice of several: `a|b`.
    pub recognized_by: Vec<String>,
    /// Paths that such a table must not have.
    pub absent: Vec<String>,
    /// The standard columns, each with the value that it has in such a table.
    pub columns: Vec<(String, Value)>,
}

impl Layout {
    /// Whether the layout is recognized by the values of a column, whatever its name.
    pub fn is_by_content(&self) -> bool {
        self.recognized_by.is_empty()
    }

    /// Whether the columns of a table are those of the layout.
    pub fn fits<T: Table>(&self, table: &T) -> bool {
        let has = |choice: &String| path::first(choice, table).is_some();
        self.recognized_by.iter().all(has) && !self.absent.iter().any(has)
    }

    /// The standard columns, as the argument `columns` takes them. Those that the table cannot express are left out.
    /// So are expressions for standard columns that the table has itself, and columns beside a record that are not
    /// quicker to read than the record.
    pub fn resolve<T: Table>(&self, table: &T) -> Result<Vec<(String, String)>, Unconvertible<T::Type>> {
        let has_record = self.columns.iter().any(|(key, _)| key == "record");
        let mut resolved = Vec::with_capacity(self.columns.len());
        for (key, value) in &self.columns {
            let is_own = table.column(key).is_some() && !self.has_struct(key);
            if value.is_expression() && is_own {
                continue;
            }
            // The record has the value, too, and not every tool fills the column.
            if has_record && !matches!(key.as_str(), "record" | "event_time") && !value.is_quick(table) {
                continue;
            }
            resolved.extend(value.resolve(table)?.map(|sql| (key.clone(), sql)));
        }
        Ok(resolved)
    }

    /// Whether the layout has a struct of this name, such as `actor` in OCSF. A column of that name is not the standard
    /// column.
    fn has_struct(&self, name: &str) -> bool {
        let mut paths = self.recognized_by.iter().flat_map(|choice| choice.split('|'));
        paths.any(|path| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The layout and the columns by which it is recognized, for messages.
    pub fn in_words(&self) -> String {
        let columns: Vec<String> =
            self.recognized_by.iter().map(|choice| choice.replace('|', " or ")).collect();
        format!("{}: {}", self.name, columns.join(", "))
    }
}

/// The paths, in any layout, that show whether a sign-in failed.
const RESULTS_OF_SIGN_INS: &str =
    "responseelements|response_elements|errormessage|error_message|status|event.outcome";

/// Returns a sentence that says what an outcome cannot show if it is computed from the columns of this table. `columns`
/// are the columns that were resolved. Returns `None` if the outcome has no such limit, or is not computed.
pub fn limit<T: Table>(table: &T, columns: &[(String, String)]) -> Option<&'static str> {
    let has = |name: &str| table.column(name).is_some() || columns.iter().any(|(key, _)| key == name);
    if !columns.iter().any(|(key, _)| key == "outcome") {
        None
    } else if path::first(RESULTS_OF_SIGN_INS, table).is_none() {
        Some(
            "The source has no responses and no error messages, so failed sign-ins are evaluated like other events.",
        )
    } else if !has("error_code") && !has("error_message") {
        Some(
            "The source has no error codes. Failed sign-ins are recognized by their responses, and other requests \
             that failed to authenticate are evaluated like other events.",
        )
    } else {
        None
    }
}
