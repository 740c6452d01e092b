//! The list of the files that were loaded into an events table: a table beside it, which belongs to the user.

use super::beside::{Object, beside, drop_with, usual_name};
use crate::detect::Source;
use crate::pg::errors::{FilesError, TravelError};
use crate::pg::identifier::{qualified, quoted};
use crate::pg::role::Role;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;

/// The name of the list is that of the events table with this suffix.
const SUFFIX: &str = "files";

/// The number of locks that the files of a list share.
const FILE_LOCKS: u16 = 64;

/// The columns that are read and written.
const COLUMNS: [&str; 10] = [
    "path",
    "size",
    "modified_at",
    "digest",
    "loaded_at",
    "records",
    "inserted",
    "duplicates",
    "skipped",
    "error",
];

/// The list of an events table.
pub struct FileList {
    pub oid: pg_sys::Oid,
    /// The name, schema-qualified and quoted.
    pub name: String,
}

impl FileList {
    /// Finds the list of a table. It depends on the table, so it is found after either is renamed. A dump does not
    /// contain the dependency; then it is found by its name.
    pub fn find(table: pg_sys::Oid) -> Result<Option<Self>, TravelError> {
        // The table may have been dropped since it was named. Now it is locked.
        Source::look_at(table)?;
        let found = match Self::select(
            "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid::bigint AS list
             FROM pg_catalog.pg_depend AS d
             JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relkind = 'r' AND NOT c.relispartition
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'digest'
             WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND d.refobjsubid = 0
               AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0 AND d.deptype = 'a'
             LIMIT 1",
            &[Argument::oid(table)],
        )? {
            Some(list) => Some(list),
            None => Self::select(
                "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid::bigint AS list
                 FROM pg_catalog.pg_class AS t
                 JOIN pg_catalog.pg_class AS c ON c.relnamespace = t.relnamespace AND c.relname = $2::name
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE t.oid = $1 AND c.relkind = 'r' AND NOT EXISTS (
                     -- The list of another table, which had the name before.
                     SELECT FROM pg_catalog.pg_depend AS d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0
                       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'a')",
                &[Argument::oid(table), Argument::text(&usual_name(table, SUFFIX))],
            )?,
        };
        if let Some(list) = &found {
            let source = Source::look_at(list.oid)?;
            if let Some(missing) = COLUMNS.into_iter().find(|column| source.column(column).is_none()) {
                return Err(FilesError::NotAList { name: source.name, column: missing }.into());
            }
            list.must_be_trusted(table)?;
        }
        Ok(found)
    }

    /// Checks that no triggers and defaults of another role run with the rights of the caller, who names the table but
    /// not its list. Every role that may create tables in the schema can create one with the name of a list.
    fn must_be_trusted(&self, table: pg_sys::Oid) -> Result<(), TravelError> {
        let (Some(owner), Some(of_table)) = (Role::owner_of(self.oid), Role::owner_of(table)) else {
            return Ok(());
        };
        if owner == of_table || owner == Role::current() || owner.is_superuser() {
            return Ok(());
        }
        Err(FilesError::ListOfAnother {
            list: self.name.clone(),
            owner: quoted(&owner.name()),
            of_table: quoted(&of_table.name()),
        }
        .into())
    }

    fn select(query: &'static str, arguments: &[Argument]) -> Result<Option<Self>, TravelError> {
        // Names and operators without a schema are those of PostgreSQL.
        spi::in_pg_catalog(|| {
            let rows = spi::select_prepared(query, arguments);
            spi::columns!(rows => schema, name, list);
            let Some(row) = rows.first() else { return Ok(None) };
            let (Some(schema), Some(name)) = (row.text(schema)?, row.text(name)?) else { return Ok(None) };
            let oid = pg_sys::Oid::from_u32(row.i64(list).unwrap_or_default() as u32);
            Ok(Some(Self { oid, name: qualified(schema, name) }))
        })
    }

    /// Creates the list of a table. Dropping the table drops the list.
    pub fn create(table: pg_sys::Oid) -> Result<Self, TravelError> {
        let name = beside(table, SUFFIX);
        let oid = spi::with_pg_catalog_first(|| {
            let statements = [
                format!(
                    "CREATE TABLE {name} (
    path        text        PRIMARY KEY,
    size        bigint,
    modified_at timestamptz,
    digest      text,
    loaded_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    records     bigint      NOT NULL DEFAULT 0,
    inserted    bigint      NOT NULL DEFAULT 0,
    duplicates  bigint      NOT NULL DEFAULT 0,
    skipped     bigint      NOT NULL DEFAULT 0,
    error       text
)"
                ),
                format!(
                    "COMMENT ON TABLE {name} IS 'Files that travel.load_files has loaded, and does not load again'"
                ),
                format!(
                    "COMMENT ON COLUMN {name}.digest IS 'MD5 digest of the file, as S3 has it in most ETags'"
                ),
                format!(
                    "COMMENT ON COLUMN {name}.error IS 'why the file was not loaded; the next call tries it again'"
                ),
            ];
            for statement in &statements {
                spi::execute(statement, &[]);
            }
            Source::find(&name)
        });
        let oid = oid.ok_or_else(|| FilesError::NotAList { name: name.clone(), column: "path" })?;
        drop_with(oid, Object::Table(table));
        Ok(Self { oid, name })
    }

    /// Locks the list, until the transaction ends, against other transactions that load several files. Other sessions
    /// can still read and write it.
    pub fn lock(&self) {
        let mode = pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE;
        // SAFETY: a plain call; it also takes note of what other sessions have changed.
        unsafe { pg_sys::LockRelationOid(self.oid, mode) };
    }

    /// Locks a file of the list until the transaction ends, so no other session loads it meanwhile. Several files share
    /// a lock, because a transaction may load more files than PostgreSQL has room for locks.
    pub fn lock_file(&self, path: &str) {
        let bucket =
            path.bytes().fold(0_u16, |hash, byte| hash.wrapping_mul(31).wrapping_add(u16::from(byte)));
        // SAFETY: a plain call. PostgreSQL itself locks no parts of a table in this way.
        unsafe {
            pg_sys::LockDatabaseObject(
                pg_sys::RelationRelationId,
                self.oid,
                1 + bucket % FILE_LOCKS,
                pg_sys::ExclusiveLock as pg_sys::LOCKMODE,
            );
        }
    }
}
