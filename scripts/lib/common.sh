# shellcheck shell=bash
# What all scripts share: paths, the PostgreSQL installation, messages. To be sourced.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Intermediate files, except cargo's output and the servers' folders (see server.sh).
WORK="$ROOT/.work"
# The server to build for and to test with: that of PG_CONFIG, or else of the version PG.
PG_CONFIG=${PG_CONFIG:-$("$ROOT/scripts/postgresql.sh" config "${PG:-15}")}
# shellcheck disable=SC2034 # for setup.sh
PGRX_VERSION=0.18.1
# The digest of that cargo-pgrx's crate.
# shellcheck disable=SC2034 # for dist.sh
PGRX_SHA256=aa05ede73d521cac20519f85ee9ac94894148817a5757de8088ed4c91d32d218
export PG_CONFIG

heading() { if [ -t 1 ]; then printf '\n\033[1m== %s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi; }
note() { printf '   %s\n' "$*"; }
complain() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { complain "$@"; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }
as_root() { if is_root; then "$@"; else sudo "$@"; fi; }

# Ends the script if the server is one that scripts/postgresql.sh fetches, which is for tests only. Tests set
# TEST_SERVER=yes.
refuse_fetched_server() {
    local version=${PG_CONFIG%/bin/pg_config}
    version=${version##*/}
    case $PG_CONFIG in /usr/lib/postgresql/*) return 0 ;; esac
    [ "${TEST_SERVER:-}" != yes ] || return 0
    [ "$PG_CONFIG" != "$("$ROOT/scripts/postgresql.sh" config "$version" 2>/dev/null)" ] ||
        die "PostgreSQL $version is not installed with its server headers, and the server that make fetches is for tests only. Run apt-get install postgresql-$version postgresql-server-dev-$version (if it finds none, run make pgdg first, which adds the repository of postgresql.org), or name another server with PG_CONFIG=/path/to/pg_config"
}

pg_major() { "$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'; }
pg_bin() { printf '%s/%s' "$("$PG_CONFIG" --bindir)" "$1"; }

# Cargo's output folder.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$ROOT/target}"; }

# A digest of the names and contents of all files under the given paths, to detect changes.
digest_of() {
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

# Builds the sample tool and writes the sample's GeoIP databases and CloudTrail files to $WORK/sample.
make_sample() {
    cargo build --quiet --release --package travel-sample --manifest-path "$ROOT/Cargo.toml"
    local tool fresh="$WORK/sample.new"
    tool="$(target_dir)/release/travel-sample"
    # The same tool makes the same files, so they are made once.
    if [ "$(cat "$WORK/sample/made-by" 2>/dev/null)" = "$(sha256sum <"$tool")" ]; then
        return
    fi
    rm -rf "$fresh" && mkdir -p "$fresh"
    "$tool" geoip "$fresh/geoip"
    "$tool" cloudtrail "$fresh/cloudtrail"
    sha256sum <"$tool" >"$fresh/made-by"
    rm -rf "$WORK/sample" && mv "$fresh" "$WORK/sample"
}
