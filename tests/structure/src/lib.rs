//! Tests that read the project's files instead of running its code. They need neither PostgreSQL nor the extension.

#![cfg(test)]

mod dependencies;
mod errors;
mod imports;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the project.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Rust files below a folder of the project, each with its path relative to that folder and its text.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let root = project().join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files
                    .push((path.strip_prefix(&root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{} has no Rust files", root.display());
    files.sort();
    files
}
