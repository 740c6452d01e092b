//! Each dependency has its reason in the `Cargo.toml` that declares it: a comment directly above it.
//!
//! Crates of this project need none. A dependency that is inherited from the workspace may leave the reason to the list
//! in the project's `Cargo.toml`.

use crate::project;
use std::fs;
use std::path::PathBuf;

/// The `Cargo.toml` of each crate.
fn manifests() -> Vec<PathBuf> {
    let mut manifests = vec![project().join("Cargo.toml"), project().join("fuzz/Cargo.toml")];
    for folder in ["bench", "crates", "tests"] {
        for entry in fs::read_dir(project().join(folder)).unwrap() {
            let manifest = entry.unwrap().path().join("Cargo.toml");
            manifests.extend(manifest.exists().then_some(manifest));
        }
    }
    manifests
}

/// The dependencies of a manifest that need a reason and have none.
fn without_reason(manifest: &str) -> Vec<&str> {
    let (mut is_dependency, mut above, mut missing) = (false, "", Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]");
        } else if is_dependency && line.starts_with(|c: char| c.is_alphanumeric()) {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            let is_inherited = name.trim_end().ends_with(".workspace") || value.contains("workspace = true");
            let needs_none = name.starts_with("travel-") || is_inherited;
            if !needs_none && !above.starts_with("# ") {
                missing.push(name.trim_end());
            }
        }
        above = line;
    }
    missing
}

#[test]
fn every_dependency_has_its_reason_in_the_line_above() {
    let manifests = manifests();
    assert!(manifests.len() > 5, "{manifests:?}");
    for path in manifests {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(without_reason(&text), Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn a_dependency_without_a_comment_is_found() {
    let manifest = "[package]\nname = \"x\"\n\n[dependencies]\ntravel-core.workspace = true\n# Reads.\na = \"1\"\nb = \"1\"\n\
        c.workspace = true\n\n[dev-dependencies]\nd = { version = \"1\" }\n[target.'cfg(unix)'.build-dependencies]\n\ne = \"1\"\n";
    assert_eq!(without_reason(manifest), ["b", "d", "e"]);
}
