//! The extension's interface to PostgreSQL: what pgrx does not bind, or binds in a way that costs too much per row.
//! Nothing here knows what the extension detects, except [`errors`], and nothing here imports another module of `src/`.
//!
//! | To … | see |
//! |---|---|
//! | declare a function that SQL calls, and read its arguments | [`function`] |
//! | return a row, or a set of rows | [`row`], [`srf`] |
//! | implement an aggregate, a window function or a trigger | [`aggregate`], [`window`], [`trigger`] |
//! | raise an error, or send a warning or a notice | [`errors`], [`report`] |
//! | run a query, or read a table without one | [`spi`], [`table`], [`snapshot`] |
//! | run a query that may fail, or with the rights of another role | [`attempt`], [`role`], [`function_access`], [`scan_flag`] |
//! | find what a query reads and calls | [`query_objects`] |
//! | find out whether Citus stores the rows of a table | [`citus`] |
//! | read or make a value of a type | [`mod@array`], [`inet`], [`jsonb`], [`numeric`], [`row_position`], [`time`], [`types`] |
//! | quote and split SQL names | [`identifier`] |
//! | read a setting, or run something with the settings that the SQL of a rule has | [`settings`], [`fixed_settings`] |
//! | allocate memory that PostgreSQL accounts for | [`memory`], [`stash`] |
//! | survive a lack of memory | [`allocator`] |
//! | keep the extension from being dropped | [`extension_lock`] |
//! | share a value, or temporary files, with parallel workers | [`shared`], [`shared_files`] |
//! | plan a query whose groups are split among processes | [`whole_groups`], [`sorted_text`] |

pub mod aggregate;
#[cfg_attr(test, allow(dead_code))]
pub mod allocator;
pub mod array;
pub mod attempt;
pub mod citus;
pub mod errors;
pub mod extension_lock;
pub mod fixed_settings;
pub mod function;
pub mod function_access;
pub mod identifier;
pub mod inet;
pub mod jsonb;
pub mod memory;
pub mod numeric;
pub mod query_objects;
pub mod report;
pub mod role;
pub mod row;
pub mod row_position;
pub mod scan_flag;
pub mod settings;
pub mod shared;
pub mod shared_files;
pub mod snapshot;
pub mod sorted_text;
pub mod spi;
pub mod srf;
pub mod stash;
pub mod table;
pub mod time;
pub mod trigger;
pub mod tuple;
pub mod types;
pub mod whole_groups;
pub mod window;
