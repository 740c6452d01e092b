#!/usr/bin/env bash
# Builds the RPM impossible_travel_NN for the version PG of PostgreSQL, and prints its name.
#
#   scripts/rpm.sh [FOLDER]     FOLDER gets the package; otherwise it is dist
#
# The library needs the C library of the system that builds it, or a newer one: build the package on the oldest system
# that it is for. DEBFULLNAME and DEBEMAIL name the packager, and TEST_SERVER=yes accepts a fetched server, as in
# scripts/deb.sh.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/package.sh
. "$ROOT/scripts/lib/package.sh"

destination=${1:-$DIST}
refuse_fetched_server
"$ROOT/scripts/setup.sh"
need_tools rpm=rpmbuild python3=python3

version=$(pg_major)
maintainer=$(maintainer)
top="$BUILD/rpm-$version"
rm -rf "$top"
copy_sources "$top/source"

heading "Building impossible_travel_$version"
(cd "$top/source" && CARGO_TARGET_DIR="$PACKAGE_TARGET_DIR" rpmbuild -bb --build-in-place --quiet \
    --define "_topdir $top" --define "pg $version" --define "upstream_version $(package_version)" \
    --define "maintainer ${maintainer//%/%%}" --define "day $(date --date "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
    packaging/rpm/impossible_travel.spec)
mkdir -p "$destination"
for file in "$top"/RPMS/*/*.rpm; do
    cp "$file" "$destination/"
    printf '%s\n' "$destination/$(basename "$file")"
done
