//! What this crate promises, by module. One binary: it links once.

mod arbitrary;
mod columns;
mod document;
mod event;
mod identity;
mod real_data;
mod source;
mod split;
mod struct_text;
mod text;
mod time;
