#!/usr/bin/env bash
# Builds the Debian package postgresql-NN-impossible-travel for the version PG of PostgreSQL, and prints its name.
#
#   scripts/deb.sh [FOLDER]     FOLDER gets the package; otherwise it is dist
#
# DEBFULLNAME and DEBEMAIL name the maintainer, as they do for Debian's own tools. TEST_SERVER=yes also accepts a server
# that scripts/postgresql.sh fetches: such a package is for tests only.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/package.sh
. "$ROOT/scripts/lib/package.sh"

destination=${1:-$DIST}
refuse_fetched_server
"$ROOT/scripts/setup.sh"
need_tools debhelper=dh dpkg-dev=dpkg-buildpackage fakeroot=fakeroot python3=python3

# In the replacement of sed's s command, these characters have a meaning.
literally() { sed 's/[&/\\]/\\&/g'; }

version=$(pg_major)
source="$BUILD/deb-$version/impossible-travel-$(package_version)"
rm -rf "$BUILD/deb-$version"
copy_sources "$source"
cp -R "$source/packaging/debian" "$source/debian"
find "$source/debian" -type f -exec sed -i -e "s/@PG@/$version/g" -e "s/@VERSION@/$(package_version)/g" \
    -e "s/@MAINTAINER@/$(maintainer | literally)/g" -e "s/@DATE@/$(date --rfc-email --date "@$SOURCE_DATE_EPOCH")/g" {} +

heading "Building postgresql-$version-impossible-travel"
(cd "$source" && CARGO_TARGET_DIR="$PACKAGE_TARGET_DIR" dpkg-buildpackage --build=binary --unsigned-changes)
mkdir -p "$destination"
for file in "$BUILD/deb-$version"/*.deb; do
    cp "$file" "$destination/"
    printf '%s\n' "$destination/$(basename "$file")"
done
