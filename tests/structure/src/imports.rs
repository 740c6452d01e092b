//! The folders of `src/` import each other in one direction only. Modules within one folder are not checked: they may
//! import each other by `super::` and `crate::`.

use crate::rust_files;
use std::collections::{BTreeMap, BTreeSet};

/// For each folder or single file directly in `src/`: what else there it names by `crate::`.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in rust_files("src") {
        // Tests may look at everything, and lib.rs declares everything.
        if path.ends_with("tests.rs") || path.as_os_str() == "lib.rs" {
            continue;
        }
        let first = path.components().next().unwrap().as_os_str().to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        let code = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        let named = code.split("crate::").skip(1).map(|rest| {
            assert!(!rest.starts_with('{'), "{}: this test does not read `crate::{{…}}`", path.display());
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        let others = named.filter(|name| *name != own).collect::<BTreeSet<_>>();
        imports.entry(own).or_default().extend(others);
    }
    imports
}

/// A path from `at` back to `start`, if there is one.
fn way_back(
    start: &str,
    at: &str,
    imports: &BTreeMap<String, BTreeSet<String>>,
    seen: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    for next in imports.get(at)? {
        if next == start {
            return Some(vec![at.to_owned(), next.clone()]);
        }
        if seen.insert(next.clone())
            && let Some(rest) = way_back(start, next, imports, seen)
        {
            return Some([vec![at.to_owned()], rest].concat());
        }
    }
    None
}

#[test]
fn no_folder_of_src_imports_itself_through_another() {
    let imports = imports();
    let cycles: Vec<String> = imports
        .keys()
        .filter_map(|start| way_back(start, start, &imports, &mut BTreeSet::new()))
        .map(|cycle| cycle.join(" -> "))
        .collect();
    assert!(cycles.is_empty(), "import cycles in src/:\n{}", cycles.join("\n"));
}

#[test]
fn pg_imports_nothing_else_of_src() {
    assert_eq!(imports()["pg"], BTreeSet::new());
}
