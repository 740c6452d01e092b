#!/usr/bin/env bash
# Builds the extension and installs it into the server of PG_CONFIG.
#
#   scripts/install.sh [--if-changed]      --if-changed: only if the sources or the installed files have changed
#
# PROFILE is the profile of the build: release (the default), or dev, which builds faster and checks more. With any, an
# installed release build is good, too, and otherwise the build is dev.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

library="$("$PG_CONFIG" --pkglibdir)/impossible_travel.so"
extensions="$("$PG_CONFIG" --sharedir)/extension"
profile=${PROFILE:-release}
stamp="$WORK/installed-$(printf '%s' "$PG_CONFIG" | cksum | cut -d ' ' -f 1)"

# Identifies the sources and the installed files: `cargo pgrx test` installs a debug build in the same place.
state() {
    printf '%s\n' "$profile"
    digest_of Cargo.toml Cargo.lock impossible_travel.control src sql crates
    sha256sum "$library" "$extensions"/impossible_travel* 2>/dev/null || true
}

case ${1:-} in
'' | --if-changed) ;;
*) die "unknown argument: $1" ;;
esac
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
    sudo=(--sudo)
fi
cargo pgrx install --profile "$profile" --package impossible_travel --pg-config "$PG_CONFIG" \
    --no-default-features --features "pg$(pg_major)" "${sudo[@]}"
mkdir -p "$WORK"
state >"$stamp"
