# shellcheck shell=bash
# What the tests of the packages share. To be sourced after common.sh and package.sh, by a script that has a function for
# each of the steps, and the variable package.
#
#   run_steps [STEP…]                 runs the steps, or all of them
#   test_folder FOLDER                makes the folder that the fresh Debian gets: the sample, the tests, maybe a server
#   fresh_debian FOLDER COMMAND…      runs the command in a fresh Debian
#   builds_again SCRIPT FILE          builds the package with scripts/SCRIPT once more, and compares it with FILE
#   library_is_clean GLIBC FILE       checks that the library FILE of a package needs no newer C library than GLIBC, such as
#                                     2.36, and contains nothing that depends on this machine
#   links_are_whole                   checks the links between the pages of the package in $BUILD/unpacked

ok() { printf 'ok - %s\n' "$*"; }

run_steps() {
    local step
    [ $# -gt 0 ] || set -- build contents reproduce install
    for step in "$@"; do
        # shellcheck disable=SC2154 # the caller sets the variable package
        case $step in
        build | contents | reproduce | install) heading "$package: $step"; "$step" ;;
        *) die "unknown step: $step" ;;
        esac
    done
}

# The suite of Debian that has the version of PostgreSQL. No suite has 16 or 18.
suite() { case $(pg_major) in 17) printf trixie ;; *) printf bookworm ;; esac; }

fresh_debian() {
    need_tools debootstrap=debootstrap
    # The keys by which debootstrap checks Debian's packages. They are a file, not a command.
    [ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || need_tools debian-archive-keyring=
    as_root env PG_CONFIG="$PG_CONFIG" "$ROOT/scripts/debian-root.sh" "$(suite)" "$@"
}

test_folder() {
    local file
    rm -rf "$1" && mkdir -p "$1/cloudtrail" "$1/geoip"
    make_sample
    cp "$WORK/sample/geoip"/*.mmdb "$1/geoip/"
    find "$WORK/sample/cloudtrail" -name '*.json.gz' | while IFS= read -r file; do
        zcat "$file" >"$1/cloudtrail/$(basename "$file" .gz)"
    done
    package_version >"$1/version"
    cp "$ROOT/tests/packages/smoke.sh" "$1/"
    case $(pg_major) in 16 | 18) server_package "$1" ;; esac
}

# A package of the server at PG_CONFIG, as Debian would name it and place its files.
server_package() { # server_package FOLDER: puts it there
    local version tree place share from
    version=$(pg_major) tree="$BUILD/server-$(pg_major)"
    place="usr/lib/postgresql/$version" share="usr/share/postgresql/$version"
    note "No Debian has PostgreSQL $version: the test packages the server of $PG_CONFIG as postgresql-$version."
    rm -rf "$tree" && mkdir -p "$tree/DEBIAN" "$tree/$place" "$tree/$share"
    from=$(cd "$("$PG_CONFIG" --bindir)/.." && pwd -P)
    cp -R "$from/bin" "$from/lib" "$tree/$place/"
    cp -RT "$("$PG_CONFIG" --sharedir)" "$tree/$share"
    # The server finds its folders relative to its programs.
    if [ -d "$tree/$place/lib/postgresql" ]; then
        cp -R "$tree/$place/lib/postgresql/." "$tree/$place/lib/"
        rm -rf "$tree/$place/lib/postgresql"
        ln -s . "$tree/$place/lib/postgresql"
        mkdir "$tree/$place/share"
        ln -s "/$share" "$tree/$place/share/postgresql"
    else
        ln -s "/$share" "$tree/$place/share"
    fi
    # A wheel has the libraries of its programs next to itself.
    if compgen -G "$from/../../*.libs" >/dev/null; then cp -R "$from"/../../*.libs "$tree/usr/lib/"; fi
    find "$tree" -name '*impossible_travel*' -delete
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: postgresql-$version
Version: $("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9.]+).*/\1/')-0test
Architecture: $(dpkg --print-architecture)
Maintainer: nobody <nobody@example.org>
Depends: libc6, zlib1g
Description: a server for the tests of impossible_travel
CONTROL
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$1" >/dev/null
    rm -rf "$tree"
}

builds_again() {
    local other="$WORK/package-again"
    rm -rf "$other"
    copy_sources "$other/another-folder"
    # What another user's old clone may have.
    chmod -R go= "$other/another-folder"
    find "$other/another-folder" -exec touch --no-dereference --date=2001-01-01 {} +
    # The copy has no repository: SOURCE_DATE_EPOCH, which is set here, says the time of its files.
    "$other/another-folder/scripts/$1" "$other/dist" >/dev/null
    cmp "$2" "$other/dist/$(basename "$2")" || die "the second build is another file; compare it: diffoscope $2 $other/dist"
    rm -rf "$other"
    ok "two builds are one file: $(sha256sum <"$2" | cut -c 1-16)…"
}

links_are_whole() {
    "$ROOT/scripts/links-test.sh" "$BUILD/unpacked/usr/share/doc/$package"
    rm -rf "$BUILD/unpacked"
    ok 'the package has the pages to which its pages link'
}

library_is_clean() {
    local copy="$BUILD/library.so" found glibc
    mkdir -p "$BUILD"
    cat "$2" >"$copy"
    file --brief "$copy" | grep -q ', stripped$' || die "the library is not stripped: $(file --brief "$copy")"
    if readelf --dynamic "$copy" | grep -E 'RPATH|RUNPATH'; then die 'the library has a RUNPATH'; fi
    found=$(strings --all --bytes 6 "$copy" | grep -F -e "$HOME/" -e "$ROOT" -e "$WORK" -e "$(dirname "$("$PG_CONFIG" --bindir)")/" \
        -e "$("$PG_CONFIG" --includedir-server)/" \
        -e "${CARGO_HOME:-$HOME/.cargo}" -e /home/ | head -n 5) || true
    [ -z "$found" ] || die "the library contains paths of this machine: $found"
    glibc=$(objdump --dynamic-syms "$copy" | grep -o 'GLIBC_[0-9.]*' | sort --version-sort | tail -n 1) ||
        die 'the library uses no symbol of the C library'
    [ "$(printf '%s\n' "$glibc" "GLIBC_$1" | sort --version-sort | tail -n 1)" = "GLIBC_$1" ] ||
        die "the library needs $glibc, and the oldest system that the package is for has $1: build it there"
    rm "$copy"
    ok "the library is stripped, has no RUNPATH, contains no path of this machine, and needs $glibc"
}
