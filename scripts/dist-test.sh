#!/usr/bin/env bash
# Tests the source archives: makes them twice, with the same digests, then unpacks the one with the crates elsewhere and
# runs `make demo` there, without a network and with an empty CARGO_HOME. That builds cargo-pgrx and the extension (without
# optimization), installs the extension into PG_CONFIG's server, and detects the impossible travel of the sample. Then the
# server gets back the files of the extension that it had before.
#
#   scripts/dist-test.sh       needs root, or a kernel that lets users make network namespaces (15 minutes)
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

"$ROOT/scripts/setup.sh"
alone=(unshare --net)
is_root || alone=(unshare --net --map-current-user)
"${alone[@]}" true || die 'this user may not make a network namespace, so the test cannot run'

commit=$(git rev-parse HEAD)
"$ROOT/scripts/dist.sh" "$commit"
first=$(cat dist/SHA256SUMS)
"$ROOT/scripts/dist.sh" "$commit" >/dev/null
[ "$first" = "$(cat dist/SHA256SUMS)" ] || die "two runs made different archives: $first and $(cat dist/SHA256SUMS)"
note 'Two runs made the same archives'

place=$(mktemp -d /var/tmp/impossible_travel-dist.XXXXXX)
library="$("$PG_CONFIG" --pkglibdir)/impossible_travel.so"
extensions="$("$PG_CONFIG" --sharedir)/extension"
change() { if [ -w "$(dirname "$library")" ] && [ -w "$extensions" ]; then "$@"; else as_root "$@"; fi; }
installed() { find "$library" "$extensions"/impossible_travel* -maxdepth 0 -print0 2>/dev/null || true; }
installed | tar --create --absolute-names --null --files-from=- --file "$place/installed.tar"
finish() {
    cd /
    for folder in "$place/servers"/*/; do
        [ -d "$folder" ] || continue
        SERVERS="$place/servers"
        server_at "$(basename "$folder")"
        server_drop
    done
    installed | change xargs -0 --no-run-if-empty rm -f
    change tar --extract --absolute-names --file "$place/installed.tar" || complain "$extensions has the files of the test"
    rm -rf "$place"
}
archive="dist/$(sed -n 's/.*  \(.*\.tar\.gz\)$/\1/p' dist/SHA256SUMS)"
unpacked="$place/$(basename "$archive" .tar.gz)"
trap finish EXIT
# The server's user must be able to enter the folder.
chmod 0711 "$place"
tar --extract --file "$archive" --directory "$place"
cd "$unpacked"
export CARGO_HOME="$place/cargo" PGRX_HOME="$place/pgrx" CARGO_TARGET_DIR="$place/target" TRAVEL_SERVERS="$place/servers"
export PROFILE=dev CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off

# cargo-pgrx comes from the archive, so PATH must not have the one of this machine, which is in the same folder as cargo.
mkdir -p "$place/bin" "$CARGO_HOME/bin"
for file in "$(dirname "$(command -v cargo)")"/*; do
    [ "$(basename "$file")" = cargo-pgrx ] || ln -s "$file" "$place/bin/"
done
PATH="$CARGO_HOME/bin:$place/bin:$(tr : '\n' <<<"$PATH" | while IFS= read -r folder; do
    [ -x "$folder/cargo-pgrx" ] || printf '%s:' "$folder"
done)"
PATH=${PATH%:}
! command -v cargo-pgrx >/dev/null || die 'PATH has a cargo-pgrx'

heading 'Building cargo-pgrx and the extension without a network'
"${alone[@]}" scripts/demo.sh >demo.out || { cat demo.out; exit 1; }
grep -q 'travel.detect *| *13 ' demo.out || { cat demo.out; die 'the demo does not detect the 13 impossible legs of the sample'; }
note "$(grep 'travel.detect *| *13 ' demo.out)"
