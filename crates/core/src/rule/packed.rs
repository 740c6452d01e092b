//! The stored form of checkpoints: few bytes, of a version that is checked, and read without trust.
//!
//! ```text
//! version │ content │ size of the body │ body, compressed by LZ4
//! 1 byte  │ 1 byte  │ 4 bytes          │
//! ```
//! The body is a value in the format of the crate `postcard`. The content says of which type: the state of an entity or
//! of a baseline user, or the earlier states of either, which share most of their texts and therefore compress well.
//! JSON with the names of all fields takes about ten times as many bytes.
//!
//! Reading never panics and never allocates more than LZ4 can have compressed into the bytes that are there.

use super::baseline::BaselineState;
use super::evaluate::EntityState;
use super::settings::Micros;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The version that this library writes. A change to the fields or variants of a stored type, to their order or to
/// their meaning, needs another number.
const VERSION: u8 = 1;

/// The version, the content, and the size of the body.
const HEAD: usize = 6;

/// Most states take fewer bytes in the format of the body.
const BODY: usize = 512;

/// LZ4 compresses at most 255 bytes into one.
const MOST_COMPRESSED: usize = 255;

/// A state that checkpoints store: of an entity, or of a baseline user.
pub trait MemberState: Serialize + DeserializeOwned {
    /// What says in the stored form that it contains a state of this type, and earlier states of this type.
    const STATE: u8;
    const EARLIER: u8;

    /// The time of the event as of which the state stands.
    fn evaluated_until(&self) -> Micros;
}

impl MemberState for EntityState {
    const STATE: u8 = b'e';
    const EARLIER: u8 = b'E';

    fn evaluated_until(&self) -> Micros {
        self.evaluated_until
    }
}

impl MemberState for BaselineState {
    const STATE: u8 = b'b';
    const EARLIER: u8 = b'B';

    fn evaluated_until(&self) -> Micros {
        self.evaluated_until
    }
}

/// Why bytes could not be read, or a value could not be stored. It completes a sentence that begins with "The stored
/// value is invalid:".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackError(String);

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PackError {}

impl PackError {
    pub fn of(error: &impl std::error::Error) -> Self {
        Self(error.to_string())
    }

    /// A state is not of the time at which it is stored.
    pub fn time() -> Self {
        Self("a state is not of the time at which it is stored".to_owned())
    }

    /// States are not in order of time.
    pub fn order() -> Self {
        Self("its states are not in order of time".to_owned())
    }
}

/// An earlier state of a member, and when it was valid.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierState {
    /// The time of the event as of which the state stands. [`Micros::MIN`] before the first event.
    pub evaluated_until: Micros,
    /// The time of the next event.
    pub valid_until: Micros,
    /// The edition of place data by which the events were located.
    pub edition: Option<i64>,
    /// The state in the format of the body. `None` before the first event.
    body: Option<Vec<u8>>,
}

impl EarlierState {
    /// The state of a member before its first event.
    pub fn before(first_event: Micros, edition: Option<i64>) -> Self {
        Self { evaluated_until: Micros::MIN, valid_until: first_event, edition, body: None }
    }

    pub fn new<S: MemberState>(
        state: &S,
        valid_until: Micros,
        edition: Option<i64>,
    ) -> Result<Self, PackError> {
        let mut body = body_of(state)?;
        // Many of them are kept in memory.
        body.shrink_to_fit();
        Ok(Self { evaluated_until: state.evaluated_until(), valid_until, edition, body: Some(body) })
    }

    /// How many bytes the state takes in memory.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.body.as_ref().map_or(0, Vec::len)
    }

    /// The state itself. `None` before the first event.
    pub fn state<S: MemberState>(&self) -> Result<Option<S>, PackError> {
        let Some(body) = &self.body else { return Ok(None) };
        let state: S = value_of(body)?;
        if state.evaluated_until() != self.evaluated_until {
            return Err(PackError::time());
        }
        Ok(Some(state))
    }
}

/// When an earlier state was valid, and its edition of place data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub evaluated_until: Micros,
    pub valid_until: Micros,
    pub edition: Option<i64>,
}

/// Packs the newest state of a member.
pub fn pack<S: MemberState>(state: &S) -> Result<Vec<u8>, PackError> {
    packed(S::STATE, &body_of(state)?)
}

/// Reads what [`pack`] wrote.
pub fn unpack<S: MemberState>(bytes: &[u8]) -> Result<S, PackError> {
    value_of(&body(bytes, S::STATE)?)
}

/// Whether bytes say that they contain a state of this type.
pub fn is_state_of<S: MemberState>(bytes: &[u8]) -> bool {
    bytes.get(1) == Some(&S::STATE)
}

/// Packs earlier states of a member.
pub fn pack_earlier<S: MemberState>(states: &[EarlierState]) -> Result<Vec<u8>, PackError> {
    let (mut until, mut edition) = (0, None);
    let stored = states.iter().map(|state| {
        let stored = Stored {
            gap: state.evaluated_until.wrapping_sub(until),
            length: state.valid_until.wrapping_sub(state.evaluated_until),
            edition: (state.edition != edition).then_some(state.edition),
            body: state.body.as_deref().map(Bytes),
        };
        (until, edition) = (state.valid_until, state.edition);
        stored
    });
    packed(S::EARLIER, &body_of(&stored.collect::<Vec<_>>())?)
}

/// Reads what [`pack_earlier`] wrote. The states themselves are read by [`EarlierState::state`].
pub fn unpack_earlier<S: MemberState>(bytes: &[u8]) -> Result<Vec<EarlierState>, PackError> {
    let mut states = Vec::new();
    each_earlier::<S>(bytes, |Validity { evaluated_until, valid_until, edition }, body| {
        states.push(EarlierState { evaluated_until, valid_until, edition, body: body.map(<[u8]>::to_vec) });
    })?;
    Ok(states)
}

/// Reads when the states were valid that [`pack_earlier`] wrote.
pub fn validities<S: MemberState>(bytes: &[u8]) -> Result<Vec<Validity>, PackError> {
    let mut validities = Vec::new();
    each_earlier::<S>(bytes, |validity, _| validities.push(validity))?;
    Ok(validities)
}

fn each_earlier<S: MemberState>(
    bytes: &[u8],
    mut each: impl FnMut(Validity, Option<&[u8]>),
) -> Result<(), PackError> {
    let body = body(bytes, S::EARLIER)?;
    let stored: Vec<Stored> = value_of(&body)?;
    let (mut until, mut known) = (0_i64, None);
    for (at, Stored { gap, length, edition, body }) in stored.into_iter().enumerate() {
        let evaluated_until = until.wrapping_add(gap);
        let valid_until = evaluated_until.wrapping_add(length);
        if valid_until <= evaluated_until || (at > 0 && evaluated_until < until) {
            return Err(PackError::order());
        }
        known = edition.unwrap_or(known);
        until = valid_until;
        each(Validity { evaluated_until, valid_until, edition: known }, body.map(|Bytes(body)| body));
    }
    Ok(())
}

/// The stored form of an [`EarlierState`]. Its times follow from those of the state before it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    /// From the end of the state before to the beginning of this one.
    gap: i64,
    length: i64,
    /// `None`: the edition of the state before.
    edition: Option<Option<i64>>,
    #[serde(borrow)]
    body: Option<Bytes<'a>>,
}

/// Bytes that are stored as such and not as a list of numbers.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de [u8];

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrowed).map(Bytes).map_err(D::Error::custom)
    }
}

fn body_of<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    postcard::to_extend(value, Vec::with_capacity(BODY)).map_err(|error| PackError::of(&error))
}

fn value_of<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, PackError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(PackError("it has more bytes than its content needs".to_owned())),
        Err(error) => Err(PackError::of(&error)),
    }
}

fn packed(content: u8, body: &[u8]) -> Result<Vec<u8>, PackError> {
    let size = u32::try_from(body.len()).map_err(|_| PackError("it is larger than 4 GB".to_owned()))?;
    let mut bytes = vec![0; HEAD + lz4_flex::block::get_maximum_output_size(body.len())];
    bytes[..2].copy_from_slice(&[VERSION, content]);
    bytes[2..HEAD].copy_from_slice(&size.to_be_bytes());
    let compressed =
        lz4_flex::block::compress_into(body, &mut bytes[HEAD..]).map_err(|error| PackError::of(&error))?;
    bytes.truncate(HEAD + compressed);
    Ok(bytes)
}

/// The body of bytes with this content.
fn body(bytes: &[u8], content: u8) -> Result<Vec<u8>, PackError> {
    let refuse = |why: &str| Err(PackError(why.to_owned()));
    let (&[version, found, a, b, c, d], compressed) = match bytes.split_first_chunk::<HEAD>() {
        Some(parts) => parts,
        None => return refuse("it is too short"),
    };
    if version != VERSION {
        return Err(PackError(format!(
            "it has format version {version}, and this version of the extension reads version {VERSION}"
        )));
    }
    if found != content {
        return refuse("it is not a checkpoint of this kind");
    }
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    if size > compressed.len().saturating_mul(MOST_COMPRESSED) {
        return refuse("its size is larger than its content can be");
    }
    match lz4_flex::block::decompress(compressed, size) {
        Ok(body) if body.len() == size => Ok(body),
        Ok(_) => refuse("its size is wrong"),
        Err(error) => Err(PackError::of(&error)),
    }
}
