//! The format version of a rule's stored states.

use serde::{Deserialize, Serialize};

/// The version that this library writes. A change to what is stored in an [`EntityState`](super::EntityState) or a
/// [`BaselineState`](super::BaselineState), or to its meaning, needs another number.
const VERSION: u32 = 1;

/// The first field of a stored state. A state of another version is refused, because it would be misread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct StateFormat;

impl From<StateFormat> for u32 {
    fn from(StateFormat: StateFormat) -> Self {
        VERSION
    }
}

impl TryFrom<u32> for StateFormat {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, Self::Error> {
        if version == VERSION {
            Ok(Self)
        } else {
            Err(format!(
                "it has format version {version}, and this version of the library reads version {VERSION}"
            ))
        }
    }
}
