#!/usr/bin/env bash
# Prints or sets the version of the project.
#
#   scripts/version.sh          prints it
#   scripts/version.sh x.y.z    sets it wherever it stands: Cargo.toml, both Cargo.lock, META.json and docs/install.md
#
# The control file takes it from Cargo.toml, and so do the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The version of the workspace is the first in Cargo.toml.
current=$(sed -nE 's/^version = "([0-9.]+)"$/\1/p' Cargo.toml | head -n 1)
[ -n "$current" ] || die 'Cargo.toml has no version'
if [ $# = 0 ]; then
    printf '%s\n' "$current"
    exit
fi

[[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "invalid version: $1"
sed -i -E "0,/^version = \"/s/^version = \"$current\"$/version = \"$1\"/" Cargo.toml
cargo update --workspace --offline --quiet
# fuzz/ is a workspace of its own, which has these crates in its Cargo.lock, too.
awk -v old="$current" -v new="$1" '/^name = / { ours = /^name = "travel-/ }
    ours && $0 == "version = \"" old "\"" { $0 = "version = \"" new "\"" } { print }' fuzz/Cargo.lock >fuzz/Cargo.lock.new
mv fuzz/Cargo.lock.new fuzz/Cargo.lock
pattern=${current//./\\.}
# Below meta-spec stands the version of PGXN's specification.
sed -i -E "/\"meta-spec\"/,\$!{ s/(\"version\": *)\"$pattern\"/\1\"$1\"/; s/impossible_travel--$pattern/impossible_travel--$1/ }" META.json
# The names of files, and the version that a query shows.
sed -i -E "s/(^|[^0-9.])$pattern($|[^0-9])/\1$1\2/g" docs/install.md
