//! Each version is written in several files, and all of them agree: the extension's own, that of pgrx, and those of
//! PostgreSQL. Cargo.toml decides.

use crate::project;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The text of a file of the project.
fn text(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between the quotes in the line `KEY = "VALUE"` or `KEY = 'VALUE'`; the first one if there are several.
fn value(path: &str, key: &str) -> String {
    let text = text(path);
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    let line = line.unwrap_or_else(|| panic!("{path} has no {key}")).trim();
    line.trim_matches(['"', '\'']).to_owned()
}

/// META.json, which describes the extension to PGXN.
fn meta() -> Value {
    serde_json::from_str(&text("META.json")).unwrap()
}

/// The versions of PostgreSQL for which Cargo.toml has a feature, in ascending order.
fn postgresql_versions() -> Vec<u32> {
    let versions: Vec<u32> = text("Cargo.toml")
        .lines()
        .filter_map(|line| line.strip_prefix("pg")?.split_once(" = [")?.0.parse().ok())
        .collect();
    assert!(versions.is_sorted() && versions.len() > 1, "features of Cargo.toml: {versions:?}");
    versions
}

/// The pages that users read, each with its path and its text.
fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(project().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let root =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| project().join(name));
    docs.chain(root)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The numbers of two digits in a text.
fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 2)
        .map(|digits| digits.parse().unwrap())
        .collect()
}

#[test]
fn meta_json_has_the_version_of_cargo_toml() {
    let version = value("Cargo.toml", "version");
    let meta = meta();
    assert_eq!(meta["version"], *version);
    assert_eq!(meta["provides"]["impossible_travel"]["version"], *version);
    assert_eq!(value("impossible_travel.control", "default_version"), "@CARGO_VERSION@");
}

#[test]
fn the_extension_is_described_in_the_same_words_everywhere() {
    let comment = value("impossible_travel.control", "comment");
    let (first, rest) = comment.split_at(1);
    let sentence = first.to_uppercase() + rest;
    let meta = meta();
    assert_eq!(value("Cargo.toml", "description"), format!("{sentence}."));
    assert_eq!(meta["abstract"], *sentence);
    assert_eq!(meta["provides"]["impossible_travel"]["abstract"], *sentence);
}

#[test]
fn meta_json_has_the_license_of_cargo_toml() {
    assert_eq!(value("Cargo.toml", "license"), "PostgreSQL");
    assert_eq!(meta()["license"], "postgresql");
    assert!(text("LICENSE").starts_with("PostgreSQL Licence\n"));
}

#[test]
fn the_files_that_meta_json_names_exist() {
    let meta = meta();
    for (name, extension) in meta["provides"].as_object().unwrap() {
        for key in ["file", "docfile"] {
            let path: PathBuf = project().join(extension[key].as_str().unwrap());
            assert!(path.is_file(), "{key} of {name}: {}", path.display());
        }
    }
}

#[test]
fn meta_json_requires_the_versions_of_postgresql_for_which_cargo_toml_has_a_feature() {
    let versions = postgresql_versions();
    let range = format!(">= {}.0.0, < {}.0.0", versions[0], versions[versions.len() - 1] + 1);
    assert_eq!(meta()["prereqs"]["runtime"]["requires"]["PostgreSQL"], *range);
}

#[test]
fn the_scripts_know_the_versions_of_postgresql_for_which_cargo_toml_has_a_feature() {
    let versions = postgresql_versions();
    assert_eq!(numbers(&value("scripts/postgresql.sh", "VERSIONS")), versions);
    // Both test the first version whole, and then the others.
    for script in [".ci/run", "scripts/test-all.sh"] {
        let script_text = text(script);
        let line = script_text.lines().find(|line| line.trim_start().starts_with("for version in "));
        assert_eq!(numbers(line.unwrap_or_default()), versions[1..], "{script}");
    }
}

#[test]
fn the_workflows_run_on_all_versions_of_postgresql() {
    let versions = postgresql_versions();
    let folder = project().join(".github/workflows");
    let Ok(entries) = fs::read_dir(&folder) else { panic!("{} does not exist", folder.display()) };
    let mut matrices = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some((_, list)) = line.split_once("pg: [") {
                assert_eq!(numbers(list), versions, "{}: {line}", path.display());
                matrices += 1;
            }
        }
    }
    assert_ne!(matrices, 0, "no workflow has a matrix `pg: [...]`");
}

#[test]
fn the_pages_name_the_range_of_versions_of_postgresql_for_which_cargo_toml_has_a_feature() {
    let versions = postgresql_versions();
    let range = format!("{} to {}", versions[0], versions[versions.len() - 1]);
    let mut mentions = 0;
    for (path, text) in pages() {
        // A line may end inside the phrase.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (at, _) in words.match_indices("PostgreSQL ") {
            let phrase = &words[at + "PostgreSQL ".len()..];
            let phrase = phrase.get(..range.len()).unwrap_or_default();
            if phrase.contains(" to ") && numbers(phrase).len() == 2 {
                assert_eq!(phrase, range, "{path}");
                mentions += 1;
            }
        }
    }
    assert!(mentions > 2, "README.md, CHANGELOG.md and docs/install.md say PostgreSQL {range}");
}

#[test]
fn cargo_pgrx_has_the_version_of_pgrx() {
    let version = value("scripts/lib/common.sh", "PGRX_VERSION");
    for key in ["pgrx", "pgrx-tests"] {
        assert_eq!(value("Cargo.toml", key), format!("={version}"), "{key}");
    }
    for (path, text) in pages() {
        for (at, name) in text.match_indices("cargo-pgrx` ") {
            let rest = &text[at + name.len()..];
            assert!(rest.starts_with(&version), "{path} names another version of cargo-pgrx than {version}");
        }
    }
}

#[test]
fn the_page_install_names_files_of_the_version_of_cargo_toml() {
    let version = value("Cargo.toml", "version");
    let page = text("docs/install.md");
    let mut mentions = 0;
    for name in ["impossible_travel-", "impossible_travel--", "impossible_travel_17-", "impossible-travel_"] {
        for (at, _) in page.match_indices(name) {
            let rest = &page[at + name.len()..];
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                assert!(
                    rest.starts_with(&version),
                    "docs/install.md: {name}{}",
                    rest.lines().next().unwrap()
                );
                mentions += 1;
            }
        }
    }
    assert!(mentions > 3, "docs/install.md names files");
}
