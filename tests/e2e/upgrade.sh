#!/usr/bin/env bash
# ALTER EXTENSION UPDATE: from each released version to the current one, and from the current one to a made-up next
# version. The data stays, the result is what CREATE EXTENSION creates, and sessions that have the old library go on.
#
# The servers run from a copy of the PostgreSQL installation, whose extension files are replaced here.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

current=$(scripts/version.sh)

rule 'the frozen script is what is installed'
extensions="$("$PG_CONFIG" --sharedir)/extension"
cmp "$ROOT/sql/impossible_travel--$current.sql" "$extensions/impossible_travel--$current.sql" ||
    fail "run: make freeze"

# A copy of the installation: programs, which find the rest by their own path, and links to the rest.
copy_installation() {
    local folder prefix copy="$SCRATCH/copy/package/installation"
    chmod a+rx "$SCRATCH"
    prefix=$("$PG_CONFIG" --bindir)
    while [[ "$("$PG_CONFIG" --sharedir)/" != "$prefix"/* ]]; do prefix=$(dirname "$prefix"); done
    mkdir -p "$copy"
    # The programs of a fetched server find their libraries in a folder two levels above the installation.
    for folder in "$(dirname "$(dirname "$prefix")")"/*.libs; do
        if [ -d "$folder" ]; then ln -s "$folder" "$SCRATCH/copy"; fi
    done
    for folder in "$("$PG_CONFIG" --libdir)" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
        # Debian's libdir is the system's own.
        case $folder in /usr/lib/*-linux-gnu) continue ;; "$prefix"/*) [ -d "$folder" ] || continue ;; *) continue ;; esac
        mkdir -p "$copy${folder#"$prefix"}"
        cp --recursive --symbolic-link --no-clobber "$folder/." "$copy${folder#"$prefix"}"
    done
    folder="$copy$("$PG_CONFIG" --bindir | sed "s|^$prefix||")"
    mkdir -p "$folder"
    cp -L "$("$PG_CONFIG" --bindir)"/{postgres,initdb,pg_ctl,pg_config,psql,createdb,pg_dump,pg_restore} "$folder"
    PG_CONFIG="$folder/pg_config"
    extensions="$("$PG_CONFIG" --sharedir)/extension"
    library="$("$PG_CONFIG" --pkglibdir)/impossible_travel.so"
    [[ $extensions = "$SCRATCH"/* && $library = "$SCRATCH"/* ]] || fail "the copy of PostgreSQL uses $extensions and $library"
}
copy_installation

install_script() { # install_script FILE: a script that is not installed otherwise
    ln -sf "$1" "$extensions/$(basename "$1")"
    chmod a+r "$1"
}
default_version() { # default_version VERSION: what CREATE EXTENSION creates
    sed "s/^default_version.*/default_version = '$1'/" "$ROOT/impossible_travel.control" >"$SCRATCH/control"
    rm -f "$extensions/impossible_travel.control"
    cp "$SCRATCH/control" "$extensions/impossible_travel.control"
}
version() { ask "SELECT extversion FROM pg_extension WHERE extname = 'impossible_travel'"; }

# Writes the query of `everything`: every row of every table that a dump holds, with the columns that the version of the
# current database has, and the positions of the sequences.
choose_everything() {
    ask "SELECT format('SELECT %1\$L || to_jsonb(t)::text FROM (SELECT %2\$s FROM %1\$s) AS t', c.oid::regclass,
            CASE relkind WHEN 'S' THEN 'last_value, is_called' ELSE (
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) END)
        FROM pg_extension AS e, unnest(e.extconfig) AS o JOIN pg_class AS c ON c.oid = o
        WHERE extname = 'impossible_travel' ORDER BY c.oid::regclass::text" |
        paste -s -d '~' | sed 's/~/ UNION ALL /g' >"$SCRATCH/query"
}
everything() { ask "$(cat "$SCRATCH/query") ORDER BY 1"; }

# The dump of a database: its schema, and then all lines of the dump, sorted, because the rows of a table have no order.
# The key of \restrict is another one in each dump.
dump_text() {
    "$(pg_bin pg_dump)" --schema-only "$1" | grep -v -E '^\\(un)?restrict '
    "$(pg_bin pg_dump)" "$1" | grep -v -E '^\\(un)?restrict ' | LC_ALL=C sort
}

# What the catalog says of the members of the extension, and of what belongs to them.
catalog() { run_psql --quiet --no-align --tuples-only --file "$ROOT/tests/e2e/upgrade_catalog.sql"; }

equal() { # equal WHAT FILE FILE
    [ -s "$2" ] || fail "$1: nothing to compare"
    cmp -s "$2" "$3" || fail "$1
$(diff "$2" "$3" | cut -c 1-400 | head -n 20)"
}

create() { # create DATABASE VERSION: a database with the extension in this version
    "$(pg_bin createdb)" "$1"
    export PGDATABASE=$1
    default_version "$2"
}

upgrade() { # upgrade OLD NEW
    local old=$1 new=$2 database="from_${1//./_}"
    rule "$old works with this library, and UPDATE to $new keeps the data"
    create "$database" "$old"
    scan_database
    same 'the old version' "$old" "$(version)"
    run_psql --quiet --output /dev/null --file "$ROOT/tests/fixtures/history.sql"
    choose_everything
    everything >"$SCRATCH/before"
    session_open
    session "SELECT count(*) FROM travel.detect('public.cloudtrail')"
    local found=$ANSWER
    default_version "$new"
    session "ALTER EXTENSION impossible_travel UPDATE"
    same 'UPDATE says nothing' '' "$ANSWER"
    same 'the new version' "$new" "$(version)"
    everything >"$SCRATCH/after"
    equal 'the data' "$SCRATCH/before" "$SCRATCH/after"
    session "SELECT count(*) FROM travel.detect('public.cloudtrail')"
    same 'the session goes on' "$found" "$ANSWER"
    session_close

    rule "a database that was updated to $new equals a new one"
    catalog >"$SCRATCH/updated"
    create "new_$database" "$new"
    ask 'CREATE EXTENSION impossible_travel'
    catalog >"$SCRATCH/fresh"
    equal 'the catalog' "$SCRATCH/fresh" "$SCRATCH/updated"

    rule "a dump of a database that was updated to $new restores, and its own dump is the same"
    "$(pg_bin pg_dump)" --format custom --file "$SCRATCH/dump" "$database"
    dump_text "$database" >"$SCRATCH/updated.dump"
    holds 'the dump has the alerts' grep -q '^COPY travel\.alerts ' "$SCRATCH/updated.dump"
    "$(pg_bin createdb)" "restored_$database"
    "$(pg_bin pg_restore)" --exit-on-error --dbname "restored_$database" "$SCRATCH/dump"
    PGDATABASE="restored_$database" everything >"$SCRATCH/after"
    equal 'the data after a restore' "$SCRATCH/before" "$SCRATCH/after"
    dump_text "restored_$database" >"$SCRATCH/restored.dump"
    equal 'the dumps' "$SCRATCH/updated.dump" "$SCRATCH/restored.dump"

    rule 'scans go on as if there had been no update'
    export PGDATABASE=$database
    ask "SELECT journey('AKIA new', '2026-03-20 12:00Z'); SELECT call('AKIA1', '2026-02-11 09:10Z', '203.0.113.1',
        'person 1'); CALL travel.scan()" >/dev/null
    new_rule again 'baseline, arrival_column' "false, 'ingested_at'"
    ask "CALL travel.scan('again')"
    same_ends 'a rule that saw both versions, and one that is new' arrivals again
    same 'no alert was raised twice' 0 "$(ask 'SELECT count(*) - count(DISTINCT (rule, leg_id)) FROM travel.alerts
        WHERE withdrawn_at IS NULL')"
}

# The next version: a column, a function, another body, another comment, another privilege.
next=9999.0.0
made_up="$SCRATCH/impossible_travel--$next.sql"
# The body of travel.scan, up to the end of the statement.
body() { awk '/^CREATE PROCEDURE travel.scan\(/ { on = 1 } on; on && /^\$\$;/ { exit }' "$1"; }
addition="
CREATE FUNCTION travel.added(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
COMMENT ON FUNCTION travel.added(int) IS 'Added';
REVOKE ALL ON FUNCTION travel.added(int) FROM PUBLIC;
COMMENT ON SCHEMA travel IS 'Another comment';
"
{
    sed -e "s/^    updated_at     timestamptz,\$/&\n    ticket         text        DEFAULT 'none' CHECK (ticket <> ''),/" \
        -e "s/^COMMENT ON COLUMN travel.suppressions.updated_at IS\$/COMMENT ON COLUMN travel.suppressions.ticket IS 'Added';\n&/" \
        "$ROOT/sql/impossible_travel--$current.sql" |
        awk '/^CREATE PROCEDURE travel.scan\(/ { on = 1 } { print } on && /^BEGIN/ { print "    -- Another body."; on = 0 }'
    printf '%s' "$addition"
} >"$made_up"
same 'the made-up changes' 3 "$(grep -c -E 'ticket  |suppressions.ticket|-- Another body' "$made_up")"
{
    echo "ALTER TABLE travel.suppressions ADD COLUMN ticket text DEFAULT 'none' CHECK (ticket <> '');"
    echo "COMMENT ON COLUMN travel.suppressions.ticket IS 'Added';"
    body "$made_up" | sed '1s/^CREATE/CREATE OR REPLACE/'
    printf '%s' "$addition"
} >"$SCRATCH/impossible_travel--$current--$next.sql"

scan_server e2e-upgrade
for script in "$ROOT"/sql/impossible_travel--*.sql "$SCRATCH"/impossible_travel--*.sql; do install_script "$script"; done
for script in "$ROOT"/sql/impossible_travel--*.sql; do
    released=${script##*/impossible_travel--}
    released=${released%.sql}
    [[ $released = *--* || $released = "$current" ]] || upgrade "$released" "$current"
done
upgrade "$current" "$next"

rule 'a session that has the old library works until it reconnects'
session_open
session "SELECT count(*) > 0 FROM travel.detect('public.cloudtrail')"
same 'before' 't ' "$ANSWER"
# As a package and `make install` do it: the new file has the name, the old one stays for those who have it open.
cp -L "$library" "$library.new"
chmod a+rx "$library.new"
mv -f "$library.new" "$library"
session "SELECT count(*) > 0 FROM travel.detect('public.cloudtrail')"
same 'after' 't ' "$ANSWER"
same 'another session' t "$(ask "SELECT count(*) > 0 FROM travel.detect('public.cloudtrail')")"
session "CALL travel.scan(); SELECT 'scanned'"
same 'a scan' 'scanned ' "$ANSWER"
session_close

rule 'a row type of an older version, which lacks the newest columns, gets the others'
run_psql --quiet --output /dev/null <<'SQL'
    SELECT format('CREATE TYPE public.older AS (%s)', string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', '
        ORDER BY attnum))
    FROM pg_attribute WHERE attrelid = 'travel.place'::regclass AND attnum BETWEEN 1 AND 5 \gexec
    CREATE FUNCTION public.older(inet, timestamptz) RETURNS public.older LANGUAGE c STRICT
        AS '$libdir/impossible_travel', 'travel_locate';
    CREATE FUNCTION public.older_databases(OUT path text, OUT database_type text) RETURNS SETOF record LANGUAGE c
        AS '$libdir/impossible_travel', 'travel_geoip_databases';
SQL
for address in 192.0.2.1 203.0.113.1; do
    whole=$(ask "SELECT to_jsonb(travel.locate('$address'))")
    part=$(ask "SELECT to_jsonb(public.older('$address', now()))")
    same "of $address" 't|5' "$(ask "SELECT '$whole'::jsonb @> '$part'::jsonb, count(*) FROM jsonb_object_keys('$part'::jsonb)")"
done
same 'of a set' "$(ask 'SELECT path, database_type FROM travel.geoip_databases()')" "$(ask 'SELECT * FROM public.older_databases()')"

rule 'objects that the library does not know are an error that says what to do, and nothing is misread'
ask "BEGIN; ALTER EXTENSION impossible_travel DROP TYPE travel.place; ALTER TYPE travel.place ADD ATTRIBUTE added text;
    ALTER EXTENSION impossible_travel ADD TYPE travel.place; COMMIT"
refused 42804 "SELECT travel.locate('192.0.2.1')"
[[ $SAID = *'the library and the SQL objects of impossible_travel do not match'*'Run ALTER EXTENSION impossible_travel UPDATE'* ]] ||
    fail "$SAID"
no_crash
