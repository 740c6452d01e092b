//! What impossible travel is, in plain Rust: no PostgreSQL, no files, no allocation on the path of a row.
//!
//! | module | what it holds |
//! |---|---|
//! | [`geodesy`] | coordinates, haversine distance, velocity |
//! | [`address`] | IP addresses as hosts: parsing, public or private |
//! | [`place`] | where an address is, and who runs it |

#![forbid(unsafe_code)]

pub mod address;
pub mod geodesy;
pub mod place;
