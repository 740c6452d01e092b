//! Files and folder trees to load. This crate knows no PostgreSQL.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tree`] | finds the files of a folder tree, and opens them without leaving the tree |
//! | [`content`] | reads a file: decompressed, up to a limit, with a digest |
//!
//! A folder that is loaded is often written by another program, and by another user, than the server. So nothing in it
//! is trusted: a link does not lead out of the tree, and whatever is not a file is not opened.

#![forbid(unsafe_code)]

pub mod content;
pub mod tree;

pub use content::{Content, ContentError};
pub use tree::{Found, LeftOut, Refusal, Stamp, Tree, TreeError, Visitor};
