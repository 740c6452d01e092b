//! The values of a record, read leniently whatever their type.

use super::{Draft, Key};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The greatest depth at which values are read. No known layout nests so deep. Deeper values are skipped, because
/// damaged data can nest without end, and a stack overflow would end the whole process.
const DEEPEST: u8 = 3;

/// A record, or a map in it whose keys have the same meaning as at the top level.
pub(super) struct Group<'a, 'de> {
    pub draft: &'a mut Draft<'de>,
    pub depth: u8,
}

/// A single value. Containers, empty texts and texts that only mean "unknown" are not values.
pub(super) enum Scalar<'de> {
    Missing,
    Placeholder,
    Text(&'de str),
    Number(f64),
    Bool(bool),
}

/// A city, a subdivision or a country: a text, a map with `names.en` and `iso_code`, or a list of such maps, of which
/// the first is used.
#[derive(Default)]
pub(super) struct Named<'de> {
    pub name: Option<&'de str>,
    pub code: Option<&'de str>,
    pub placeholder: bool,
}

impl<'de> Scalar<'de> {
    fn of(text: &'de str) -> Self {
        match text.trim() {
            "" => Self::Missing,
            "-" => Self::Placeholder,
            text => Self::Text(text),
        }
    }

    pub fn text(&self) -> Option<&'de str> {
        match *self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_placeholder(&self) -> bool {
        matches!(self, Self::Placeholder)
    }

    /// Returns whether there is a value.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Missing | Self::Placeholder)
    }

    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn flag(&self) -> bool {
        match *self {
            Self::Bool(flag) => flag,
            Self::Number(number) => number != 0.0,
            Self::Text(text) => text.eq_ignore_ascii_case("true") || text == "1",
            Self::Missing | Self::Placeholder => false,
        }
    }

    /// The number of an autonomous system. It has 32 bits and is not zero. A text may begin with `AS`.
    pub fn asn(&self) -> Option<i64> {
        let number: u32 = match *self {
            Self::Number(number) if number.fract() == 0.0 && (1.0..=4_294_967_295.0).contains(&number) => {
                number as u32
            }
            Self::Text(text) => {
                let digits = text.get(..2).filter(|start| start.eq_ignore_ascii_case("as"));
                text.get(digits.map_or(0, str::len)..)?.parse().ok()?
            }
            _ => return None,
        };
        (number != 0).then_some(i64::from(number))
    }
}

impl<'de> Group<'_, 'de> {
    pub fn read<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > DEEPEST {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Group<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.read(deserializer)
    }
}

/// The visits that every visitor here answers in the same way: a value that it cannot use is missing, not an error.
macro_rules! missing {
    ($missing:expr; $($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok($missing)
        })*
    };
}

impl<'de> Visitor<'de> for Group<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            self.draft.read(key, &mut map, self.depth)?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<(), S::Error> {
        skip_rest(seq)
    }

    missing!((); visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_u128: u128, visit_f64: f64,
        visit_str: &str, visit_bytes: &[u8]);
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Bool(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_u128<E: Error>(self, value: u128) -> Result<Self::Value, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(value))
            }

            fn visit_f32<E: Error>(self, value: f32) -> Result<Self::Value, E> {
                Ok(Scalar::Number(widen(value)))
            }

            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::of(value))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                skip_entries(map).map(|()| Scalar::Missing)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Self::Value, S::Error> {
                skip_rest(seq).map(|()| Scalar::Missing)
            }

            missing!(Scalar::Missing; visit_str: &str, visit_bytes: &[u8]);
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Named<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Names { depth: 0 }.deserialize(deserializer)
    }
}

/// Reads a [`Named`] value at this depth within it.
struct Names {
    depth: u8,
}

impl Names {
    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Named<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.depth > DEEPEST {
            return IgnoredAny::deserialize(deserializer).map(|_| Named::default());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Named<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name, or a map or a list that has one")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        let value = Scalar::of(value);
        Ok(Named { name: value.text(), code: None, placeholder: value.is_placeholder() })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut named = Named::default();
        while let Some(key) = map.next_key::<NameKey>()? {
            match key {
                NameKey::Names => named.name = map.next_value_seed(self.deeper())?.name,
                // The name itself, within `names`.
                NameKey::English => {
                    let name: Scalar = map.next_value()?;
                    named.placeholder |= name.is_placeholder();
                    named.name = name.text();
                }
                NameKey::Code => {
                    let code: Scalar = map.next_value()?;
                    named.placeholder |= code.is_placeholder();
                    named.code = code.text();
                }
                NameKey::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(named)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let first = seq.next_element_seed(self.deeper())?.unwrap_or_default();
        skip_rest(seq).map(|()| first)
    }

    missing!(Named::default(); visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_u128: u128,
                visit_f64: f64, visit_str: &str, visit_bytes: &[u8]);
}

enum NameKey {
    Names,
    English,
    Code,
    Other,
}

impl NameKey {
    fn of(key: &[u8]) -> Self {
        match key {
            b"names" => Self::Names,
            b"en" => Self::English,
            b"iso_code" => Self::Code,
            _ => Self::Other,
        }
    }
}

/// Keys are matched as bytes, because the decoder returns them as the bytes of the file.
macro_rules! deserialize_key {
    ($type:ty) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Bytes;
                impl Visitor<'_> for Bytes {
                    type Value = $type;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("a key")
                    }

                    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
                        Ok(<$type>::of(key))
                    }

                    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                        Ok(<$type>::of(key.as_bytes()))
                    }
                }
                deserializer.deserialize_identifier(Bytes)
            }
        }
    };
}

deserialize_key!(Key);
deserialize_key!(NameKey);

fn skip_entries<'de, M: MapAccess<'de>>(mut map: M) -> Result<(), M::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_rest<'de, S: SeqAccess<'de>>(mut seq: S) -> Result<(), S::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The double from which a float32 was written, by its shortest decimal: 48.8566 stays 48.8566.
fn widen(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
