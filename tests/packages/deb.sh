#!/usr/bin/env bash
# Installs, uses, removes and installs again the package in a fresh Debian. scripts/deb-test.sh runs it there, as root.
#
#   deb.sh VERSION     VERSION of PostgreSQL; the packages are in this folder
set -euo pipefail

version=$1
package="postgresql-$version-impossible-travel"
bin=/usr/lib/postgresql/$version/bin
export PATH="$bin:$PATH"

die() { printf 'deb.sh: %s\n' "$*" >&2; exit 1; }
ok() { printf 'ok - %s\n' "$*"; }
quietly() { "$@" >/var/tmp/said 2>&1 || { cat /var/tmp/said >&2; die "failed: $*"; }; }

if command -v cargo rustc >/dev/null; then die 'Rust is installed here'; fi
quietly apt-get update
quietly apt-get install --yes --no-install-recommends ./*.deb
ok "apt-get installs $package with $(dpkg-query --show "postgresql-$version" | tr '\t' ' ')"
[ -z "$(dpkg --audit)" ] || die "dpkg --audit: $(dpkg --audit)"
library=/usr/lib/postgresql/$version/lib/impossible_travel.so
if ldd "$library" | grep 'not found'; then die 'libraries are missing'; fi
dpkg --verify "$package" || die 'dpkg --verify finds differences'

bash smoke.sh start "$bin"

dpkg --listfiles "$package" >/var/tmp/files
quietly apt-get purge --yes "$package"
left=$(find / -xdev -path /test -prune -o -iname '*impossible[-_]travel*' -not -path '/var/tmp/cluster/*' -print)
[ -z "$left" ] || die "purge leaves: $left"
while IFS= read -r file; do
    if [ -e "$file" ] && ! dpkg --search "$file" >/dev/null 2>&1 && [ "$file" != /. ]; then die "purge leaves $file"; fi
done </var/tmp/files
ok 'purge leaves nothing'

bash smoke.sh without
quietly apt-get install --yes --no-install-recommends ./"$package"_*.deb
bash smoke.sh again
bash smoke.sh stop
