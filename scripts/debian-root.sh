#!/usr/bin/env bash
# Runs a command as root in a fresh, minimal Debian, and removes that Debian afterwards.
#
#   scripts/debian-root.sh SUITE FOLDER COMMAND…   FOLDER is copied to /test, where the command starts
#   scripts/debian-root.sh unpack SUITE FOLDER     runs nothing, but makes FOLDER, with that Debian in it
#   scripts/debian-root.sh clean                   removes the files that later runs unpack
#
# SUITE is bookworm, trixie or another suite of Debian. The first run for a suite fetches its packages with debootstrap,
# from the mirror of this machine's apt, and checks them by Debian's keys. The command sees neither this machine's files nor
# its processes, and no service is started for it. Only root may run this script.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/debian.sh
. "$ROOT/scripts/lib/debian.sh"

# Only root may write here: root runs what is in these files.
BASES=/var/lib/impossible_travel/debian
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
is_root || die 'this script needs root'

if [ "${1:-}" = clean ]; then
    rm -rf "$BASES"
    exit 0
fi
[ $# -ge 3 ] || die 'usage: scripts/debian-root.sh SUITE FOLDER COMMAND…'
unpack_to=
if [ "$1" = unpack ]; then unpack_to=$3 && shift; fi
suite=$1 folder=$2
shift 2

root=$(mktemp -d /var/tmp/impossible_travel-root.XXXXXX)
trap 'rm -rf --one-file-system "${root:?}"' EXIT

if [ ! -f "$BASES/$suite.tar" ]; then
    heading "Fetching a minimal Debian $suite"
    [ -f "$KEYRING" ] || die "$KEYRING is missing, with Debian's keys (package debian-archive-keyring)"
    # Other users enter the folder above it, whatever umask the caller has: it also has the fetched servers.
    (umask 022 && mkdir -p "$BASES")
    log=$(mktemp "$BASES/log.XXXXXX")
    # Without --force-check-gpg, debootstrap accepts packages without a signature if it finds no keyring.
    debootstrap --force-check-gpg --keyring="$KEYRING" --variant=minbase --include=ca-certificates "$suite" "$root" \
        "$(debian_mirror)" >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; rm -f "$log"; die "debootstrap $suite failed"; }
    rm -f "$log"
    # A proxy of this machine's apt is one of that Debian, too.
    apt-config dump | grep -E '^Acquire::https?::Proxy' >"$root/etc/apt/apt.conf.d/90proxy" || true
    printf 'exit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" --one-file-system -cf "$BASES/$suite.new" .
    mv "$BASES/$suite.new" "$BASES/$suite.tar"
else
    tar -C "$root" -xpf "$BASES/$suite.tar"
fi

# Other users of that Debian must be able to enter it.
chmod 755 "$root"
if [ -n "$unpack_to" ]; then
    mv --no-target-directory "$root" "$unpack_to"
    exit
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -R "$folder" "$root/test"
chmod -R a+rX "$root/test"
# shellcheck disable=SC2016 # the inner shell expands these
unshare --mount --pid --ipc --fork --kill-child bash -c '
    root=$1
    shift
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mkdir -p "$root/dev/shm"
    mount -t tmpfs tmpfs "$root/dev/shm"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive bash -c '\''cd /test && "$@"'\'' bash "$@"
' bash "$root" "$@"
