#!/usr/bin/env bash
# Builds the files of a package for the server of PG_CONFIG and puts them into a folder. debian/rules and the RPM's spec
# call it.
#
#   scripts/stage.sh FOLDER    FOLDER/lib gets the library, FOLDER/extension the control file and the SQL script, and
#                              FOLDER/copyright the licenses of everything that is linked into the library
#
# The library contains no path of this machine, so it is the same wherever it is built.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

[ $# = 1 ] || die 'usage: scripts/stage.sh FOLDER'
stage=$1
out="$(target_dir)/stage"
rm -rf "$out" "$stage"
mkdir -p "$stage/lib" "$stage/extension"

# rustc writes the paths of sources into the messages of panics. Those of the workspace are relative to this folder. The
# flags, with which cargo compiles everything again if they change, do not name it: packages of all kinds and versions
# share cargo's output. They are in the variable of this platform because RUSTFLAGS would replace the flags that cargo
# pgrx sets itself.
platform=$(rustc -vV | sed -n 's/^host: //p')
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/usr/src/cargo"
flags+=" --remap-path-prefix=$(target_dir)=/usr/src/impossible_travel/target"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
export "CARGO_TARGET_$(printf '%s' "$platform" | tr '[:lower:]-' '[:upper:]_')_RUSTFLAGS=$flags"
# The few lines of C in pgrx have messages with their path, too, and with those of the server's headers. The flags replace
# those of debhelper and rpmbuild, which differ: cargo would compile everything again for the other package.
CFLAGS="-O2 -fstack-protector-strong -ffile-prefix-map=$(target_dir)=/usr/src/impossible_travel/target"
CFLAGS+=" -ffile-prefix-map=$("$PG_CONFIG" --includedir-server)=/usr/src/postgresql"
export CFLAGS
# cargo pgrx would update a Cargo.lock that does not fit Cargo.toml.
cargo metadata --locked --format-version 1 >/dev/null
cargo pgrx package --package impossible_travel --pg-config "$PG_CONFIG" --no-default-features \
    --features "pg$(pg_major)" --out-dir "$out"

# cargo pgrx uses the places of PG_CONFIG's server, which need not be those of the package.
cp "$out$("$PG_CONFIG" --pkglibdir)/impossible_travel.so" "$stage/lib/"
cp "$out$("$PG_CONFIG" --sharedir)"/extension/impossible_travel* "$stage/extension/"
"$ROOT/packaging/copyright.py" "pg$(pg_major)" >"$stage/copyright"
chmod 644 "$stage/copyright" "$stage"/*/*
