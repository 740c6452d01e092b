//! The ID of an event. IDs are unique, so they cannot be shared as other texts are. A CloudTrail ID is stored without
//! an allocation, because a scan reads millions of IDs and shows few of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The length in bytes of the longest ID that is stored without an allocation. A CloudTrail ID has 36 bytes.
const SHORT: usize = 38;

/// The ID of an event. It is serialized as a text.
#[derive(Clone)]
pub struct EventId(Content);

#[derive(Clone)]
enum Content {
    /// The first `length` bytes are a text.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Arc<str>),
}

impl Deref for EventId {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Content::Short { length, bytes } => {
                // The bytes come from a `str`, so they are always UTF-8.
                bytes.get(..usize::from(*length)).and_then(|id| str::from_utf8(id).ok()).unwrap_or_default()
            }
            Content::Long(id) => id,
        }
    }
}

impl EventId {
    /// Returns the bytes of the ID. Bytes compare in the same order as texts.
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Content::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Content::Long(id) => id.as_bytes(),
        }
    }
}

impl From<&str> for EventId {
    #[inline]
    fn from(id: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..id.len()) {
            Some(start) => {
                start.copy_from_slice(id.as_bytes());
                Self(Content::Short { length: id.len() as u8, bytes })
            }
            None => Self(Content::Long(id.into())),
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for EventId {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for EventId {}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The text is borrowed if the format allows that, as the format of a stored checkpoint does.
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
        Text::deserialize(deserializer).map(|Text(id)| Self::from(&*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_of_cloudtrail_takes_no_allocation() {
        let id = "b0a3c5f4-7d0e-4d3b-9a51-2f6f2f0a1c44";
        assert!(matches!(EventId::from(id).0, Content::Short { length: 36, .. }));
        assert_eq!(size_of::<Option<EventId>>(), 40);
        for (length, is_short) in [(0, true), (38, true), (39, false), (300, false)] {
            let id = "x".repeat(length);
            assert_eq!(matches!(EventId::from(&*id).0, Content::Short { .. }), is_short, "{length}");
            assert_eq!(&*EventId::from(&*id), id);
        }
    }

    proptest! {
        #[test]
        fn an_id_is_like_its_text(a in "\\PC{0,45}", b in "\\PC{0,45}") {
            let (one, other) = (EventId::from(&*a), EventId::from(&*b));
            prop_assert_eq!(&*one, &*a);
            prop_assert_eq!(format!("{one:?}"), format!("{a:?}"));
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&a).unwrap());
            let stored = postcard::to_extend(&one, Vec::new()).unwrap();
            prop_assert_eq!(&stored, &postcard::to_extend(&a, Vec::new()).unwrap());
            prop_assert_eq!(&postcard::from_bytes::<EventId>(&stored).unwrap(), &one);
            let owned = serde_json::Value::String(a);
            prop_assert_eq!(serde_json::from_value::<EventId>(owned).unwrap(), one);
        }
    }
}
