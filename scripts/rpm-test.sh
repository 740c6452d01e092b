#!/usr/bin/env bash
# Builds the RPM for the version PG of PostgreSQL and tests it.
#
#   scripts/rpm-test.sh [STEP…]    all steps, or the named ones
#
#     build       builds the package
#     contents    its files, what it needs, and rpmlint
#     reproduce   builds it again, from another folder with other times and modes and without output: the same file (minutes)
#     install     installs it with rpm in a fresh Debian without Rust, detects the sample's impossible travel, removes it
#
# The fresh system is the Debian of scripts/deb-test.sh, so the test needs no repository but Debian's. In it, /usr/pgsql-NN
# has links to that Debian's server. So the test shows that the files are at their places, that the library works, and that
# it needs no newer C library than Red Hat Enterprise Linux 9 has; it does not show that a Red Hat system has what else the
# package requires.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/package.sh
. "$ROOT/scripts/lib/package.sh"
# shellcheck source=scripts/lib/package-test.sh
. "$ROOT/scripts/lib/package-test.sh"

# The server may be a fetched one. The names of the files need the programs that setup.sh installs.
export TEST_SERVER=yes
"$ROOT/scripts/setup.sh"
need_tools rpm=rpm

version=$(pg_major)
package="impossible_travel_$version"
rpm="$DIST/$package-$(package_version)-1$(rpm --eval '%{?dist}').$(rpm --eval '%_arch').rpm"

build() { "$ROOT/scripts/rpm.sh"; }

contents() {
    need_tools file=file rpmlint=rpmlint rpm2cpio=rpm2cpio cpio=cpio
    local files expected requires
    files=$(rpm --query --list --package "$rpm")
    for expected in "/usr/pgsql-$version/lib/impossible_travel.so" \
        "/usr/pgsql-$version/share/extension/impossible_travel.control" \
        "/usr/pgsql-$version/share/extension/impossible_travel--$(package_version).sql" \
        "/usr/share/doc/$package/README.md" "/usr/share/doc/$package/docs/reference.md" \
        "/usr/share/doc/$package/examples/load-s3.sh" "/usr/share/doc/$package/contrib/dbt/dbt_project.yml" \
        "/usr/share/doc/$package/examples/impossible-travel-scan.timer" "/usr/share/licenses/$package/copyright"; do
        grep -qxF "$expected" <<<"$files" || die "$package has no $expected"
    done
    expected="^(/usr/pgsql-$version/(lib|share/extension)/impossible_travel|/usr/share/(doc|licenses)/$package(/|\$))"
    if grep -vE "$expected" <<<"$files"; then die "$package has files at other places"; fi
    ok 'the files are at their places'
    # The C library of Red Hat Enterprise Linux 9.
    library_is_clean 2.34 <(rpm2cpio "$rpm" | cpio --quiet --extract --to-stdout "./usr/pgsql-$version/lib/impossible_travel.so")
    rm -rf "$BUILD/unpacked" && mkdir -p "$BUILD/unpacked"
    (cd "$BUILD/unpacked" && rpm2cpio "$rpm" | cpio --quiet --extract --make-directories)
    license_is_complete
    links_are_whole
    requires=$(rpm --query --requires --package "$rpm")
    grep -qx "postgresql$version-server" <<<"$requires" || die "$package does not require the server"
    rpmlint --strict --config "$ROOT/packaging/rpm/rpmlint.toml" "$rpm"
    ok "rpmlint; the package requires postgresql$version-server and $(grep -o 'GLIBC_[0-9.]*' <<<"$requires" | sort -V | tail -n 1)"
}

# The tag License is written by hand. It must name the licenses of the copyright file, where MIT and the public
# domain have Debian's names.
license_is_complete() {
    local tag file
    tag=$(rpm --query --queryformat '%{LICENSE}' --package "$rpm" | tr -d '()' | tr ' ' '\n' | grep -vxE 'AND|OR' | sort -u)
    file=$(sed -n 's/^License: //p' "$BUILD/unpacked/usr/share/licenses/$package/copyright" | tr -d ',' | tr ' ' '\n' |
        grep -vxE 'and|or' | sed 's/^Expat$/MIT/; s/^public-domain$/LicenseRef-Fedora-Public-Domain/' | sort -u)
    [ "$tag" = "$file" ] || die "the tag License and the copyright file differ: $(diff <(echo "$tag") <(echo "$file") | grep '^[<>]')"
    ok "the tag License names the licenses of the copyright file: $(paste -s -d ' ' <<<"$tag")"
}

reproduce() { builds_again rpm.sh "$rpm"; }

install() {
    local folder="$BUILD/rpm-test-$version"
    test_folder "$folder"
    cp "$rpm" "$ROOT/tests/packages/rpm.sh" "$folder/"
    fresh_debian "$folder" bash rpm.sh "$version"
    ok "$package in a fresh Debian"
}

run_steps "$@"
