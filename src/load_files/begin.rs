//! How a call begins: its arguments are checked, and the files are found.

use super::entry::LONGEST_PATH;
use super::progress::Progress;
use super::workers::pool;
use crate::detect::Source;
use crate::events_table::{FileList, Target};
use crate::pg::errors::{FilesError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::quoted;
use crate::pg::memory::varlena;
use crate::pg::report::{Report, counted};
use crate::pg::role::Role;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::spi::{self, Argument};
use crate::pg::srf::RowSet;
use crate::pg::time::nearest_from_unix_us;
use pgrx::pg_sys;
use std::path::Path;
use travel_files::{Found, LeftOut, Tree, TreeError, Visitor};

pg_function!(travel_begin_loading, pg_finfo_travel_begin_loading, begin_loading);
pg_function!(travel_find_files, pg_finfo_travel_find_files, find_files);
pg_function!(travel_note_files, pg_finfo_travel_note_files, note_files);
pg_function!(travel_begin_workers, pg_finfo_travel_begin_workers, begin_workers);

/// `(target, path) -> (root, list)`: checks the arguments and the privilege, and finds or creates the list of files. `root`
/// is the path without links.
fn begin_loading(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let path = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "path" })?;
    let tree = open(path)?;
    Target::open(target)?;
    Progress::begin();
    let list = match FileList::find(target)? {
        Some(list) => list,
        None => FileList::create(target)?,
    };
    // SAFETY: asks SPI about the procedure that is running.
    if !unsafe { pg_sys::SPI_inside_nonatomic_context() } {
        // All files are loaded in this transaction. Two such transactions with the same files in different orders would
        // deadlock.
        list.lock();
    }
    forget_if_empty(target, &list)?;
    let mut row = RowWriter::<2>::new();
    row.text(Some(&tree.path));
    row.text(Some(&list.name));
    row.finish(*call.site_cache(|| RowType::of_call(call))?)
}

/// Opens a path for a role that may read files of the server.
pub fn open(path: &str) -> Result<Tree, TravelError> {
    let readers = pg_sys::Oid::from_u32(pg_sys::ROLE_PG_READ_SERVER_FILES);
    let role = Role::current();
    // SAFETY: a catalog look-up.
    if !unsafe { pg_sys::has_privs_of_role(role.oid(), readers) } {
        return Err(FilesError::NotPermitted { role: quoted(&role.name()) }.into());
    }
    if !path.starts_with('/') {
        return Err(FilesError::RelativePath { path: path.to_owned() }.into());
    }
    let path = path.to_owned();
    Tree::open(Path::new(&path)).map_err(|error| {
        let why = error.to_string();
        match error {
            TreeError::Io(error) => FilesError::Unreadable { path, kind: error.kind(), why }.into(),
            TreeError::NotLoadable(_) => FilesError::NotAFile { path, why }.into(),
        }
    })
}

/// Empties the list of a table that has no rows, because the events of the listed files are not in the table any more.
fn forget_if_empty(target: pg_sys::Oid, list: &FileList) -> Result<(), TravelError> {
    let table = Source::look_at(target)?.name;
    let forgotten = spi::connected(|| {
        // A role that cannot see all rows does not know whether there are any.
        let sees_all = spi::select(
            "SELECT pg_catalog.has_table_privilege($1, 'SELECT') AND NOT pg_catalog.row_security_active($1)",
            &[Argument::oid(target)],
        );
        let is_true = |rows: &spi::Rows| rows.first().is_some_and(|row| row.is_true(rows.only_column()));
        let has_list =
            format!("SELECT EXISTS (SELECT FROM {}) AND NOT EXISTS (SELECT FROM {table})", list.name);
        if !is_true(&sees_all) || !is_true(&spi::select(&has_list, &[])) {
            return 0;
        }
        spi::execute(&format!("DELETE FROM {}", list.name), &[])
    });
    if forgotten > 0 {
        Report::notice(format!("{table} is empty, so the list of its loaded files was emptied"))
            .detail(format!("{} deleted from {}.", counted(forgotten, "row was", "rows were"), list.name))
            .send();
    }
    Ok(())
}

/// The rows of [`find_files`], to which a walk adds what it finds.
struct Rows<'t> {
    tree: &'t Tree,
    rows: RowSet,
}

impl Visitor for Rows<'_> {
    fn found(&mut self, file: &str, what: Found) {
        let text = |text: &str| Some(varlena(text.as_bytes()));
        let path = self.tree.path_of(file);
        let (size, time, refused) = match what {
            _ if path.len() > LONGEST_PATH => {
                (None, None, text(&format!("its path is longer than {LONGEST_PATH} bytes")))
            }
            Ok(stamp) => (
                Some(pg_sys::Datum::from(stamp.size)),
                Some(pg_sys::Datum::from(nearest_from_unix_us(stamp.modified_us))),
                None,
            ),
            Err(refusal) => (None, None, text(&refusal.to_string())),
        };
        self.rows.push([text(file), text(&path), size, time, refused]);
    }

    fn tick(&mut self) {
        pgrx::check_for_interrupts!();
    }
}

/// `(root) -> (file, path, size, modified_at, refused)`: the files of a tree, each with its path within the tree and its
/// absolute path. For a file that is refused, `refused` is the reason.
fn find_files(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let root = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "root" })?;
    let tree = open(root)?;
    let mut rows = Rows { tree: &tree, rows: RowSet::begin(call)? };
    let left_out = tree.walk(&mut rows);
    report_left_out(&tree, &left_out);
    Ok(rows.rows.finish(call))
}

fn report_left_out(tree: &Tree, left_out: &LeftOut) {
    if let Some(file) = &left_out.file {
        Report::notice(counted(
            left_out.files,
            "file was left out because of its name",
            "files were left out because of their names",
        ))
        .detail(format!(
            "For example, \"{}\" was left out. From a folder, files are loaded whose names end with {}.",
            tree.path_of(file),
            travel_files::tree::ENDINGS.join(", ")
        ))
        .send();
    }
    if let Some(folder) = &left_out.folder {
        Report::notice(counted(
            left_out.folders,
            "folder of another service was left out",
            "folders of other services were left out",
        ))
        .detail(format!(
            "For example, \"{}\" was left out. In the folder of an account, only the folder CloudTrail contains events.",
            tree.path_of(folder)
        ))
        .send();
    }
}

/// `(files, bytes)`: stores how much a call has to load.
fn note_files(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let number = |n: usize| call.datum(n).map_or(0, |datum| datum.value() as u64);
    let (files, bytes) = (number(0), number(1));
    Progress::with(|progress| (progress.files, progress.bytes) = (files, bytes));
    Ok(call.null())
}

/// `(target, root)`: starts the workers of a call, if it is worth it and possible.
fn begin_workers(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let root = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "root" })?;
    pool::begin(target, root)?;
    Ok(call.null())
}
