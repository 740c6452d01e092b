#!/usr/bin/env bash
# Makes the source archives of a release from a commit, in dist/:
#
#   impossible_travel-VERSION.tar.gz   the sources with all crates, cargo-pgrx among them; it builds without a network
#   impossible_travel-VERSION.zip      the sources alone, as PGXN distributes them
#   SHA256SUMS                         their digests
#
#   scripts/dist.sh [COMMIT]      otherwise from the commit that is checked out
#
# The same commit makes the same archives, with the same version of cargo. Changes that are not committed are left out.
# The first run builds two tools, in .work/tools (4 minutes).
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"
# The modes of the files in the archives do not depend on the caller's.
umask 022

# Leaves out crates, or makes them empty, that only other platforms need. This halves the archive.
FILTERER=0.5.18
# PGXN's validator of META.json.
PGXN_META=0.7.0
# The platforms that PostgreSQL's Linux packages and images have.
PLATFORMS=({x86_64,aarch64}-unknown-linux-{gnu,musl})

commit=$(git rev-parse --verify "${1:-HEAD}^{commit}")
version=$(git show "$commit:Cargo.toml" | sed -n 's/^version = "\(.*\)"$/\1/p')
name="impossible_travel-$version"
# cargo-pgrx, too, is that of the commit.
setting() { git show "$commit:scripts/lib/common.sh" | sed -n "s/^$1=//p"; }
pgrx="cargo-pgrx-$(setting PGRX_VERSION)"
pgrx_sha256=$(setting PGRX_SHA256)
dist="$ROOT/dist"
tools="$WORK/tools"

tool() { # tool CRATE VERSION: builds a tool that is not there
    if [ "$("$tools/bin/$1" --version 2>/dev/null | awk '{ print $NF }')" != "$2" ]; then
        heading "Installing $1 $2"
        cargo install "$1" --version "$2" --locked --force --root "$tools"
    fi
}

[ -z "$(git status --porcelain)" ] || note "The archives are those of commit ${commit:0:12}: changes that are not committed are left out"
tool cargo-vendor-filterer "$FILTERER"
tool pgxn_meta "$PGXN_META"

# Not below this folder, whose Cargo.toml cargo would take for cargo-pgrx's workspace.
stage=$(mktemp -d /var/tmp/impossible_travel-dist.XXXXXX)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$dist"
git archive --prefix="$name/" "$commit" | tar --extract --directory "$stage"
cd "$stage/$name"
"$tools/bin/pgxn_meta" META.json
[ "$(python3 -c 'import json; print(json.load(open("META.json"))["version"])')" = "$version" ] ||
    die "META.json has another version than Cargo.toml, which has $version"

heading "Collecting the crates of $name"
# cargo-pgrx is a program, so it is no dependency of the workspace, and Cargo.lock does not have its digest. `cargo info`
# puts its crate into cargo's cache.
(cd / && cargo info "cargo-pgrx@${pgrx#cargo-pgrx-}" >/dev/null 2>&1) || die "cargo finds no $pgrx"
crate=
for file in "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$pgrx.crate"; do
    if [ -f "$file" ] && [ "$(sha256sum <"$file" | cut -d ' ' -f 1)" = "$pgrx_sha256" ]; then crate=$file; fi
done
[ -n "$crate" ] || die "cargo's cache has no $pgrx.crate with the digest in scripts/lib/common.sh"
tar --extract --gzip --file "$crate" --directory "$stage"
mv "$stage/$pgrx" "$stage/cargo-pgrx"

"$tools/bin/cargo-vendor-filterer" --all-features "${PLATFORMS[@]/#/--platform=}" --sync "$stage/cargo-pgrx/Cargo.toml" \
    vendor >"$stage/log" 2>&1 || { cat "$stage/log"; die 'the crates cannot be collected'; }

# With a checksum beside it, cargo takes cargo-pgrx for one of the crates: `cargo install cargo-pgrx` finds it.
printf '{"files":{},"package":"%s"}' "$pgrx_sha256" >"$stage/cargo-pgrx/.cargo-checksum.json"
mv "$stage/cargo-pgrx" vendor/cargo-pgrx

cat >>.cargo/config.toml <<'TOML'

# The crates are in vendor/, so cargo needs no network in this folder.
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
TOML

cd "$stage"
TZ=UTC git -C "$ROOT" archive --format=zip --prefix="$name/" --output="$dist/$name.zip" "$commit"
tar --create --sort=name --format=gnu --mtime="@$(git -C "$ROOT" log -1 --format=%ct "$commit")" --owner=0 --group=0 --numeric-owner \
    --mode='u+rw,go+rX,go-w' "$name" | gzip --no-name --best >"$dist/$name.tar.gz"
cd "$dist"
sha256sum "$name.tar.gz" "$name.zip" >SHA256SUMS
ls -l --human-readable "$name.tar.gz" "$name.zip"
