#!/usr/bin/env bash
# Makes a release: checks what it needs, sets the version, freezes the install script, commits and tags. It pushes nothing.
#
#   VERSION=x.y.z scripts/release.sh              make release VERSION=x.y.z
#   VERSION=x.y.z DRY_RUN=1 scripts/release.sh    only the checks that need no build; changes nothing
#
# What it needs: a clean working tree on the branch main, a section of the version in CHANGELOG.md, what the version stores
# in tests/fixtures/VERSION, and, unless it is the first release, sql/impossible_travel--PREVIOUS--VERSION.sql.
#
# Before the commit it runs the tests of what databases keep: the steps core, e2e/fixtures and e2e/upgrade, on PostgreSQL
# 15 or PG. All other tests are those of continuous integration. If anything fails, the files are as before.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
note() { printf '   %s\n' "$*"; }
git_status() { git status --porcelain --untracked-files=normal; }

version=${VERSION:-}
released=sql/released.sha256
install_script="sql/impossible_travel--$version.sql"

# The newest version of the list of released scripts, or nothing.
previous=$({ [ ! -f "$released" ] || sed -nE 's/.*  impossible_travel--([0-9.]+)\.sql$/\1/p' "$released"; } | sort -V | tail -n 1)
upgrade_script="sql/impossible_travel--$previous--$version.sql"

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die 'which version? make release VERSION=x.y.z'
[ "$(git branch --show-current)" = main ] || die "a release is made on the branch main, and this is $(git branch --show-current)"
[ -z "$(git_status)" ] || die "the working tree has changes that are not committed: $(git_status | head -n 3 | paste -s -d ' ')"
! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null || die "the tag v$version exists"
if [ -n "$previous" ] && [ "$(printf '%s\n%s\n' "$previous" "$version" | sort -V | tail -n 1)" != "$version" ]; then
    die "$version is older than $previous, which is released"
fi
[ "$previous" != "$version" ] || die "$version is released"
entries=$(awk -v version="$version" '/^## / { in_section = $2 == version; next } in_section && /^- /' CHANGELOG.md | wc -l)
[ "$entries" -gt 0 ] || die "CHANGELOG.md has no section \"## $version (unreleased)\" with changes"
grep -qxF "## $version (unreleased)" CHANGELOG.md || die "the heading in CHANGELOG.md must be \"## $version (unreleased)\""
if [ -n "$previous" ]; then
    (cd sql && sha256sum --check --quiet --strict "${released#sql/}") || die 'a released script changed'
    [ -f "$upgrade_script" ] || die "$upgrade_script is missing: it must change the SQL objects of $previous to those of $version"
fi
[ -f "tests/fixtures/$version/dump.sql" ] ||
    die "tests/fixtures/$version is missing: run scripts/version.sh $version and tests/fixtures/write.sh, and commit both"
for identity in GIT_AUTHOR_IDENT GIT_COMMITTER_IDENT; do git var "$identity" >/dev/null; done
note "version $version, after ${previous:-nothing}, with $entries changes"
if [ -n "${DRY_RUN:-}" ]; then
    note "DRY_RUN: would set the version, freeze $install_script, test ${previous:+$upgrade_script and }the stored data, commit, and tag v$version"
    exit
fi

# What a release changes. Nothing else is committed, and nothing else is undone.
files=(Cargo.toml Cargo.lock fuzz/Cargo.lock META.json docs/install.md CHANGELOG.md sql)
head=$(git rev-parse HEAD)
undo() {
    local status=$?
    trap - EXIT
    # If the tag failed, the commit is there.
    git reset --quiet --soft "$head"
    git restore --source "$head" --staged --worktree -- "${files[@]}"
    # Untracked files, which the script of a new version can be.
    git clean --quiet --force -- sql
    printf '%s: nothing is released, and the files are as before\n' "$(basename "$0")" >&2
    exit "$status"
}
trap undo EXIT

old=$(scripts/version.sh)
if [ "$old" != "$version" ]; then scripts/version.sh "$version"; fi
sed -i "s/^## $version (unreleased)$/## $version ($(date -u +%F))/" CHANGELOG.md
scripts/freeze.sh
scripts/test.sh setup core 'e2e fixtures' 'e2e upgrade' || die 'a test fails'
(cd sql && sha256sum "${install_script#sql/}" ${previous:+"${upgrade_script#sql/}"}) >>"$released"
scripts/freeze.sh --check
git add --all -- "${files[@]}"
git commit --quiet --message "Version $version"
git tag --annotate --message "impossible_travel $version" "v$version"
trap - EXIT

note "committed and tagged as v$version. Next:"
note "- git push origin main v$version: the workflow builds the packages and attaches them to the release"
note "- upload the archive of make dist to PGXN"
if [ "$old" != "$version" ] && git grep --quiet --fixed-strings "$old" -- README.md docs packaging; then
    note "- these still name $old: $(git grep --files-with-matches --fixed-strings "$old" -- README.md docs packaging | paste -s -d ' ')"
fi
note '- before the first change of an SQL object: scripts/version.sh NEXT, and begin its upgrade script'
