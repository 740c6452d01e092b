//! GeoIP files: MMDB layouts, verified copies, a stack of databases. Knows no PostgreSQL.
//!
//! | module | what it holds |
//! |---|---|
//! | [`record`] | what one record of a database says, whoever made it |
//! | [`layout`] | the keys by which the makers' layouts are read |
//! | [`hosting`] | cloud providers by the number of their autonomous system |
//! | [`database`] | one MMDB file: lookups, metadata |
//! | [`stack`] | several databases used together: address to place |
//! | [`status`] | errors, warnings, the state of each configured file |
//! | [`store`] | which databases a statement uses: copies, generations |

pub mod database;
pub mod hosting;
pub mod layout;
pub mod record;
pub mod stack;
pub mod status;
pub mod store;

mod cache;
mod check_log;
mod copy;
mod manifest;
mod names;
mod open;
mod publish;
mod source;

#[cfg(test)]
mod testing;

pub use database::{Database, DatabaseError, Locates};
pub use record::Fields;
pub use stack::{InUse, LookupError, Stack};
pub use status::{CopyError, DatabaseStatus, StoreError, Warning};
pub use store::Store;
