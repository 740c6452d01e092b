//! The detection rule: its sentences one by one, its stories, and random histories against a second implementation.

mod alerts;
mod arbitrary;
mod baseline;
mod editions;
mod events;
mod fixtures;
mod incidents;
mod lineage;
mod model;
mod packed;
mod properties;
mod proven;
mod settled_verdicts;
mod stories;
mod verdicts;
mod world;
