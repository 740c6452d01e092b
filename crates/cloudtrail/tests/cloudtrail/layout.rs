//! Layouts of tables that other tools made.

use travel_cloudtrail::layout::{AsText, JsonType, Layout, Members, Table, Unconvertible, Value, path};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Text,
    Jsonb,
    Domain,
    Identity,
    Enum,
}

struct Columns(Vec<(&'static str, Type)>);

impl Table for Columns {
    type Type = Type;

    const TEXT: Type = Type::Text;

    fn columns(&self) -> impl Iterator<Item = (&str, Type)> {
        self.0.iter().copied()
    }

    fn is_foreign(&self) -> bool {
        false
    }

    fn leads_an_index(&self, column: &str) -> bool {
        column == "indexed"
    }

    fn quoted(name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    fn members(of: Type) -> Members<Type> {
        match of {
            Type::Text => Members::Text,
            Type::Jsonb => Members::Json(JsonType::Itself),
            Type::Domain => Members::Json(JsonType::DomainOver("jsonb")),
            Type::Identity => Members::Attributes(vec![("userName".into(), Type::Text)]),
            Type::Enum => Members::None,
        }
    }

    fn as_text(of: Type) -> AsText {
        match of {
            Type::Text => AsText::Unchanged,
            Type::Jsonb => AsText::Json(JsonType::Itself),
            Type::Domain => AsText::Json(JsonType::DomainOver("jsonb")),
            Type::Identity => AsText::ToJsonb,
            Type::Enum => AsText::Refused,
        }
    }

    fn is_textual(of: Type) -> bool {
        of == Type::Text
    }
}

fn sql(path: &str, columns: &[(&'static str, Type)]) -> Option<String> {
    path::find(path, &Columns(columns.to_vec())).map(|target| target.sql)
}

fn value(value: Value, columns: &[(&'static str, Type)]) -> Option<String> {
    value.resolve(&Columns(columns.to_vec())).unwrap()
}

fn texts(texts: &[&str]) -> Value {
    Value::of_texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn a_path_is_a_column_or_a_member_of_one() {
    for (path, columns, expected) in [
        ("a.b", &[("a_b", Type::Text), ("a.b", Type::Text)][..], Some("\"a.b\"")),
        ("a.b", &[("A_B", Type::Text), ("a", Type::Jsonb)], Some("\"A_B\"")),
        ("a.b", &[("a", Type::Jsonb)], Some("\"a\" ->> 'b'::text")),
        ("a.b.c", &[("a", Type::Jsonb), ("a.b", Type::Jsonb)], Some("\"a.b\" ->> 'c'::text")),
        ("a.b.c", &[("a", Type::Domain)], Some("(\"a\")::pg_catalog.jsonb #>> '{b,c}'::text[]")),
        ("a.b", &[("a", Type::Text)], Some("travel.struct_text(\"a\") ->> 'b'::text")),
        ("a.username", &[("a", Type::Identity)], Some("(\"a\").\"userName\"")),
        ("a.b", &[("a", Type::Enum)], None),
        ("a.b", &[("b", Type::Jsonb)], None),
    ] {
        assert_eq!(sql(path, columns).as_deref(), expected, "{path}");
    }
}

#[test]
fn any_key_is_a_text() {
    let columns = [("a", Type::Jsonb)];
    assert_eq!(sql("a.it's", &columns).as_deref(), Some("\"a\" ->> 'it''s'::text"));
    assert_eq!(sql("a.b\\c", &columns).as_deref(), Some("\"a\" ->> E'b\\\\c'::text"));
    // In an array literal, these would be NULL or a syntax error.
    assert_eq!(sql("a.Null.b", &columns).as_deref(), Some("\"a\" #>> ARRAY['Null', 'b']::text[]"));
    assert_eq!(sql("a..b", &columns).as_deref(), Some("\"a\" #>> ARRAY['', 'b']::text[]"));
}

#[test]
fn the_first_text_is_neither_null_nor_empty() {
    let columns = [("a", Type::Text), ("b", Type::Text), ("j", Type::Jsonb), ("indexed", Type::Text)];
    let of = |paths: &[&str]| value(texts(paths), &columns);
    assert_eq!(of(&["x", "b"]).as_deref(), Some("b"));
    assert_eq!(of(&["a", "A", "a"]).as_deref(), Some("a"));
    assert_eq!(of(&["a", "j", "b"]).as_deref(), Some("(coalesce(nullif(\"a\", ''), nullif(\"b\", '')))"));
    assert_eq!(of(&["indexed", "b"]).as_deref(), Some("indexed"));
    assert_eq!(of(&["j", "b"]).as_deref(), Some("j"));
    assert_eq!(of(&["x"]), None);
}

#[test]
fn an_expression_needs_one_of_its_paths_and_all_that_are_required() {
    let columns = [("a", Type::Text), ("j", Type::Jsonb)];
    let of = |template: &str| value(Value::of_text(template), &columns);
    assert_eq!(of("(f({a}, {x}))").as_deref(), Some("(f(\"a\", NULL::text))"));
    assert_eq!(of("(f({x|j}))").as_deref(), Some("(f((\"j\" #>> '{}'::text[])))"));
    assert_eq!(of("(f({a}, {x!}))"), None);
    assert_eq!(of("(f({x}))"), None);
    assert_eq!(value(texts(&["(f({x!}))", "(g({a}))"]), &columns).as_deref(), Some("(g(\"a\"))"));
}

#[test]
fn a_type_of_a_user_is_not_converted() {
    let refused = Value::of_text("(f({a}))").resolve(&Columns(vec![("a", Type::Enum)]));
    assert_eq!(refused, Err(Unconvertible { column: "a".into(), of: Type::Enum }));
}

#[test]
fn a_layout_fits_by_its_paths() {
    let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let layout = Layout {
        name: "athena".into(),
        rank: 1,
        tool: "Athena".into(),
        recognized_by: list(&["useridentity.type", "eventtime|event_time"]),
        absent: list(&["_id"]),
        columns: vec![("arn".into(), Value::of_text("useridentity.arn"))],
    };
    let mut columns = vec![("useridentity", Type::Jsonb), ("Event_Time", Type::Text)];
    assert!(layout.fits(&Columns(columns.clone())));
    assert_eq!(
        layout.resolve(&Columns(columns.clone())),
        Ok(vec![("arn".into(), "(\"useridentity\" ->> 'arn'::text)".into())])
    );
    columns.push(("_id", Type::Text));
    assert!(!layout.fits(&Columns(columns)));
    assert!(!layout.fits(&Columns(vec![("Event_Time", Type::Text)])));
    assert_eq!(layout.in_words(), "athena: useridentity.type, eventtime or event_time");
}
