#!/usr/bin/env bash
# Runs all tests, step by step, and prints a summary at the end.
#
#   scripts/test.sh               every step (make test)
#   scripts/test.sh STEP…         only these: setup fmt deny clippy core fuzz pgrx regress isolation docs e2e demo
#                                 instructions, or a part of one: "e2e NAME", "regress NAME…", "docs FILE…"
#   scripts/test.sh upgrade       the tests of upgrades from one version of PostgreSQL to another (make test-upgrade)
#
# PG or PG_CONFIG says on which PostgreSQL. The summary is also in .work/test/summary-VERSION.
#
# A step that cannot run here, or only in part, exits with 77, and the summary shows it as SKIPPED and says why. REAL_DATA
# is a folder of real CloudTrail files and GeoIP databases, which the project does not ship.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"
cd "$ROOT"

export REAL_DATA=${REAL_DATA:-$ROOT/../shared/data}
STEPS=(setup fmt deny clippy core fuzz pgrx regress isolation docs e2e demo)
SKIPPED=77

step_setup() { scripts/setup.sh --tests; }

step_fmt() {
    cargo fmt --all --check
    # Cargo.lock fits Cargo.toml.
    cargo metadata --locked --format-version 1 >/dev/null
    if LC_ALL=C.UTF-8 grep -n -E '.{121}' sql/*.sql tests/regress/sql/*.sql tests/isolation/*.sql \
        tests/isolation/specs/*.spec; then
        note 'these lines have more than 120 characters'
        return 1
    fi
    scripts/freeze.sh --check
    scripts/lint.sh shell
}

# The licenses, sources and versions of dependencies.
step_deny() { scripts/deny.sh; }

step_clippy() {
    cargo clippy --quiet --workspace --all-targets --no-default-features \
        --features "impossible_travel/pg$(pg_major) impossible_travel/pg_test" -- --deny warnings
}

# The crates that know no PostgreSQL.
step_core() { cargo test --quiet --workspace --exclude impossible_travel --exclude travel-fuzz; }

# The fuzz targets with the stable compiler: their corpora, and changed inputs for two seconds each.
step_fuzz() { FUZZ_SECONDS=${FUZZ_SECONDS:-2} cargo test --quiet --package travel-fuzz -- --nocapture; }

# How many instructions the crates take, against committed figures.
step_instructions() { scripts/instructions.sh check; }

# The tests inside the extension. Their server must not run as root, and its user must own the parent of its folder.
step_pgrx() {
    local home="$SERVERS/pgrx"
    servers_folder
    as_server rm -rf "$home/pgdata"
    rm -rf "$home" && mkdir -m 0700 "$home"
    if is_root; then chown --no-dereference postgres "$home"; fi
    local sudo=()
    # --runas also installs through sudo, which a user who does not own PostgreSQL's folders needs.
    if is_root || ! [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then sudo=(--runas "$(server_user)"); fi
    cargo pgrx test "pg$(pg_major)" --package impossible_travel --no-default-features --features "pg$(pg_major)" \
        "${sudo[@]}" --pgdata "$home/pgdata"
    rm -rf "$home"
}

# Runs SQL files, all or the named ones, and compares their output with the expected output.
step_regress() {
    local pg_regress out="$WORK/regress"
    pg_regress="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress"
    [ -x "$pg_regress" ] || { note "pg_regress is missing beside $("$PG_CONFIG" --pgxs)"; return 1; }
    scripts/install.sh --if-changed
    make_sample
    trap server_drop EXIT
    server_start regress "impossible_travel.geoip_path = '$SERVERS/regress/files/geoip'"
    server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
    rm -rf "$out" && mkdir -p "$out"
    local tests=(--schedule tests/regress/schedule)
    # Each test needs the functions that `setup` creates.
    if [ $# -gt 0 ]; then tests=(setup "$@"); fi
    "$pg_regress" --bindir "$("$PG_CONFIG" --bindir)" --host "$PGHOST" --port "$PGPORT" --user "$PGUSER" \
        --dbname regression --inputdir tests/regress --outputdir "$out" "${tests[@]}" || {
        cat "$out/regression.diffs" 2>/dev/null || true
        return 1
    }
}

# Specs of concurrent sessions, whose steps isolationtester interleaves as each permutation says.
step_isolation() {
    local tester out="$WORK/isolation"
    tester="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress"
    [ -x "$tester" ] || { note "pg_isolation_regress is missing beside $("$PG_CONFIG" --pgxs)"; return 1; }
    scripts/install.sh --if-changed
    make_sample
    trap server_drop EXIT
    server_start isolation "impossible_travel.geoip_path = '$SERVERS/isolation/files/geoip'" \
        'impossible_travel.coverage_notice = off' 'impossible_travel.scan_lock_timeout = 0' 'deadlock_timeout = 100ms'
    server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
    "$(pg_bin createdb)" isolation
    run_psql --quiet --output /dev/null --dbname isolation --file tests/isolation/setup.sql
    rm -rf "$out" && mkdir -p "$out"
    "$tester" --bindir "$("$PG_CONFIG" --bindir)" --host "$PGHOST" --port "$PGPORT" --user "$PGUSER" \
        --use-existing --dbname isolation --inputdir tests/isolation --outputdir "$out" \
        --schedule tests/isolation/schedule || {
        cat "$out/regression.diffs" 2>/dev/null || true
        return 1
    }
}

# The links between the pages, and the SQL in them.
step_docs() {
    scripts/links-test.sh
    scripts/install.sh --if-changed
    scripts/doc-test.sh "$@"
}

# One executable of tests/e2e. It finds the server's functions in scripts/lib/server.sh, the sample in .work/sample.
step_e2e() {
    scripts/install.sh --if-changed
    make_sample
    "tests/e2e/$1.sh"
}

# One executable of tests/upgrade, which installs into the servers of all versions that it needs.
step_upgrade() {
    make_sample
    "tests/upgrade/$1.sh"
}

step_demo() {
    local out="$WORK/test/demo.out" wanted printed
    env -u CLOUDTRAIL -u GEOIP scripts/demo.sh | tee "$out"
    for wanted in 'AKIAALICE0001EXAMPLE | IAMUser' 'London' 'Tokyo' 'ASIACAROL0005EXAMPLE | AssumedRole' 'the same second' \
        'window function *| *13 ' 'aggregate *| *13 ' 'travel.detect *| *13 ' 'materialized view *| *13 ' \
        'access_key | *5 | medium *| carol' 'withdrawn | access_key | alice .* London .* Tokyo *| alert 1$' \
        'iam_user *| *2 | withdrawn | alice' 'iam_user *| *9 | open *| alice' '| known_place, known_transition *| *1 ' \
        '| learning *| *1 ' '| suppressed *| *1 ' '| Tokyo, Yokohama' 'access_key | 20.* | 2026-03-08 .* | *5 | 2026-03-01'; do
        grep -q "$wanted" "$out" || { complain "the demo does not show: $wanted"; return 1; }
    done
    grep -q '^<!DOCTYPE html>' demo.html && grep -q 'carol@example.com' demo.html ||
        { complain 'demo.html does not show the alerts'; return 1; }
    # README.md shows lines of the demo, which must be the demo's own.
    printed=$(sed -e 's/[[:blank:]]*$//' "$out")
    while IFS= read -r wanted; do
        grep -qxF -- "$wanted" <<<"$printed" ||
            { complain "README.md shows a line that the demo does not print: $wanted"; return 1; }
    done < <(awk '/^## / { in_section = /^## Try it/ } /^```/ { in_text = in_section && /^```text/; next } in_text' README.md)
    # The second run must find everything ready.
    echo 'SELECT count(*) FROM cloudtrail;' | scripts/demo.sh psql >/dev/null
}

if [ "${1:-}" = --step ]; then
    # Each step is a process of its own, so a failing command ends the step wherever it is.
    "step_$2" "${@:3}"
    exit
fi

mkdir -p "$WORK/test"
# Without a server yet, `setup` fails and says why.
version=$(pg_major 2>/dev/null) || version=${PG:-15}
if [ $# -gt 0 ]; then
    STEPS=("$@")
elif [ "$version" = 15 ]; then
    # What does not depend on PostgreSQL runs with one version.
    STEPS+=(instructions)
fi
[ "${STEPS[0]%% *}" != upgrade ] || version=upgrade
summary="$WORK/test/summary-$version"
: >"$summary"
# A step that is skipped writes the reason to this file.
export SKIPPED_BECAUSE="$WORK/test/skipped-$version"

run() { # run 'STEP [ARGUMENT…]': runs a step and adds a line to the summary
    local name=$1 started=$SECONDS status=0 result words why=
    read -ra words <<<"$name"
    heading "$name"
    rm -f "$SKIPPED_BECAUSE"
    "$0" --step "${words[@]}" || status=$?
    case $status in
    0) result=PASSED ;;
    "$SKIPPED")
        result=SKIPPED
        [ ! -s "$SKIPPED_BECAUSE" ] || why=" ($(cat "$SKIPPED_BECAUSE"))"
        ;;
    *) result=FAILED ;;
    esac
    printf '%-8s %-24s %5d s  PostgreSQL %s%s\n' "$result" "$name" "$((SECONDS - started))" "$version" "$why" | tee -a "$summary"
    [ "$result" != FAILED ]
}

for step in "${STEPS[@]}"; do
    declare -F "step_${step%% *}" >/dev/null || die "unknown step: $step"
    if [ "$step" = e2e ] || [ "$step" = upgrade ]; then
        for script in tests/"$step"/*.sh; do
            if [ -x "$script" ]; then run "$step $(basename "$script" .sh)" || true; fi
        done
    elif ! run "$step" && [ "$step" = setup ]; then
        # No other step can run without its tools.
        break
    fi
done

heading "Summary of the tests$([ "$version" = upgrade ] || printf ' on PostgreSQL %s' "$version")"
cat "$summary"
if [ ! -d "$REAL_DATA/cloudtrail" ]; then
    note "SKIPPED: the tests over real data, because REAL_DATA=$REAL_DATA does not exist"
fi
! grep -q '^FAILED' "$summary"
