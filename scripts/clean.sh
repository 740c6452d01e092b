#!/usr/bin/env bash
# Removes what the other scripts made: the servers' folders, .work, dist, demo.html and cargo's output. Installed files
# stay. As root it also removes what the tests of packages and of the container keep for all clones.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

stays() { note "$1 stays, because it belongs to another user"; }

if servers_are_own; then
    for folder in "$SERVERS"/*/; do
        [ -d "$folder" ] || continue
        server_at "$(basename "$folder")"
        server_drop
    done
    rm -rf "${SERVERS:?}"
elif [ -e "$SERVERS" ] || [ -L "$SERVERS" ]; then
    stays "$SERVERS"
fi
rm -rf "${WORK:?}" "${ROOT:?}/dist" "${ROOT:?}/demo.html"
# The user who only installs need not have Rust.
if command -v cargo >/dev/null; then cargo clean; else rm -rf "${ROOT:?}/target"; fi
for folder in /var/lib/impossible_travel/{debian,container*} /var/tmp/impossible_travel-container*; do
    [ -d "$folder" ] || continue
    if [ -O "$folder" ]; then rm -rf --one-file-system "$folder"; else stays "$folder"; fi
done
