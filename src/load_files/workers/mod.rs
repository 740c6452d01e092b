//! Worker processes that load files side by side for one call of `travel.load_files`.
//!
//! PostgreSQL's parallel workers cannot write, so these are background workers with transactions of their own. Each
//! takes over the roles, the settings and the libraries of the session that started it. The session hands them files,
//! and sends their errors and notices to the client.
//!
//! | module | what it holds |
//! |---|---|
//! | [`pool`] | the workers of a call |
//! | [`process`] | one worker, from the point of view of the session |
//! | [`worker`] | the main function of a worker |
//! | [`segment`] | the memory that a session and a worker share |
//! | [`message`] | the messages between them |

pub mod message;
pub mod pool;
mod process;
mod segment;
mod worker;
