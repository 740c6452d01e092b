//! The numbers of jsonb's binary form, as utils/jsonb.h has them. Reading jsonb uses them, too.
//!
//! A container is a header (kind and number of children), an entry of 4 bytes for each child (in an object, those of
//! all keys come before those of the values), then the data of the children. An entry has the kind of the child, and
//! the length of its data or, in every 32nd entry, the offset of its end. Numbers and containers begin at a multiple of
//! 4 bytes; the bytes before them that fill the gap count as their own.

/// The bits of a header with the number of children: in an object, that of its members.
pub const COUNT: u32 = 0x0fff_ffff;
/// The container is an array around a single value that is neither an array nor an object.
pub const IS_SCALAR: u32 = 0x1000_0000;
pub const IS_OBJECT: u32 = 0x2000_0000;
pub const IS_ARRAY: u32 = 0x4000_0000;

/// The bits of an entry with a length or an offset.
pub const LENGTH_OR_END: u32 = 0x0fff_ffff;
/// The entry has an offset.
pub const HAS_END: u32 = 0x8000_0000;
/// The bits of an entry with the kind of the child, which is one of the following.
pub const KIND: u32 = 0x7000_0000;
pub const STRING: u32 = 0x0000_0000;
pub const NUMERIC: u32 = 0x1000_0000;
pub const FALSE: u32 = 0x2000_0000;
pub const TRUE: u32 = 0x3000_0000;
pub const NULL: u32 = 0x4000_0000;
pub const CONTAINER: u32 = 0x5000_0000;

/// Every so many entries, one has an offset.
pub const STRIDE: usize = 32;
