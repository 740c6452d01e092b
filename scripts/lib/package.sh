# shellcheck shell=bash
# What the scripts for packages share. To be sourced after common.sh.
#
#   need_tools PACKAGE=COMMAND…   installs the Debian packages whose commands are missing
#   package_version               prints the version of the extension
#   maintainer                    prints the name and the address of the packages' maintainer
#   copy_sources FOLDER           copies the project's files into a new folder
#
# SOURCE_DATE_EPOCH is set: the time of all files in a package, by which two builds of one commit are the same. It is the
# time of the last commit, or that of CHANGELOG.md where there is no repository, as in a source archive.

# Where the packages are put.
# shellcheck disable=SC2034 # for the scripts that source this
DIST="$ROOT/dist"
# Packages are built here, in copies of the sources, but with one folder for cargo's output: a second build is quick.
BUILD="$WORK/package"
PACKAGE_TARGET_DIR="$BUILD/target"

is_repository() {
    [ -e "$ROOT/.git" ] || return 1
    local top
    # Git refuses a repository of another user, for example. The package would silently get another time.
    top=$(git -C "$ROOT" rev-parse --show-toplevel) || die "git cannot read the repository $ROOT and says why above"
    [ "$top" = "$(cd "$ROOT" && pwd -P)" ]
}

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    if is_repository; then
        SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct)
    else
        SOURCE_DATE_EPOCH=$(stat --format %Y "$ROOT/CHANGELOG.md")
    fi
fi
# The modes of the files in a package do not depend on the caller's.
umask 022
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC

need_tools() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair#*=}" >/dev/null || missing+=("${pair%%=*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "these Debian packages are missing: ${missing[*]}"
    heading "Installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

package_version() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml"; }

# The maintainer, in the variables that Debian's own tools use.
maintainer() { printf '%s <%s>' "${DEBFULLNAME:-The impossible_travel developers}" "${DEBEMAIL:-impossible-travel@example.org}"; }

copy_sources() {
    rm -rf "$1" && mkdir -p "$1"
    if is_repository; then
        # With new files that are not committed yet, without files that were deleted.
        (cd "$ROOT" && git ls-files --cached --others --exclude-standard -z |
            while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
            xargs -0 cp --parents --preserve=mode,timestamps --no-dereference -t "$1")
    else
        tar -C "$ROOT" --exclude=./target --exclude=./.work --exclude=./dist -cf - . | tar -C "$1" -xf -
    fi
    # A checkout has the modes that its user's umask leaves.
    chmod -R u=rwX,go=rX "$1"
}
