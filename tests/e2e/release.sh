#!/usr/bin/env bash
# `make release` and the check of frozen scripts, in a clone of the project. No server, no build.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

git -C "$ROOT" rev-parse --quiet --verify HEAD >/dev/null 2>&1 || skip "$ROOT is not a git repository"
clone="$SCRATCH/clone"
git clone --quiet --no-local "$ROOT" "$clone"
# The files as they are, committed or not.
git -C "$ROOT" ls-files --cached --others --exclude-standard -z |
    (cd "$ROOT" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done) |
    tar --create --directory "$ROOT" --null --files-from - | tar --extract --directory "$clone"
cd "$clone"
# A stand-in for the tests that a release runs writes down which ones, and fails if it is told to.
export TESTED="$SCRATCH/tested"
cat >scripts/test.sh <<'S'
#!/bin/sh
echo "$*" >>"$TESTED"
[ ! -e "$TESTED.fails" ]
S
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@example.com GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@example.com
git checkout --quiet -B main
git add --all
git commit --quiet --allow-empty --message 'As it is'
git tag --list | xargs --no-run-if-empty git tag --delete >/dev/null
git config core.hooksPath "$SCRATCH/hooks"

release() { env -u DRY_RUN VERSION="$1" "${@:2}" make --silent release 2>&1; }
release_fails() { # release_fails TEXT VERSION: the release must fail with this text and change nothing
    local said before
    before=$(git rev-parse HEAD)$(git status --porcelain)$(git tag)
    ! said=$(release "$2") || fail "release $2 must fail: $1"
    [[ $said = *"$1"* ]] || fail "release $2 said: $said
    wanted: $1"
    same 'nothing changed' "$before" "$(git rev-parse HEAD)$(git status --porcelain)$(git tag)"
}
current=$(scripts/version.sh)
if [ -f sql/released.sha256 ] && grep -qF -- "--$current.sql" sql/released.sha256; then
    skip "$current is released; the next version has not begun"
fi

rule 'the frozen script follows the files of sql/ until it is released'
scripts/freeze.sh --check
echo 'SELECT 1;' >>sql/10_geodesy.sql
! said=$(scripts/freeze.sh --check 2>&1) || fail 'a change of sql/ must be seen'
[[ $said = *'make freeze'* ]] || fail "$said"
make --silent freeze
scripts/freeze.sh --check
git checkout --quiet sql

rule 'a release needs main, a clean tree and its section of the changelog'
release_fails 'which version' 1.2
git checkout --quiet -b other
release_fails 'branch main' "$current"
git checkout --quiet main
touch new
release_fails 'not committed' "$current"
rm new
release_fails 'has no section' 9.9.9

rule 'a release that fails leaves everything as it was'
# The script of a version that nobody began is a new file.
mkdir "$SCRATCH/hooks"
printf '#!/bin/sh\necho "the commit is refused"\nexit 1\n' >"$SCRATCH/hooks/commit-msg"
chmod +x "$SCRATCH/hooks/commit-msg"
sed -i "s/^## $current (unreleased)$/## 9.9.9 (unreleased)/" CHANGELOG.md
cp -R "tests/fixtures/$current" tests/fixtures/9.9.9
git add --all
git commit --quiet --no-verify --message 'Another number'
release_fails 'the commit is refused' 9.9.9
touch "$TESTED.fails"
release_fails 'a test fails' 9.9.9
rm "$TESTED.fails"
rm "$SCRATCH/hooks/commit-msg"
git reset --quiet --hard HEAD^

rule 'a dry run changes nothing; the release commits, tags and freezes'
head=$(git rev-parse HEAD)
release "$current" DRY_RUN=1 >/dev/null
same 'after the dry run' "$head" "$(git rev-parse HEAD)$(git status --porcelain)$(git tag)"
rm "$TESTED"
release "$current"
same 'what it tested' 'setup core e2e fixtures e2e upgrade' "$(cat "$TESTED")"
same 'after the release' "Version $current|v$current|" "$(git log -1 --format=%s)|$(git tag --points-at HEAD)|$(git status --porcelain)"
grep -q "^## $current (20..-..-..)$" CHANGELOG.md || fail 'the changelog has no date'
(cd sql && sha256sum --check --quiet released.sha256)
release_fails "the tag v$current exists" "$current"

rule 'a released script never changes'
echo 'SELECT 1;' >>"sql/impossible_travel--$current.sql"
! said=$(scripts/freeze.sh --check 2>&1) || fail 'a change of a released script must be seen'
[[ $said = *'a released script changed'* ]] || fail "$said"
# Not even together with the sources and its digest.
echo 'SELECT 1;' >>sql/10_geodesy.sql
scripts/freeze.sh --print >"sql/impossible_travel--$current.sql"
(cd sql && sha256sum impossible_travel--*.sql >released.sha256)
! said=$(scripts/freeze.sh --check 2>&1) || fail 'a change of a released script and its digest must be seen'
[[ $said = *"a released script changed since v$current: sql/impossible_travel--$current.sql"* ]] || fail "$said"
# Not even together with the sources.
git checkout --quiet sql
echo 'SELECT 1;' >>sql/10_geodesy.sql
! said=$(scripts/freeze.sh 2>&1) || fail 'a released script must not be written anew'
[[ $said = *'Set the next version'* ]] || fail "$said"
git checkout --quiet sql

rule 'what a released version stored never changes'
echo '\.' >>"tests/fixtures/$current/dump.sql"
! said=$(scripts/freeze.sh --check 2>&1) || fail 'a change of what a released version stored must be seen'
[[ $said = *"stored changed since v$current: tests/fixtures/$current/dump.sql"* ]] || fail "$said"
git checkout --quiet tests/fixtures
scripts/freeze.sh --check
! said=$(tests/fixtures/write.sh 2>&1) || fail 'what a released version stored must not be written anew'
[[ $said = *"$current is released"* ]] || fail "$said"

rule 'the next release needs an upgrade script from the one before, and what it stores'
scripts/version.sh 9.9.9
same 'the crates with the version in Cargo.lock' "$(git ls-files '*Cargo.toml' ':!fuzz' | wc -l)" "$(grep -c '^version = "9\.9\.9"$' Cargo.lock)"
# The crate of the fuzzer itself has no version.
same 'the crates with the version in fuzz/Cargo.lock' "$(grep '^name = "travel-' fuzz/Cargo.lock | grep -vc libfuzzer)" \
    "$(grep -c '^version = "9\.9\.9"$' fuzz/Cargo.lock)"
same 'the version in META.json' 2 "$(grep -c '"version": "9.9.9"' META.json)"
same 'an older version in docs/install.md' '' "$(grep -F "$current" docs/install.md || true)"
scripts/freeze.sh
sed -i '0,/^## /s/^## /## 9.9.9 (unreleased)\n\n- A change.\n\n## /' CHANGELOG.md
git add --all
git commit --quiet --message 'The next version begins'
release_fails "sql/impossible_travel--$current--9.9.9.sql is missing" 9.9.9
echo "COMMENT ON SCHEMA travel IS 'Changed';" >"sql/impossible_travel--$current--9.9.9.sql"
git add --all
git commit --quiet --message 'An upgrade'
release_fails 'tests/fixtures/9.9.9 is missing' 9.9.9
cp -R "tests/fixtures/$current" tests/fixtures/9.9.9
git add --all
git commit --quiet --message 'What it stores'
said=$(release 9.9.9 DRY_RUN=1)
[[ $said = *"test sql/impossible_travel--$current--9.9.9.sql"* ]] || fail "$said"
release_fails 'older than' 0.0.9
