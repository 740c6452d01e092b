#!/usr/bin/env bash
# Builds the extension and installs it into the server of PG_CONFIG.
#
#   scripts/install.sh                   make install: installs what --build built; without that it builds itself
#   scripts/install.sh --build           make all: builds and installs nothing. The build needs Rust, the installation after
#                                        it only the right to write into the server's folders
#   scripts/install.sh --if-changed      for tests: builds and installs if the sources or the installed files have changed
#
# PROFILE is the profile of the build: release (the default), or dev, which builds faster and checks more. With any, an
# installed release build is good, too, and otherwise the build is dev.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

profile=${PROFILE:-release}
server=$(printf '%s' "$PG_CONFIG" | cksum | cut -d ' ' -f 1)
stamp="$WORK/installed-$server"
# The result of --build, below which the files are at the server's places, and what it was built from.
built="$WORK/built-$server"
sources() {
    printf '%s\n' "$profile" "$("$PG_CONFIG" --version)"
    digest_of .cargo/config.toml build.rs Cargo.toml Cargo.lock impossible_travel.control src sql crates
}
is_built() { [ -f "$built.sources" ] && [ "$(cat "$built.sources")" = "$(sources)" ]; }

case ${1:-} in
'' | --build)
    refuse_fetched_server
    # The user who installs need not have Rust: pgxn runs make all, and then sudo make install.
    is_built || "$ROOT/scripts/setup.sh"
    ;;
--if-changed) ;;
*) die "unknown argument: $1" ;;
esac

library="$("$PG_CONFIG" --pkglibdir)/impossible_travel.so"
extensions="$("$PG_CONFIG" --sharedir)/extension"

build() {
    rm -rf "$built" "$built.sources"
    cargo pgrx package --profile "$profile" --package impossible_travel --pg-config "$PG_CONFIG" \
        --no-default-features --features "pg$(pg_major)" --out-dir "$built"
}

if [ "${1:-}" = --build ]; then
    is_built && exit
    build
    sources >"$built.sources"
    exit
fi

# Identifies the sources and the installed files: `cargo pgrx test` installs a debug build in the same place.
state() {
    printf '%s\n' "$profile"
    digest_of .cargo/config.toml build.rs Cargo.toml Cargo.lock impossible_travel.control src sql crates
    sha256sum "$library" "$extensions"/impossible_travel* 2>/dev/null || true
}

is_current() { [ -f "$library" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(state)" ]; }
if [ "$profile" = any ]; then
    profile=release
    is_current || profile=dev
fi
if [ "${1:-}" = --if-changed ] && is_current; then
    exit 0
fi

sudo=()
if ! [ -w "$("$PG_CONFIG" --pkglibdir)" ] || ! [ -w "$extensions" ]; then
    command -v sudo >/dev/null || die "you may not write to $extensions, and sudo is not installed"
    sudo=(sudo)
fi
if [ "${1:-}" = '' ] && is_built; then
    note "Installing the build of make all into the server of $PG_CONFIG"
else
    build
fi
# install replaces a library that a server has open instead of writing into it. Unlike cargo pgrx install, it lets the
# server's user read the files, whatever umask the caller has.
"${sudo[@]}" install -m 755 "$built$library" "$library"
"${sudo[@]}" install -m 644 "$built$extensions"/impossible_travel* "$extensions/"
mkdir -p "$WORK"
# Root may have installed before, and the file is root's then.
rm -f "$stamp"
state >"$stamp"
