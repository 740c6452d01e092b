#!/usr/bin/env bash
# Removes what the other scripts made: the servers' folders, .work, dist, the Debian systems that tests of packages unpack,
# and cargo's output. Installed files stay.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

for folder in "$SERVERS"/*/; do
    [ -d "$folder" ] || continue
    server_at "$(basename "$folder")"
    server_drop
done
rm -rf "${SERVERS:?}" "${WORK:?}" "${ROOT:?}/dist"
[ ! -d /var/tmp/impossible_travel-debian ] || as_root scripts/debian-root.sh clean
cargo clean
