#!/usr/bin/env bash
# Adds the repository of postgresql.org to apt, which has packages of all versions of PostgreSQL for Debian and Ubuntu, and
# installs what a bare Debian lacks for `make`.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

command -v apt-get >/dev/null || die 'this needs Debian or Ubuntu'
as_root apt-get update -q
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    ca-certificates postgresql-common python3-pip
as_root /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y
