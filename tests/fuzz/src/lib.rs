//! Fuzz targets: functions that take any bytes, feed them to a reader of the project, and panic if the reader does not do
//! what it promises: what is printed must be read back, what is accepted must work everywhere, and an independent, slower
//! implementation must give the same answer.
//!
//! Two things call the targets. The tests of this crate run the committed corpus, and inputs that are changed at random,
//! with the stable compiler (`scripts/test.sh fuzz`). The crate in `fuzz/` calls them from libFuzzer, which is guided by
//! the code that an input reaches, and needs the nightly compiler (`make fuzz`).
//!
//! | module | what it checks |
//! |---|---|
//! | [`geoip`] | GeoIP files: any bytes, look-ups in valid and in damaged files |
//! | [`cloudtrail`] | documents, records, structures written as text |
//! | [`jsonb`] | the bytes of jsonb, read back |
//! | [`texts`] | source addresses, times, numbers |
//! | [`written`] | templates, messages, and values in Markdown and in shell commands |
//! | [`suppression`] | patterns of suppressions |
//! | [`journey`] | journeys and states of aggregates |
//! | [`layout`] | layouts of tables, and the SQL that reads them |
//! | [`checkpoint`] | stored checkpoints of rules |
//! | [`networks`] | named networks, and the ranges of AWS |
//! | [`content`] | the content of files, compressed or not |
//! | [`exchanged`] | what the functions and processes of one query pass to each other |
//! | [`sql`] | the SQL of layouts, read and evaluated |
//! | [`input`] | values from the bytes of an input |
//! | [`memory`] | the heap as the memory of the core |
//! | [`mutate`] | changed inputs |

#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod cloudtrail;
pub mod content;
pub mod exchanged;
pub mod geoip;
pub mod input;
pub mod journey;
pub mod jsonb;
pub mod layout;
pub mod memory;
pub mod mutate;
pub mod networks;
pub mod sql;
pub mod suppression;
pub mod texts;
pub mod written;
