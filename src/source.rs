//! The source: a table or view of the user, with its name, columns and indexes.

use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::{c_string, identifiers, qualified, quoted};
pub use crate::pg::types::base_type;
use crate::pg::types::with_type;
use pgrx::{PgTupleDesc, pg_sys};
use std::ffi::CStr;

#[derive(Clone)]
pub struct Source {
    pub oid: pg_sys::Oid,
    /// The type of the rows.
    row_type: pg_sys::Oid,
    /// The name, schema-qualified and quoted.
    pub name: String,
    /// Whether the rows come from another server or another program.
    pub is_foreign: bool,
    /// Whether it is a table or a materialized view, without partitions.
    pub is_plain: bool,
    /// Whether other tables inherit from it.
    has_children: bool,
    /// Whether its rows are stored in PostgreSQL's own way, a heap.
    is_heap: bool,
    /// Whether it has triggers, which includes those of foreign keys.
    pub has_triggers: bool,
    pub columns: Vec<TableColumn>,
    indexes: Vec<SourceIndex>,
}

/// A valid index over all rows of a source.
#[derive(Clone)]
struct SourceIndex {
    /// The first two columns. `None`: there is none, or it is an expression.
    columns: [Option<String>; 2],
    is_btree: bool,
}

#[derive(Clone)]
pub struct TableColumn {
    pub name: String,
    /// The declared type, which may be a domain.
    pub oid: pg_sys::Oid,
    /// Whether the column cannot be written, because it is generated or an identity column.
    pub is_generated: bool,
    /// Whether it is NOT NULL and has a default.
    pub replaces_null: bool,
    /// Whether its collation treats different texts as equal.
    is_loose: bool,
}

impl Source {
    /// Opens a source that the caller may read. The lock is kept until the transaction ends.
    pub fn open(oid: pg_sys::Oid) -> Result<Self, TravelError> {
        let source = Self::look_at(oid)?;
        // SAFETY: plain catalog calls.
        unsafe {
            let user = pg_sys::GetUserId();
            let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
            let readable = may_read_all_columns(oid)
                || pg_sys::pg_attribute_aclcheck_all(oid, user, select, pg_sys::AclMaskHow::ACLMASK_ANY)
                    == pg_sys::AclResult::ACLCHECK_OK;
            if !readable {
                let role =
                    CStr::from_ptr(pg_sys::GetUserNameFromId(user, false)).to_string_lossy().into_owned();
                return Err(SourceError::NotReadable { name: source.name, role: quoted(&role) }.into());
            }
        }
        Ok(source)
    }

    /// Returns whether the caller may read the positions of rows (`ctid`) and a position identifies a row, because no other
    /// table inherits from this one.
    pub fn has_row_positions(&self) -> bool {
        self.is_plain && self.is_heap && !self.has_children && may_read_all_columns(self.oid)
    }

    /// Finds the table or view of this name, written as in SQL.
    pub fn find(name: &str) -> Option<pg_sys::Oid> {
        Self::look_up(name, pg_sys::NoLock)
    }

    /// Finds the table or view and locks it until the transaction ends, so no other can take its name.
    pub fn lock(name: &str) -> Option<pg_sys::Oid> {
        Self::look_up(name, pg_sys::AccessShareLock)
    }

    fn look_up(name: &str, lock: u32) -> Option<pg_sys::Oid> {
        let parts = identifiers(name, b'.')?;
        let (schema, relation) = match &parts[..] {
            [relation] => (None, relation),
            [schema, relation] => (Some(c_string(schema)), relation),
            _ => return None,
        };
        let relation = c_string(relation);
        // SAFETY: a catalog look-up with C strings that outlive it; a missing relation is no error.
        let oid = unsafe {
            let schema = schema.as_ref().map_or(std::ptr::null_mut(), |schema| schema.as_ptr().cast_mut());
            let range = pg_sys::makeRangeVar(schema, relation.as_ptr().cast_mut(), -1);
            pg_sys::RangeVarGetRelidExtended(
                range,
                lock as pg_sys::LOCKMODE,
                pg_sys::RVROption::RVR_MISSING_OK,
                None,
                std::ptr::null_mut(),
            )
        };
        (oid != pg_sys::InvalidOid).then_some(oid)
    }

    /// The name of a table or view, schema-qualified and quoted, if it exists.
    pub fn name_of(oid: pg_sys::Oid) -> Option<String> {
        // SAFETY: catalog look-ups by oid; a name that is there is a C string.
        unsafe {
            let name = pg_sys::get_rel_name(oid);
            (!name.is_null()).then(|| qualified_name(pg_sys::get_rel_namespace(oid), name))
        }
    }

    /// Reads the name and the columns of a table or view, without checking privileges.
    pub fn look_at(oid: pg_sys::Oid) -> Result<Self, TravelError> {
        // SAFETY: plain catalog calls; the relation is closed here, its lock kept.
        unsafe {
            let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            if relation.is_null() {
                return Err(SourceError::NotFound { oid: oid.to_u32() }.into());
            }
            let class = (*relation).rd_rel;
            let name = qualified_name((*class).relnamespace, (*class).relname.data.as_ptr());
            let kind = (*class).relkind as u8;
            let columns = PgTupleDesc::from_pg_copy((*relation).rd_att)
                .iter()
                .filter(|column| !column.attisdropped)
                .map(|column| TableColumn {
                    name: column.name().to_owned(),
                    oid: column.atttypid,
                    is_generated: column.attgenerated != 0 || column.attidentity as u8 == b'a',
                    replaces_null: column.attnotnull && column.atthasdef,
                    is_loose: column.attcollation != pg_sys::InvalidOid
                        && !pg_sys::get_collation_isdeterministic(column.attcollation),
                })
                .collect();
            let (row_type, has_triggers) = ((*class).reltype, (*class).relhastriggers);
            let has_children = (*class).relhassubclass;
            let is_heap = (*class).relam == pg_sys::HEAP_TABLE_AM_OID;
            let indexes = indexes_of(relation);
            pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            if !matches!(kind, b'r' | b'p' | b'v' | b'm' | b'f') {
                return Err(SourceError::NotATable { name }.into());
            }
            Ok(Self {
                oid,
                row_type,
                name,
                is_foreign: kind == b'f',
                is_plain: matches!(kind, b'r' | b'm'),
                has_children,
                is_heap,
                has_triggers,
                columns,
                indexes,
            })
        }
    }

    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns whether a type is the type of the rows.
    pub fn is_its_row(&self, oid: pg_sys::Oid) -> bool {
        oid == self.row_type && oid != pg_sys::InvalidOid
    }

    /// Returns whether an index leads from an entity and a time to a few rows. An index that begins with the entity but
    /// continues with another column leads to all rows of the entity. Columns are given as SQL over the source.
    pub fn is_indexed_by(&self, keys: &[&str], time: &str) -> bool {
        let is =
            |column: &Option<String>, sql: &str| column.as_ref().is_some_and(|name| is_column(sql, name));
        self.indexes.iter().any(|SourceIndex { columns: [first, second], .. }| {
            is(second, time) && keys.iter().any(|key| is(first, key))
        })
    }

    /// Returns whether a column, given as SQL over the source, is the first of an index.
    pub fn begins_an_index_with(&self, sql: &str) -> bool {
        self.indexes.iter().filter_map(|index| index.columns[0].as_ref()).any(|name| is_column(sql, name))
    }

    /// Returns whether an index leads to the rows with the least and the greatest value of a column, given as SQL over
    /// the source.
    pub fn is_sorted_by(&self, sql: &str) -> bool {
        let begins_with_it =
            |[first, _]: &[Option<String>; 2]| first.as_ref().is_some_and(|name| is_column(sql, name));
        self.indexes.iter().any(|index| index.is_btree && begins_with_it(&index.columns))
    }

    /// Returns whether a column, given as SQL over the source, is one of the first two columns of an index.
    pub fn leads_an_index(&self, sql: &str) -> bool {
        self.indexes.iter().flat_map(|index| &index.columns).flatten().any(|name| is_column(sql, name))
    }

    /// Returns whether a column is the first of an index.
    pub fn begins_an_index(&self, name: &str) -> bool {
        self.indexes.iter().any(|index| index.columns[0].as_deref() == Some(name))
    }

    /// Returns whether SQL over the source is one of its columns, unchanged.
    pub fn is_own_column(&self, sql: &str) -> bool {
        self.own_column(sql).is_some()
    }

    /// The column of the source that SQL over it is, unchanged.
    pub fn own_column(&self, sql: &str) -> Option<&str> {
        self.columns.iter().map(|column| column.name.as_str()).find(|name| is_column(sql, name))
    }

    /// Returns whether a column, given as SQL over the source, has a collation that treats different texts as equal.
    pub fn is_loose(&self, sql: &str) -> bool {
        self.columns.iter().any(|column| column.is_loose && is_column(sql, &column.name))
    }

    /// Returns whether SQL over the source is this column of it, unchanged.
    pub fn is_this_column(&self, sql: &str, name: &str) -> bool {
        self.column(name).is_some() && is_column(sql, name)
    }

    /// The name of a column that is given literally or as SQL writes it.
    pub fn own_name(&self, name: &str) -> String {
        let parts = || identifiers(name, b',').filter(|parts| parts.len() == 1)?.pop();
        match self.column(name) {
            Some(column) => column.name.clone(),
            None => parts().unwrap_or_else(|| name.to_owned()),
        }
    }

    /// The names of the columns, for hints.
    pub fn column_names(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }
}

/// Returns whether SQL over the source is this column, possibly relabeled. An index can be used in both cases.
fn is_column(sql: &str, name: &str) -> bool {
    sql.strip_prefix("s.")
        .and_then(|sql| sql.strip_prefix(&*quoted(name)))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns whether the caller may read all columns of a table, those of the system included.
fn may_read_all_columns(table: pg_sys::Oid) -> bool {
    // SAFETY: plain catalog calls.
    unsafe {
        let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
        pg_sys::pg_class_aclcheck(table, pg_sys::GetUserId(), select) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Returns whether a type belongs to PostgreSQL, so operations on its values run no user code.
pub fn is_of_postgresql(oid: pg_sys::Oid) -> bool {
    with_type(oid, |form| form.typnamespace.to_u32() == pg_sys::PG_CATALOG_NAMESPACE) == Some(true)
}

/// The SQL name, without a modifier, of a type that belongs to PostgreSQL. `None` for any other type.
pub fn type_in_sql(oid: pg_sys::Oid) -> Option<String> {
    let name = |form: &pg_sys::FormData_pg_type| {
        // SAFETY: a name ends within its bytes.
        unsafe { CStr::from_ptr(form.typname.data.as_ptr()) }.to_string_lossy().into_owned()
    };
    with_type(oid, name).filter(|_| is_of_postgresql(oid)).map(|name| quoted(&name))
}

/// Returns whether a type is in the string category of pg_type.
pub fn is_textual(oid: pg_sys::Oid) -> bool {
    category(oid) == pg_sys::TYPCATEGORY_STRING
}

/// The category of a type in pg_type.
pub fn category(oid: pg_sys::Oid) -> u8 {
    // SAFETY: a catalog look-up by oid.
    unsafe {
        let (mut category, mut preferred) = (0, false);
        pg_sys::get_type_category_preferred(oid, &mut category, &mut preferred);
        category as u8
    }
}

/// The name of a type for messages.
pub fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: gives a C string in the current memory context, for any oid.
    unsafe { CStr::from_ptr(pg_sys::format_type_be(oid)) }.to_string_lossy().into_owned()
}

/// # Safety
/// `relation` must be open.
unsafe fn indexes_of(relation: pg_sys::Relation) -> Vec<SourceIndex> {
    let mut indexes = Vec::new();
    // SAFETY: by the caller; a cached pg_index row is released after it was read, and its column number is looked up
    // in the relation's own descriptor.
    unsafe {
        let list = pg_sys::RelationGetIndexList(relation);
        let length = if list.is_null() { 0 } else { (*list).length };
        let columns = PgTupleDesc::from_pg_copy((*relation).rd_att);
        for i in 0..length as usize {
            let oid = (*(*list).elements.add(i)).oid_value;
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::INDEXRELID as i32,
                pg_sys::Datum::from(oid),
            );
            if tuple.is_null() {
                continue;
            }
            let index = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_index>();
            let attributes = (*index).indkey.values.as_ptr();
            let count = (*index).indnkeyatts as usize;
            let column = |i: usize| {
                let number = if i < count { *attributes.add(i) } else { 0 };
                let column = usize::try_from(number).ok()?.checked_sub(1)?;
                columns.get(column).map(|column| column.name().to_owned())
            };
            // A partial index covers only some rows.
            let mut is_whole = true;
            pg_sys::SysCacheGetAttr(
                pg_sys::SysCacheIdentifier::INDEXRELID as i32,
                tuple,
                pg_sys::Anum_pg_index_indpred as i16,
                &mut is_whole,
            );
            if (*index).indisvalid && is_whole {
                indexes.push(SourceIndex { columns: [column(0), column(1)], is_btree: is_btree(oid) });
            }
            pg_sys::ReleaseSysCache(tuple);
        }
    }
    indexes
}

/// Returns whether an index is a B-tree, which is the only kind that is sorted.
fn is_btree(index: pg_sys::Oid) -> bool {
    // SAFETY: a row of pg_class is released after it was read.
    unsafe {
        let tuple =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(index));
        if tuple.is_null() {
            return false;
        }
        let method = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relam;
        pg_sys::ReleaseSysCache(tuple);
        method == pg_sys::BTREE_AM_OID
    }
}

/// The name of a relation, schema-qualified and quoted. The schema is missing if another session has just dropped it.
unsafe fn qualified_name(namespace: pg_sys::Oid, name: *const std::ffi::c_char) -> String {
    // SAFETY: by the caller, `name` is a C string; that of the schema is one, too, or null.
    unsafe {
        let schema = pg_sys::get_namespace_name(namespace);
        let name = CStr::from_ptr(name).to_string_lossy();
        if schema.is_null() {
            quoted(&name)
        } else {
            qualified(&CStr::from_ptr(schema).to_string_lossy(), &name)
        }
    }
}
