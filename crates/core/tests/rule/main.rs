//! The detection rule: its sentences one by one, its stories, and random histories against a second implementation.

mod alerts;
mod arbitrary;
mod baseline;
mod editions;
mod events;
mod incidents;
mod model;
mod past;
mod properties;
mod proven;
mod stories;
mod verdicts;
mod world;
