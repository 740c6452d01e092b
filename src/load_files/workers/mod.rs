//! Worker processes that load files side by side for one call of `travel.load_files`.
//!
//! PostgreSQL's parallel workers cannot write, so these are background workers with transactions of their own. Each is a
//! copy of the session that started it: with its roles, its settings and its libraries. The session hands them files,
//! and passes on what they report.
//!
//! | module | what it holds |
//! |---|---|
//! | [`pool`] | the workers of a call |
//! | [`process`] | one worker, as the session sees it |
//! | [`worker`] | what a worker does |
//! | [`segment`] | the memory that a session and a worker share |
//! | [`message`] | the messages between them |

pub mod message;
pub mod pool;
mod process;
mod segment;
mod worker;
