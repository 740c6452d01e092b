//! The store of this backend, and the warnings that it sends to the client about files.

use crate::pg::errors::{GeoipError, TravelError};
use crate::pg::report::Report;
use crate::pg::role::Role;
use crate::pg::settings::with_geoip_path;
use crate::pg::time::{statement_start, to_unix_us};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use travel_geoip::{Store, StoreError, Warning};

thread_local! {
    static STORE: RefCell<Option<Store>> = const { RefCell::new(None) };
}

pub(super) fn with_store<T>(
    ask: impl FnOnce(&mut Store, &str, i64, &mut dyn FnMut()) -> Result<(T, Vec<Warning>), StoreError>,
) -> Result<(T, Vec<Warning>), TravelError> {
    let statement = statement_start();
    let mut interrupt = || {
        pgrx::check_for_interrupts!();
    };
    STORE
        .with_borrow_mut(|store| {
            let store = store.get_or_insert_with(|| Store::new(store_directory()));
            let (answer, mut warnings) =
                with_geoip_path(|path| ask(store, path, to_unix_us(statement), &mut interrupt))?;
            // SAFETY: reads a variable of the backend.
            if unsafe { pg_sys::ParallelWorkerNumber } >= 0 && !store.can_write() {
                // A worker is a new process in every statement, and would warn of the full disk in each. Sessions warn
                // once. Refused files are always told, because perhaps only workers look at them.
                let of_disk: Vec<Warning> = warnings.extract_if(.., |warning| warning.is_of_disk).collect();
                if !of_disk.is_empty() && store.takes_turn_to_log() {
                    for Warning { message, detail, .. } in of_disk {
                        Report::warning(message).detail(detail).log();
                    }
                }
            }
            Ok((answer, warnings))
        })
        .map_err(|error| match error {
            StoreError::ChangedWhileInMemory { .. } | StoreError::ChangedInFuture { .. } => {
                GeoipError::Changed { detail: told(&error.to_string(), error.path()) }.into()
            }
            error => GeoipError::Unusable { detail: told(&error.to_string(), error.path()) }.into(),
        })
}

/// The folder for copies of databases. PostgreSQL empties it at every start, and base backups, pg_rewind and
/// pg_checksums skip it.
fn store_directory() -> PathBuf {
    // SAFETY: a C string that the server sets at its start.
    let data = unsafe { CStr::from_ptr(pg_sys::DataDir) };
    PathBuf::from(data.to_string_lossy().into_owned()).join("base/pgsql_tmp/pgsql_tmp_impossible_travel")
}

/// Sends warnings about files. If the client may not see their paths, the full warning goes to the server log.
pub(super) fn report(warnings: &[Warning]) {
    for Warning { message, detail, path, .. } in warnings {
        if !Role::may_see_paths() {
            Report::warning(message.clone()).detail(detail.clone()).log();
        }
        Report::warning(told(message, path)).detail(detail.clone()).send();
    }
}

/// A text that contains the path of a file. If the client may not see paths, only the name of the file is left.
pub(super) fn told(text: &str, path: &str) -> String {
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy());
    match name {
        Some(name) if !Role::may_see_paths() => text.replace(path, &name),
        _ => text.to_owned(),
    }
}
