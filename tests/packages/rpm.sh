#!/usr/bin/env bash
# Installs, uses and removes the RPM in a fresh Debian. scripts/rpm-test.sh runs it there, as root.
#
#   rpm.sh VERSION     VERSION of PostgreSQL; the packages are in this folder
set -euo pipefail

version=$1
package=impossible_travel_$version
# A server that is packaged for the test has no psql in /usr/bin.
export PATH="/usr/pgsql-$version/bin:$PATH"

die() { printf 'rpm.sh: %s\n' "$*" >&2; exit 1; }
ok() { printf 'ok - %s\n' "$*"; }
quietly() { "$@" >/var/tmp/said 2>&1 || { cat /var/tmp/said >&2; die "failed: $*"; }; }

if command -v cargo rustc >/dev/null; then die 'Rust is installed here'; fi
quietly apt-get update
if compgen -G './postgresql-*.deb' >/dev/null; then server=$(echo ./postgresql-*.deb); else server=postgresql-$version; fi
quietly apt-get install --yes --no-install-recommends "$server" rpm
# Where the server of the PostgreSQL project's RPMs is.
mkdir "/usr/pgsql-$version"
ln -s "/usr/lib/postgresql/$version/bin" "/usr/lib/postgresql/$version/lib" "/usr/share/postgresql/$version" "/usr/pgsql-$version/"
mv "/usr/pgsql-$version/$version" "/usr/pgsql-$version/share"

# The packages that it requires are not known to this system's rpm.
quietly rpm --install --nodeps ./*.rpm
quietly rpm --verify --nodeps "$package"
ok "rpm installs $(rpm --query "$package")"
bash smoke.sh start "/usr/pgsql-$version/bin"

quietly rpm --erase "$package"
left=$(find / -xdev -path /test -prune -o -iname '*impossible[-_]travel*' -not -path '/var/tmp/cluster/*' -print)
[ -z "$left" ] || die "rpm --erase leaves: $left"
ok 'rpm --erase leaves nothing'
bash smoke.sh without
bash smoke.sh stop
