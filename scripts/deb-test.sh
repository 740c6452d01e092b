#!/usr/bin/env bash
# Builds the Debian package for the version PG of PostgreSQL and tests it.
#
#   scripts/deb-test.sh [STEP…]    all steps, or the named ones
#
#     build       builds the package
#     contents    its files, what it needs, and lintian
#     reproduce   builds it again, from another folder with other times and modes and without output: the same file (minutes)
#     install     installs it in a fresh Debian without Rust, detects the sample's impossible travel, and removes it
#
# The server is Debian's own: 15 is in Debian 12, 17 in Debian 13. No Debian has 16 or 18. For these, the server that
# scripts/postgresql.sh finds or fetches is put into a package postgresql-NN at Debian's places, for the test only.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/package.sh
. "$ROOT/scripts/lib/package.sh"
# shellcheck source=scripts/lib/package-test.sh
. "$ROOT/scripts/lib/package-test.sh"

# The server may be a fetched one. The names of the files need the programs that setup.sh installs.
export TEST_SERVER=yes
"$ROOT/scripts/setup.sh"

version=$(pg_major)
package="postgresql-$version-impossible-travel"
deb="$DIST/${package}_$(package_version)-1_$(dpkg --print-architecture).deb"

build() { "$ROOT/scripts/deb.sh"; }

contents() {
    need_tools lintian=lintian
    local files expected file
    files=$(dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's/^\.//')
    for expected in "/usr/lib/postgresql/$version/lib/impossible_travel.so" \
        "/usr/share/postgresql/$version/extension/impossible_travel.control" \
        "/usr/share/postgresql/$version/extension/impossible_travel--$(package_version).sql" \
        "/usr/share/doc/$package/README.md" "/usr/share/doc/$package/docs/reference.md" \
        "/usr/share/doc/$package/copyright" "/usr/share/doc/$package/changelog.gz" \
        "/usr/share/doc/$package/examples/load-s3.sh" "/usr/share/doc/$package/contrib/dbt/dbt_project.yml" \
        "/usr/share/doc/$package/examples/impossible-travel-scan.timer"; do
        grep -qxF "$expected" <<<"$files" || die "$package has no $expected"
    done
    # Packages for two versions can be installed together, so every file is in a folder of its version.
    while IFS= read -r file; do
        case $file in
        */ | "/usr/lib/postgresql/$version/"* | "/usr/share/postgresql/$version/"* | "/usr/share/doc/$package/"* | \
            "/usr/share/lintian/overrides/$package") ;;
        *) die "$package has $file" ;;
        esac
    done <<<"$files"
    ok 'the files are at their places'
    # The C library of Debian 12.
    library_is_clean 2.36 <(dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/lib/postgresql/$version/lib/impossible_travel.so")
    dpkg-deb --field "$deb" Depends | grep -q "^postgresql-$version," || die "Depends: $(dpkg-deb --field "$deb" Depends)"
    rm -rf "$BUILD/unpacked"
    dpkg-deb --extract "$deb" "$BUILD/unpacked"
    links_are_whole
    # As root, lintian would warn about that.
    lintian --allow-root --fail-on error,warning --pedantic --display-info "$BUILD/deb-$version"/*.changes
    ok "lintian; the package depends on $(dpkg-deb --field "$deb" Depends)"
}

reproduce() { builds_again deb.sh "$deb"; }

install() {
    local folder="$BUILD/deb-test-$version"
    test_folder "$folder"
    cp "$deb" "$ROOT/tests/packages/deb.sh" "$folder/"
    fresh_debian "$folder" bash deb.sh "$version"
    ok "$package in a fresh Debian"
}

run_steps "$@"
