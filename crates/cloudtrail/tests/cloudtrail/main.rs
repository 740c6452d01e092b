//! What this crate promises, by module. One binary: it links once.

mod arbitrary;
mod aws_ranges;
mod columns;
mod document;
mod event;
mod identity;
mod layout;
mod real_data;
mod source;
mod split;
mod struct_text;
mod text;
mod time;
