//! Parses the SQL that layouts write, and evaluates it for one row. Any form other than the few that layouts use is a
//! failure, so the target fails if a name or a key becomes code.

use serde_json::Value;
use travel_cloudtrail::struct_text;

/// A value, with its type as far as operators depend on it. `None` is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    Text(Option<String>),
    /// A value of type `json` or `jsonb`.
    Json(Option<Value>),
    Int(Option<i64>),
    /// A composite value: the names of its attributes and their values.
    Row(Vec<(String, Datum)>),
    /// A value of a user-defined type.
    Other,
}

impl Datum {
    /// The text of a value, as `::text` makes it of the types of PostgreSQL.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => text,
            Self::Int(number) => number.map(|number| number.to_string()),
            other => panic!("{other:?} is cast to text"),
        }
    }
}

/// The text of a member, as `#>>` returns it.
pub fn member(json: Option<&Value>, keys: &[&str]) -> Option<String> {
    let found = keys.iter().try_fold(json?, |node, key| node.as_object()?.get(*key))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name in double quotes.
    Name(String),
    /// A key word, or a name without quotes.
    Word(String),
    Literal(String),
    /// Parentheses, brackets, commas, dots, casts and operators.
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["::", "->>", "#>>", "(", ")", "[", "]", ",", ".", "{", "}"];

fn tokens(sql: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        if first == ' ' {
            rest = &rest[1..];
        } else if first == '"' {
            let (name, after) = until_quote(&rest[1..], '"');
            assert!(!name.is_empty(), "a name without characters: {sql}");
            tokens.push(Token::Name(name));
            rest = after;
        } else if first == '\'' {
            let (text, after) = until_quote(&rest[1..], '\'');
            // Without E, the meaning of a backslash depends on a setting.
            assert!(!text.contains('\\'), "{sql}");
            tokens.push(Token::Literal(text));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("E'") {
            let (text, after) = until_quote(after, '\'');
            assert_eq!(text.replace("\\\\", "").matches('\\').count(), 0, "{sql}");
            tokens.push(Token::Literal(text.replace("\\\\", "\\")));
            rest = after;
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
            assert!(end > 0 && !first.is_ascii_digit(), "{first:?} in {sql}");
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    tokens
}

/// Returns a text up to a quote that is not doubled, and the rest after the quote.
fn until_quote(text: &str, quote: char) -> (String, &str) {
    let (mut content, mut characters) = (String::new(), text.char_indices().peekable());
    while let Some((at, character)) = characters.next() {
        if character != quote {
            content.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else {
            return (content, &text[at + 1..]);
        }
    }
    panic!("{text} is not closed")
}

/// Evaluates an expression over the columns of a row.
pub fn evaluate(sql: &str, row: &[(String, Datum)]) -> Datum {
    let mut reader = Reader { tokens: tokens(sql), at: 0, row };
    let value = reader.expression();
    assert_eq!(reader.at, reader.tokens.len(), "{sql}");
    value
}

struct Reader<'r> {
    tokens: Vec<Token>,
    at: usize,
    row: &'r [(String, Datum)],
}

impl Reader<'_> {
    fn next(&mut self) -> Token {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) {
        assert!(self.takes(sign), "{sign} is missing at {} of {:?}", self.at, self.tokens);
    }

    /// Reads an operand, or a member of JSON. Casts bind more tightly than operators, and fields more tightly than
    /// casts.
    fn expression(&mut self) -> Datum {
        let left = self.operand();
        if self.takes("->>") {
            let Datum::Json(json) = left else { panic!("->> of {left:?}") };
            let key = self.operand();
            let Datum::Text(Some(key)) = key else { panic!("->> {key:?}") };
            return Datum::Text(member(json.as_ref(), &[&key]));
        }
        if self.takes("#>>") {
            let Datum::Json(json) = left else { panic!("#>> of {left:?}") };
            let keys = self.texts();
            return Datum::Text(keys.and_then(|keys| {
                member(json.as_ref(), &keys.iter().map(String::as_str).collect::<Vec<_>>())
            }));
        }
        left
    }

    /// Reads an array of texts. Returns `None` if one of them is NULL.
    fn texts(&mut self) -> Option<Vec<String>> {
        let keys = match self.next() {
            Token::Literal(array) => {
                let inside = array.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
                let elements: Vec<&str> =
                    if inside.is_empty() { Vec::new() } else { inside.split(',').collect() };
                let is_plain = |text: &&str| {
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                };
                assert!(elements.iter().all(is_plain), "malformed array literal: {array}");
                let text = |text: &&str| (!text.eq_ignore_ascii_case("null")).then(|| (*text).to_owned());
                elements.iter().map(text).collect()
            }
            Token::Word(array) if array == "ARRAY" => {
                self.expect("[");
                let mut keys = Vec::new();
                loop {
                    let Token::Literal(key) = self.next() else { panic!("{:?}", self.tokens) };
                    keys.push(key);
                    if self.takes("]") {
                        break Some(keys);
                    }
                    self.expect(",");
                }
            }
            other => panic!("{other:?} is not an array"),
        };
        self.expect("::");
        assert_eq!(self.next(), Token::Word("text".to_owned()));
        self.expect("[");
        self.expect("]");
        keys
    }

    fn operand(&mut self) -> Datum {
        let is_grouped = self.takes("(");
        let mut value = if is_grouped {
            let value = self.expression();
            self.expect(")");
            value
        } else {
            self.primary()
        };
        while is_grouped && self.takes(".") {
            let (Token::Name(name) | Token::Word(name)) = self.next() else { panic!("no field") };
            let Datum::Row(attributes) = value else { panic!("{value:?}.{name}") };
            value = attributes.into_iter().find(|(attribute, _)| *attribute == name).unwrap().1;
        }
        while self.takes("::") {
            let Token::Word(name) = self.next() else { panic!("no type") };
            let is_json = name == "pg_catalog" && {
                self.expect(".");
                matches!(self.next(), Token::Word(name) if name == "json" || name == "jsonb")
            };
            value = match (value, is_json) {
                (Datum::Json(json), true) => Datum::Json(json),
                (value, false) if name == "text" => Datum::Text(value.into_text()),
                (value, _) => panic!("{value:?}::{name}"),
            };
        }
        value
    }

    fn primary(&mut self) -> Datum {
        let row = self.row;
        let column = |name: &str| row.iter().find(|(column, _)| column == name).unwrap().1.clone();
        let word = match self.next() {
            Token::Literal(text) => return Datum::Text(Some(text)),
            Token::Name(name) => return column(&name),
            Token::Word(word) if word == "NULL" => return Datum::Text(None),
            Token::Word(word) => word,
            sign => panic!("{sign:?} in {:?}", self.tokens),
        };
        let mut function = word.clone();
        if matches!(word.as_str(), "travel" | "pg_catalog") && self.takes(".") {
            let Token::Word(name) = self.next() else { panic!("no function") };
            function = format!("{word}.{name}");
        }
        if !self.takes("(") {
            return column(&function);
        }
        let mut arguments = vec![self.expression()];
        while self.takes(",") {
            arguments.push(self.expression());
        }
        self.expect(")");
        call(&function, arguments)
    }
}

fn call(function: &str, mut arguments: Vec<Datum>) -> Datum {
    if let ("pg_catalog.to_jsonb", [Datum::Row(_)]) = (function, &arguments[..]) {
        let Some(row) = arguments.pop() else { unreachable!() };
        return Datum::Text(Some(row_text(&row)));
    }
    let texts: Vec<Option<String>> = arguments
        .into_iter()
        .map(|argument| match argument {
            Datum::Text(text) => text,
            other => panic!("{function}({other:?})"),
        })
        .collect();
    match (function, &texts[..]) {
        ("travel.struct_text", [text]) => Datum::Json(text.as_deref().and_then(struct_text)),
        ("nullif", [text, other]) => Datum::Text(text.clone().filter(|_| text != other)),
        ("coalesce", texts) => Datum::Text(texts.iter().flatten().next().cloned()),
        // The templates of the target use this function.
        ("concat", texts) => Datum::Text(Some(texts.iter().flatten().cloned().collect())),
        _ => panic!("{function} of {texts:?}"),
    }
}

/// Returns a stand-in for the text of a composite value as JSON, which both sides only compare.
pub fn row_text(row: &Datum) -> String {
    format!("{row:?}")
}
