//! Which source a rule may read, and what may run when it does.
//!
//! A rule names its source. The owner of the schema can drop that table and create a view of the same name, whose
//! functions would run with the rights of the rule's owner. So a rule is bound to the role that owns its source, and
//! stops if another role owns it. A rule that runs with a superuser's rights may only run code that belongs to
//! superusers.

use super::definition::Definition;
use crate::detect::Source;
use crate::pg::errors::{AccessError, RuleError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::query_objects::Object;
use crate::pg::role::{Role, acting_as, on_behalf_of};
use crate::pg::spi::{self, Argument};
use crate::pg::table;
use pgrx::pg_sys;
use std::sync::LazyLock;

pg_function!(travel_confirm_source, pg_finfo_travel_confirm_source, confirm_source);

/// A query for everything that is read and run when a query reads the objects in `root`: what a relation consists of
/// and is read through (partitions and other children, indexes, the query of a view, row policies, the expressions of
/// virtual columns, and the constraints and statistics that the planner evaluates), and what any of these depends on.
/// Objects that came with PostgreSQL depend on nothing.
const BELOW: &str = "
WITH RECURSIVE below (class, object) AS (
    SELECT root.class, root.object FROM ROWS FROM (unnest($1::oid[]), unnest($2::oid[])) AS root (class, object)
    UNION
    SELECT next.class, next.object
    FROM below AS b
    CROSS JOIN LATERAL (
        SELECT 'pg_class'::regclass::oid AS class, i.inhrelid AS object
        FROM pg_inherits AS i WHERE b.class = 'pg_class'::regclass AND i.inhparent = b.object
        UNION ALL
        SELECT 'pg_class'::regclass, i.indexrelid
        FROM pg_index AS i WHERE b.class = 'pg_class'::regclass AND i.indrelid = b.object
        UNION ALL
        SELECT 'pg_rewrite'::regclass, r.oid
        FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
        WHERE b.class = 'pg_class'::regclass AND r.ev_class = b.object AND r.ev_type = '1' AND c.relkind = 'v'
        UNION ALL
        SELECT 'pg_policy'::regclass, p.oid
        FROM pg_policy AS p WHERE b.class = 'pg_class'::regclass AND p.polrelid = b.object
        UNION ALL
        SELECT 'pg_statistic_ext'::regclass, s.oid
        FROM pg_statistic_ext AS s WHERE b.class = 'pg_class'::regclass AND s.stxrelid = b.object
        UNION ALL
        -- The expression of a virtual generated column runs when the column is read; that of a stored one does not.
        SELECT 'pg_attrdef'::regclass, d.oid
        FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE b.class = 'pg_class'::regclass AND d.adrelid = b.object AND a.attgenerated = 'v'
        UNION ALL
        SELECT 'pg_constraint'::regclass, c.oid
        FROM pg_constraint AS c WHERE b.class = 'pg_class'::regclass AND c.conrelid = b.object AND c.contype = 'c'
        UNION ALL
        SELECT 'pg_constraint'::regclass, c.oid
        FROM pg_constraint AS c WHERE b.class = 'pg_type'::regclass AND c.contypid = b.object
        UNION ALL
        -- A value of a row type contains values of its columns' types.
        SELECT 'pg_type'::regclass, a.atttypid
        FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
        WHERE b.class = 'pg_type'::regclass AND t.oid = b.object AND t.typrelid <> 0
          AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT d.refclassid, d.refobjid
        FROM pg_depend AS d
        WHERE d.classid = b.class AND d.objid = b.object
          AND d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_class'::regclass)
          -- A partition depends on what it is a part of, an index on its table: neither is read for it.
          AND NOT (b.class = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass)
          -- Reading a column runs no code of its type. Casts to a domain appear in the query itself.
          AND NOT (b.class = 'pg_class'::regclass AND d.refclassid = 'pg_type'::regclass AND d.objsubid > 0)
          -- A row type depends on its table, whose rows it does not read.
          AND NOT (b.class = 'pg_type'::regclass AND d.refclassid = 'pg_class'::regclass)
    ) AS next
)";

/// What is known of the objects below some roots. One query finds all of it: in a new session, planning such a query takes
/// longer than running it. Only if something is wrong, another query says what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Below {
    has_temporary: bool,
    /// An object does not belong to a superuser.
    has_not_trusted: bool,
    /// A foreign table, or a table that logical replication fills.
    pub has_other_servers_rows: bool,
}

impl Below {
    /// Within an SPI connection.
    pub fn of(roots: &[Object]) -> Result<Self, TravelError> {
        let rows = select_below(&ALL_BELOW, roots);
        spi::columns!(rows => has_temporary, has_not_trusted, has_other_servers_rows);
        Ok(rows.first().map_or_else(Self::default, |row| Self {
            has_temporary: row.is_true(has_temporary),
            has_not_trusted: row.is_true(has_not_trusted),
            has_other_servers_rows: row.is_true(has_other_servers_rows),
        }))
    }
}

/// A query for [`Below`].
static ALL_BELOW: LazyLock<String> = LazyLock::new(|| {
    below(
        "
SELECT bool_or(coalesce(c.relnamespace, p.pronamespace, t.typnamespace) = pg_my_temp_schema()) AS has_temporary,
       bool_or(NOT r.rolsuper) AS has_not_trusted,
       bool_or(c.relkind = 'f' OR EXISTS (SELECT FROM pg_subscription_rel AS s WHERE s.srrelid = c.oid))
           AS has_other_servers_rows
FROM below AS b
LEFT JOIN pg_class AS c ON b.class = 'pg_class'::regclass AND c.oid = b.object
LEFT JOIN pg_proc AS p ON b.class = 'pg_proc'::regclass AND p.oid = b.object
LEFT JOIN pg_type AS t ON b.class = 'pg_type'::regclass AND t.oid = b.object
LEFT JOIN pg_operator AS o ON b.class = 'pg_operator'::regclass AND o.oid = b.object
LEFT JOIN pg_roles AS r ON r.oid = coalesce(c.relowner, p.proowner, t.typowner, o.oprowner)",
    )
});

/// A query for a temporary object below, in words.
static TEMPORARY: LazyLock<String> = LazyLock::new(|| {
    below(
        "
SELECT pg_describe_object(b.class, b.object, 0) AS object
FROM below AS b
LEFT JOIN pg_class AS c ON b.class = 'pg_class'::regclass AND c.oid = b.object
LEFT JOIN pg_proc AS p ON b.class = 'pg_proc'::regclass AND p.oid = b.object
LEFT JOIN pg_type AS t ON b.class = 'pg_type'::regclass AND t.oid = b.object
WHERE coalesce(c.relnamespace, p.pronamespace, t.typnamespace) = pg_my_temp_schema()
ORDER BY 1
LIMIT 1",
    )
});

/// A query for an object below that is not owned by a superuser, in words, and its owner.
static NOT_TRUSTED: LazyLock<String> = LazyLock::new(|| {
    below(
        "
SELECT pg_describe_object(b.class, b.object, 0) AS object, r.rolname::text AS owner
FROM below AS b
LEFT JOIN pg_class AS c ON b.class = 'pg_class'::regclass AND c.oid = b.object
LEFT JOIN pg_proc AS p ON b.class = 'pg_proc'::regclass AND p.oid = b.object
LEFT JOIN pg_type AS t ON b.class = 'pg_type'::regclass AND t.oid = b.object
LEFT JOIN pg_operator AS o ON b.class = 'pg_operator'::regclass AND o.oid = b.object
JOIN pg_roles AS r ON r.oid = coalesce(c.relowner, p.proowner, t.typowner, o.oprowner)
WHERE NOT r.rolsuper
ORDER BY c.oid IS NULL, p.oid IS NULL, 1
LIMIT 1",
    )
});

/// Opens the source of a rule, and locks it until the transaction ends, if it is the one that the rule is bound to.
/// With the rights of the rule's owner, within an SPI connection.
pub fn source_of(definition: &Definition) -> Result<Source, TravelError> {
    let oid = Source::lock(&definition.source).ok_or_else(|| RuleError::SourceNotFound {
        rule: definition.name.clone(),
        source: definition.source.clone(),
    })?;
    must_last(&definition.name, &definition.source, oid)?;
    must_be_as_bound(definition, oid)?;
    let roots = [(pg_sys::RelationRelationId, oid)];
    must_be_trusted(definition, &roots, Below::of(&roots)?)?;
    Source::open(oid)
}

/// Checks that the source is not temporary. The next scan may run in another session, which would read its own relation
/// of that name.
pub fn must_last(rule: &str, source: &str, oid: pg_sys::Oid) -> Result<(), TravelError> {
    if table::persistence(oid) == Some(pg_sys::RELPERSISTENCE_TEMP) {
        return Err(AccessError::SourceTemporary { rule: rule.to_owned(), source: source.to_owned() }.into());
    }
    Ok(())
}

fn must_be_as_bound(definition: &Definition, oid: pg_sys::Oid) -> Result<(), TravelError> {
    let Some(owner) = Role::owner_of(oid) else { return Ok(()) };
    let is_as_bound = match &definition.source_owner {
        Some(bound) => *bound == owner.name(),
        // The source did not exist when the rule was written. These two owners gain nothing by being trusted.
        None => owner == definition.owner()? || owner.is_superuser(),
    };
    if is_as_bound {
        return Ok(());
    }
    Err(AccessError::SourceOwnerChanged {
        rule: definition.name.clone(),
        source: definition.source.clone(),
        was: definition.source_owner.clone(),
        is: owner.name(),
    }
    .into())
}

/// Checks that a rule reads and runs nothing temporary, because the next scan may run in a session that has other
/// temporary objects of these names. Checks that all code a superuser's rule runs belongs to superusers: any other owner
/// would gain a superuser's rights. With the rights of the rule's owner, within an SPI connection.
pub fn must_be_safe(definition: &Definition, roots: &[Object]) -> Result<(), TravelError> {
    let found = Below::of(roots)?;
    must_not_be_temporary(definition, roots, found)?;
    must_be_trusted(definition, roots, found)
}

fn must_not_be_temporary(definition: &Definition, roots: &[Object], found: Below) -> Result<(), TravelError> {
    if !found.has_temporary {
        return Ok(());
    }
    let rows = select_below(&TEMPORARY, roots);
    spi::columns!(rows => object);
    let Some(row) = rows.first() else { return Ok(()) };
    let object = row.string(object)?.unwrap_or_default();
    Err(AccessError::ObjectTemporary { rule: definition.name.clone(), object }.into())
}

fn must_be_trusted(definition: &Definition, roots: &[Object], found: Below) -> Result<(), TravelError> {
    if !found.has_not_trusted || !definition.owner()?.is_superuser() {
        return Ok(());
    }
    let rows = select_below(&NOT_TRUSTED, roots);
    spi::columns!(rows => object, owner);
    let Some(row) = rows.first() else { return Ok(()) };
    Err(AccessError::SourceNotTrusted {
        rule: definition.name.clone(),
        owner: definition.owner.clone(),
        object: row.string(object)?.unwrap_or_default(),
        object_owner: row.string(owner)?.unwrap_or_default(),
    }
    .into())
}

/// Completes a query over `below`, the objects that [`BELOW`] finds.
pub fn below(query: &str) -> String {
    format!("{BELOW}{query}")
}

/// Runs a query that [`below`] made. Roots that came with PostgreSQL have nothing below them.
pub fn select_below(query: &'static str, roots: &[Object]) -> spi::Rows {
    let others = || roots.iter().filter(|(_, object)| object.to_u32() >= pg_sys::FirstNormalObjectId);
    let classes = Argument::oids(others().map(|(class, _)| *class));
    let objects = Argument::oids(others().map(|(_, object)| *object));
    // A recursive query is estimated at a cost at which PostgreSQL would compile it.
    spi::with_settings(&[(c"jit", c"off"), (c"search_path", c"pg_catalog, pg_temp")], || {
        spi::select_prepared(query, &[classes, objects])
    })
}

/// `(rule) -> text`: binds a rule to the present owner of its source, whose name is the result.
fn confirm_source(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let name = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let owner = spi::connected(|| {
        let definition = Definition::load(name)?;
        let (writer, owner) = (Role::current(), definition.owner()?);
        if !writer.is_member_of(owner) {
            return Err(AccessError::RuleNotOwned {
                rule: name.to_owned(),
                owner: definition.owner,
                role: writer.name(),
            }
            .into());
        }
        let no_source =
            || RuleError::SourceNotFound { rule: name.to_owned(), source: definition.source.clone() };
        let oid = Source::lock(&definition.source).ok_or_else(no_source)?;
        must_last(name, &definition.source, oid)?;
        let source_owner = Role::owner_of(oid).ok_or_else(no_source)?.name();
        let rules = Source::find("travel.rules").and_then(Role::owner_of).ok_or_else(no_source)?;
        // The caller may confirm a source without the privilege to write rules.
        acting_as(rules.oid(), || {
            on_behalf_of(&writer.name(), || {
                spi::execute(
                    "UPDATE travel.rules SET source_owner = $2 WHERE name = $1",
                    &[Argument::text(name), Argument::text(&source_owner)],
                );
            });
        });
        Ok::<_, TravelError>(source_owner)
    })?;
    Ok(varlena(owner.as_bytes()))
}
