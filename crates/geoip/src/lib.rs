//! GeoIP databases: MMDB files of any maker, verified copies of them, and several databases used together. This crate
//! knows no PostgreSQL.
//!
//! An administrator may truncate or replace a database file at any moment, so no process maps the file itself. The
//! [`store`] copies it, verifies the copy, and decides which copies a statement uses: the same ones in all processes. A
//! [`database`] answers for one address with a [`record`], which [`layout`] reads whatever keys the maker of the file
//! chose. The [`stack`] asks several databases and merges their records into a place.
//!
//! | module | what it holds |
//! |---|---|
//! | [`record`] | the fields of one record, whatever product the database is |
//! | [`layout`] | the keys that the makers of databases use |
//! | [`hosting`] | cloud providers by the number of their autonomous system |
//! | [`database`] | one MMDB file: lookups, metadata |
//! | `verify` | the check of a new file |
//! | [`stack`] | several databases used together: from address to place |
//! | [`status`] | errors, warnings, the state of each configured file |
//! | [`store`] | the databases of a statement: copies, generations |
//! | `source` | the files that a setting names, and how a changed file is noticed |
//! | `change_time` | when the files of a setting last changed |
//! | `check_log` | when a process of the server last checked the files |
//! | `directory` | the folder of the store: copies named by their digests |
//! | `manifest` | the generations of a setting: which copies serve from when on |
//! | `publish` | copying and verifying new files, and deleting copies that nothing uses |
//! | `open` | opening copies as a stack |
//! | `cache` | a bounded cache of looked-up addresses |
//! | `shared_names` | names that occur in many records, stored once |

pub mod database;
pub mod hosting;
pub mod layout;
pub mod optional_memory;
pub mod record;
pub mod stack;
pub mod status;
pub mod store;

mod cache;
mod change_time;
mod check_log;
mod directory;
mod manifest;
mod open;
mod publish;
mod shared_names;
mod source;
mod verify;

#[cfg(test)]
mod testing;

pub use database::{Database, DatabaseError, Locates};
pub use record::Fields;
pub use stack::{InUse, LookupError, Stack};
pub use status::{CopyError, DatabaseStatus, StoreError, Warning};
pub use store::Store;
