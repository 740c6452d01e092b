//! `travel.load_files`: loads files of the server into an events table.
//!
//! The procedure is in `sql/71_load_files.sql`. It finds the files, compares them with the list of files that were
//! loaded before, and loads each one in its own transaction, either one after the other or, in worker processes,
//! several at a time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`begin`] | checks the arguments, and finds the files |
//! | [`step`] | loads the next file, or hands it to a worker |
//! | [`file`] | loads one file: its records are split, parsed and inserted in batches |
//! | [`entry`] | the entry of a file in the list |
//! | [`progress`] | the notices about the progress of a call |
//! | [`workers`] | the worker processes of a call |

mod begin;
mod entry;
mod file;
mod progress;
mod step;
mod workers;
