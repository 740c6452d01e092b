//! Layouts of tables: the targets of paths, and the SQL that reads them. The SQL is evaluated for a row, and its result
//! must be that of a walk through the values of the row.

use crate::input::Input;
use crate::sql::{Datum, evaluate, member, row_text};
use serde_json::Value as Node;
use travel_cloudtrail::layout::{AsText, JsonType, Layout, Members, Table, Value, path};
use travel_cloudtrail::struct_text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Varchar,
    TextDomain,
    Jsonb,
    JsonDomain,
    Int,
    /// One of [`ROWS`].
    Row(usize),
    /// A user-defined type with a user-defined cast.
    Other,
}

/// Composite types.
const ROWS: [&[(&str, Type)]; 4] = [
    &[
        ("arn", Type::Text),
        ("userName", Type::Varchar),
        ("username", Type::TextDomain),
        ("Type", Type::Int),
        ("sessionContext", Type::Row(1)),
        ("it's", Type::Jsonb),
    ],
    &[("sessionissuer", Type::Row(2)), ("arn", Type::JsonDomain), ("a", Type::Text)],
    &[("arn", Type::Text), ("null", Type::Text), ("\"", Type::Text)],
    &[("arn", Type::Text), ("a", Type::Other)],
];

const TYPES: [Type; 11] = [
    Type::Text,
    Type::Varchar,
    Type::TextDomain,
    Type::Jsonb,
    Type::JsonDomain,
    Type::Int,
    Type::Row(0),
    Type::Row(1),
    Type::Row(2),
    Type::Row(3),
    Type::Other,
];

/// The keys of paths, and the parts of names of columns.
const KEYS: [&str; 18] = [
    "a",
    "A",
    "arn",
    "userIdentity",
    "useridentity",
    "userName",
    "username",
    "type",
    "sessionContext",
    "null",
    "",
    "it's",
    "\"",
    "\\",
    "(a",
    " a",
    "é",
    "_",
];

struct Row {
    columns: Vec<(String, Type, bool)>,
    values: Vec<(String, Datum)>,
    is_foreign: bool,
}

impl Table for Row {
    type Type = Type;

    const TEXT: Type = Type::Text;

    fn columns(&self) -> impl Iterator<Item = (&str, Type)> {
        self.columns.iter().map(|(name, of, _)| (name.as_str(), *of))
    }

    fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    fn leads_an_index(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _, is_indexed)| name == column && *is_indexed)
    }

    fn quoted(name: &str) -> String {
        let is_plain = name != "null" && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
    }

    fn members(of: Type) -> Members<Type> {
        match of {
            Type::Text | Type::Varchar | Type::TextDomain => Members::Text,
            Type::Jsonb => Members::Json(JsonType::Itself),
            Type::JsonDomain => Members::Json(JsonType::DomainOver("jsonb")),
            Type::Row(n) => {
                Members::Attributes(ROWS[n].iter().map(|(name, of)| ((*name).to_owned(), *of)).collect())
            }
            Type::Int | Type::Other => Members::None,
        }
    }

    fn as_text(of: Type) -> AsText {
        match of {
            Type::Text => AsText::Unchanged,
            Type::Varchar | Type::TextDomain | Type::Int => AsText::Cast,
            Type::Jsonb => AsText::Json(JsonType::Itself),
            Type::JsonDomain => AsText::Json(JsonType::DomainOver("jsonb")),
            Type::Row(3) | Type::Other => AsText::Refused,
            Type::Row(_) => AsText::ToJsonb,
        }
    }

    fn is_textual(of: Type) -> bool {
        matches!(of, Type::Text | Type::Varchar | Type::TextDomain)
    }
}

/// Resolves a layout of paths and expressions for a table with one row.
pub fn layout(data: &[u8]) {
    let mut input = Input::new(data);
    let table = table(&mut input);
    for _ in 0..4 {
        let path = a_path(&mut input, &table);
        let found = path::find(&path, &table).map(|target| {
            let value = evaluate(&target.sql, &table.values);
            (target.column, target.is_column, target.of, value)
        });
        let expected =
            walk(&table, &path).map(|found| (found.column, found.is_column, found.of, found.value));
        assert_eq!(found, expected, "{path:?} in {:?}", table.columns);
    }

    let choices =
        |input: &mut Input| (0..input.below(3)).map(|_| a_choice(input, &table)).collect::<Vec<_>>();
    let (recognized_by, absent) = (choices(&mut input), choices(&mut input));
    let entries: Vec<(String, Entry)> = (0..input.below(6))
        .map(|_| {
            (
                input.pick(&["record", "event_time", "a", "userIdentity", "arn"]).to_owned(),
                entry(&mut input, &table),
            )
        })
        .collect();
    let columns = entries.iter().map(|(key, entry)| (key.clone(), entry.value())).collect();
    let layout = Layout { name: "it".into(), rank: 1, tool: "a tool".into(), recognized_by, absent, columns };

    let has = |choice: &String| choice.split('|').any(|path| walk(&table, path).is_some());
    let fits = layout.recognized_by.iter().all(has) && !layout.absent.iter().any(has);
    assert_eq!(layout.fits(&table), fits, "{layout:?} in {:?}", table.columns);

    let expected = resolved(&layout, &entries, &table);
    let found = layout.resolve(&table).map(|columns| {
        columns.into_iter().map(|(key, sql)| (key, argument(&sql, &table))).collect::<Vec<_>>()
    });
    assert_eq!(found.map_err(|refused| refused.column), expected, "{layout:?} in {:?}", table.columns);
}

/// Evaluates a value of the argument `columns`, which is an expression in parentheses or the name of a column.
fn argument(sql: &str, table: &Row) -> Datum {
    match table.values.iter().find(|(name, _)| name == sql) {
        Some((_, value)) if !(sql.starts_with('(') && sql.ends_with(')')) => value.clone(),
        _ => evaluate(sql, &table.values),
    }
}

// The table ----------------------------------------------------------------------------------------------------------

fn table(input: &mut Input) -> Row {
    let mut table = Row { columns: Vec::new(), values: Vec::new(), is_foreign: input.below(4) == 3 };
    for _ in 0..=input.below(7) {
        let parts: Vec<&str> = (0..=input.below(2)).map(|_| input.pick(&KEYS)).collect();
        let mut name = parts.join(input.pick(&[".", "_"]));
        if input.below(16) == 15 {
            // The name is longer than a name can be, so it is truncated.
            name = name.repeat(40);
            let end = (0..=63.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap();
            name.truncate(end);
        }
        if name.is_empty() || table.values.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let of = input.pick(&TYPES);
        let value = value(input, of);
        table.columns.push((name.clone(), of, input.below(4) == 3));
        table.values.push((name, value));
    }
    table
}

fn value(input: &mut Input, of: Type) -> Datum {
    let is_null = input.below(8) == 7;
    match of {
        Type::Text | Type::Varchar | Type::TextDomain => {
            let text = match input.below(4) {
                0 => input.pick(&["", "x", "{a=1, arn={a=2}}", "{\"a\": \"\"}"]).to_owned(),
                1 => input.text(20),
                _ => object(input, 3).to_string(),
            };
            Datum::Text((!is_null).then_some(text))
        }
        Type::Jsonb | Type::JsonDomain => Datum::Json((!is_null).then(|| object(input, 3))),
        Type::Int => Datum::Int((!is_null).then(|| input.i64())),
        Type::Row(n) => {
            Datum::Row(ROWS[n].iter().map(|(name, of)| ((*name).to_owned(), value(input, *of))).collect())
        }
        Type::Other => Datum::Other,
    }
}

/// Makes an object of objects, or rarely any other JSON.
fn object(input: &mut Input, depth: usize) -> Node {
    if depth == 0 || input.below(6) == 5 {
        return input.json(&KEYS, &["", "x", "y"], 1);
    }
    let entries = (0..=input.below(3)).map(|_| (input.pick(&KEYS).to_owned(), object(input, depth - 1)));
    Node::Object(entries.collect())
}

/// Makes a path, usually to an existing value.
fn a_path(input: &mut Input, table: &Row) -> String {
    if table.values.is_empty() || input.below(4) == 3 {
        let keys: Vec<&str> = (0..=input.below(4)).map(|_| input.pick(&KEYS)).collect();
        let path = keys.join(".");
        return if input.below(16) == 15 { path.repeat(40) } else { path };
    }
    let (mut path, mut value) = table.values[input.below(table.values.len())].clone();
    for _ in 0..input.below(4) {
        let members: Vec<(String, Datum)> = match value {
            Datum::Row(attributes) => attributes,
            Datum::Text(text) => members(text.as_deref().and_then(struct_text)),
            Datum::Json(json) => members(json),
            Datum::Int(_) | Datum::Other => break,
        };
        if members.is_empty() {
            break;
        }
        let (key, member) = members[input.below(members.len())].clone();
        path = format!("{path}.{key}");
        value = member;
    }
    path
}

/// Returns the members of an object, except those whose keys have a meaning in a template.
fn members(json: Option<Node>) -> Vec<(String, Datum)> {
    let Some(Node::Object(entries)) = json else { return Vec::new() };
    let entries = entries.into_iter().filter(|(key, _)| !key.contains(['|', '{', '}', '!']));
    entries.map(|(key, member)| (key, Datum::Json(Some(member)))).collect()
}

fn a_choice(input: &mut Input, table: &Row) -> String {
    (0..=input.below(2)).map(|_| a_path(input, table)).collect::<Vec<_>>().join("|")
}

// The values of a layout ---------------------------------------------------------------------------------------------

/// A value of a layout, before it is written.
enum Entry {
    Path(String),
    First(Vec<String>),
    Expressions(Vec<Vec<(String, bool)>>),
}

fn entry(input: &mut Input, table: &Row) -> Entry {
    match input.below(3) {
        0 => Entry::Path(a_path(input, table)),
        1 => Entry::First((0..=input.below(3)).map(|_| a_path(input, table)).collect()),
        _ => Entry::Expressions(
            (0..=input.below(2))
                .map(|_| {
                    (0..=input.below(3)).map(|_| (a_choice(input, table), input.below(4) == 3)).collect()
                })
                .collect(),
        ),
    }
}

impl Entry {
    fn value(&self) -> Value {
        match self {
            Self::Path(path) => Value::Path(path.clone()),
            Self::First(paths) => Value::First(paths.clone()),
            Self::Expressions(templates) => {
                let written = templates.iter().map(|tokens| {
                    let tokens: Vec<String> = tokens
                        .iter()
                        .map(|(paths, is_required)| {
                            format!("{{{paths}{}}}", if *is_required { "!" } else { "" })
                        })
                        .collect();
                    format!("(concat({}, '|'))", tokens.join(", '|', "))
                });
                Value::of_texts(written.collect())
            }
        }
    }

    /// Reads the value for the row. The error is the name of a column that cannot become text.
    fn read(&self, table: &Row) -> Result<Option<Datum>, String> {
        match self {
            Self::Path(path) => Ok(walk(table, path).map(|found| found.value)),
            Self::First(paths) => {
                let mut found = all(table, paths.iter().map(String::as_str));
                let Some(first) = found.first() else { return Ok(None) };
                if !Row::is_textual(first.of) || is_indexed(first, table) {
                    return Ok(Some(first.value.clone()));
                }
                found.retain(|found| Row::is_textual(found.of));
                if let [single] = &found[..] {
                    return Ok(Some(single.value.clone()));
                }
                Ok(Some(Datum::Text(first_text(&found)?)))
            }
            Self::Expressions(templates) => {
                for tokens in templates {
                    if let Some(text) = read_template(tokens, table)? {
                        return Ok(Some(Datum::Text(Some(text))));
                    }
                }
                Ok(None)
            }
        }
    }
}

fn read_template(tokens: &[(String, bool)], table: &Row) -> Result<Option<String>, String> {
    let (mut text, mut has_any) = (String::new(), false);
    for (paths, is_required) in tokens {
        let found = all(table, paths.split('|'));
        if found.is_empty() && *is_required {
            return Ok(None);
        }
        has_any |= !found.is_empty();
        text.push_str(&first_text(&found)?.unwrap_or_default());
        text.push('|');
    }
    Ok(has_any.then_some(text))
}

/// Returns the columns that a layout resolves, according to the comment on [`Layout::resolve`].
fn resolved(
    layout: &Layout,
    entries: &[(String, Entry)],
    table: &Row,
) -> Result<Vec<(String, Datum)>, String> {
    let has_record = entries.iter().any(|(key, _)| key == "record");
    let mut resolved = Vec::new();
    for (key, entry) in entries {
        let is_struct = layout
            .recognized_by
            .iter()
            .flat_map(|choice| choice.split('|'))
            .any(|path| path.split_once('.').is_some_and(|(first, _)| first == key));
        let is_own = table.values.iter().any(|(name, _)| name == key) && !is_struct;
        let is_quick = || match entry {
            Entry::Path(path) => walk(table, path)
                .is_some_and(|found| found.is_column && (table.is_foreign || is_indexed(&found, table))),
            _ => false,
        };
        let is_left_out = match entry {
            Entry::Expressions(_) if is_own => true,
            _ => has_record && key != "record" && key != "event_time" && !is_quick(),
        };
        if !is_left_out && let Some(value) = entry.read(table)? {
            resolved.push((key.clone(), value));
        }
    }
    Ok(resolved)
}

// What a path leads to -----------------------------------------------------------------------------------------------

#[derive(Debug)]
struct Found {
    column: String,
    is_column: bool,
    of: Type,
    value: Datum,
    /// The names and keys on the way, each with its kind.
    way: Vec<(char, String)>,
}

/// Finds the target of a path by a walk through the values of the row. The longest matching name of a column wins. An
/// exact match wins over a match in another case, and a name with dots over one with underscores.
fn walk(table: &Row, path: &str) -> Option<Found> {
    let keys: Vec<&str> = path.split('.').collect();
    for length in (1..=keys.len()).rev() {
        let (start, rest) = keys.split_at(length);
        let spelled = [start.join("."), start.join("_")].map(|name| {
            let fits = name.char_indices().filter(|(at, character)| at + character.len_utf8() <= 63);
            fits.map(|(_, character)| character).collect::<String>()
        });
        let rank = |name: &String| match name {
            name if *name == spelled[0] => 0,
            name if *name == spelled[1] => 1,
            name if spelled.iter().any(|spelled| spelled.eq_ignore_ascii_case(name)) => 2,
            _ => 3,
        };
        let best = table.values.iter().enumerate().min_by_key(|(n, (name, _))| (rank(name), *n));
        let Some((n, (column, value))) = best.filter(|(_, (name, _))| rank(name) < 3) else { continue };
        let way = vec![('c', column.clone())];
        let found = Found {
            column: column.clone(),
            is_column: rest.is_empty(),
            of: table.columns[n].1,
            value: value.clone(),
            way,
        };
        if let Some(found) = into(found, rest) {
            return Some(found);
        }
    }
    None
}

fn into(found: Found, keys: &[&str]) -> Option<Found> {
    let Some((key, rest)) = keys.split_first() else { return Some(found) };
    let json: Option<Node> = match found.value {
        Datum::Text(text) => text.as_deref().and_then(struct_text),
        Datum::Json(json) => json,
        Datum::Row(attributes) => {
            let exact = attributes.iter().position(|(name, _)| name == key);
            let same = |name: &str| name.eq_ignore_ascii_case(key);
            let at = exact.or_else(|| attributes.iter().position(|(name, _)| same(name)))?;
            let Type::Row(n) = found.of else { unreachable!() };
            let (name, value) = attributes[at].clone();
            let way = [found.way, vec![('a', name)]].concat();
            return into(Found { of: ROWS[n][at].1, value, way, ..found }, rest);
        }
        Datum::Int(_) | Datum::Other => return None,
    };
    let value = Datum::Text(member(json.as_ref(), keys));
    let way = [found.way, keys.iter().map(|key| ('k', (*key).to_owned())).collect()].concat();
    Some(Found { column: found.column, of: Type::Text, value, way, is_column: false })
}

/// Finds the targets of several paths, each once.
fn all<'p>(table: &Row, paths: impl Iterator<Item = &'p str>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for found in paths.filter_map(|path| walk(table, path)) {
        if all.iter().all(|other| other.way != found.way) {
            all.push(found);
        }
    }
    all
}

fn is_indexed(found: &Found, table: &Row) -> bool {
    found.is_column && table.leads_an_index(&found.column)
}

/// Returns the first text that is neither NULL nor empty. A single text may be empty.
fn first_text(found: &[Found]) -> Result<Option<String>, String> {
    let texts = found.iter().map(|found| match (&found.value, found.of) {
        (_, Type::Row(3) | Type::Other) => Err(found.column.clone()),
        (Datum::Json(json), _) => Ok(member(json.as_ref(), &[])),
        (row @ Datum::Row(_), _) => Ok(Some(row_text(row))),
        (value, _) => Ok(value.clone().into_text()),
    });
    let texts: Vec<Option<String>> = texts.collect::<Result<_, _>>()?;
    match &texts[..] {
        [single] => Ok(single.clone()),
        several => Ok(several.iter().flatten().find(|text| !text.is_empty()).cloned()),
    }
}
