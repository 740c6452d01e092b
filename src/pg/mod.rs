//! What pgrx lacks, or does through text and look-ups by name: the plumbing of a face whose SQL is hand-written.

pub mod array;
pub mod attempt;
pub mod errors;
pub mod function;
pub mod guard;
pub mod identifier;
pub mod inet;
pub mod jsonb;
pub mod memory;
pub mod numeric;
pub mod report;
pub mod role;
pub mod row;
pub mod scanning;
pub mod settings;
pub mod snapshot;
pub mod spi;
pub mod srf;
pub mod table;
pub mod time;
pub mod trigger;
pub mod types;
pub mod used;
pub mod window;
