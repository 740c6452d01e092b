#!/usr/bin/env bash
# Fuzzes the crates with libFuzzer, which is guided by the code that an input reaches. It needs the nightly toolchain of
# Rust and a C++ compiler; without cargo-fuzz it installs it. The targets are in tests/fuzz, and the test step fuzz runs
# them with the stable compiler.
#
#   scripts/fuzz.sh run SECONDS [TARGET…]    fuzzes these targets, or all of them, each for so many seconds
#   scripts/fuzz.sh minimize [TARGET…]       rewrites the corpus: keeps the inputs with names, and the smallest set of
#                                            others that reaches the same code
#
# The inputs that a run finds are in .work/fuzz/TARGET. An input with which a target fails is in .work/fuzz: the run names
# the file. Add it to fuzz/corpus/TARGET with the change that mends the failure.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck disable=SC2209 # the name of the mode
mode=${1:-}
shift || true
case $mode in
run)
    seconds=${1:-}
    shift || true
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo 'fuzz.sh: for how many seconds? scripts/fuzz.sh run SECONDS [TARGET…]' >&2; exit 1; }
    ;;
minimize) ;;
*) echo 'usage: scripts/fuzz.sh run SECONDS [TARGET…] | minimize [TARGET…]' >&2; exit 1 ;;
esac

CARGO_FUZZ=0.13.2
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $CARGO_FUZZ" ]; then
    cargo install cargo-fuzz --version "$CARGO_FUZZ" --locked
fi
rustup run nightly rustc --version >/dev/null 2>&1 ||
    { echo 'fuzz.sh: the nightly toolchain is missing: rustup toolchain install nightly --profile minimal' >&2; exit 1; }

targets=("$@")
if [ $# = 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/.work/fuzz-target}
mkdir -p .work/fuzz
# One target is built alone; all of them take minutes.
if [ ${#targets[@]} = 1 ]; then only=("${targets[0]}"); else only=(); fi
cargo +nightly fuzz build --fuzz-dir fuzz "${only[@]}"
binaries="$CARGO_TARGET_DIR/$(rustc +nightly -vV | sed -n 's/^host: //p')/release"

status=0
for target in "${targets[@]}"; do
    found=.work/fuzz/$target corpus=fuzz/corpus/$target
    mkdir -p "$found" "$corpus"
    dictionary=()
    if [ -f "fuzz/dictionaries/$target.dict" ]; then dictionary=("-dict=fuzz/dictionaries/$target.dict"); fi
    if [ "$mode" = minimize ]; then
        # Inputs with descriptive names are kept, because they once failed or show a form of input. libFuzzer names its
        # inputs by a digest.
        rm -rf "$corpus.new" && mkdir "$corpus.new"
        find "$corpus" -type f -regextype posix-extended ! -regex '.*/[0-9a-f]{40}' -exec cp -t "$corpus.new" {} +
        "$binaries/$target" -set_cover_merge=1 -use_counters=0 -rss_limit_mb=2048 "$corpus.new" "$corpus" "$found" 2>"$found.log"
        rm -rf "$corpus" && mv "$corpus.new" "$corpus"
        printf '%s: %s inputs\n' "$target" "$(find "$corpus" -type f | wc -l)"
        continue
    fi
    # An input that takes longer than ten seconds, or more memory than the limits, is a failure, too.
    if "$binaries/$target" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=8192 \
        -print_final_stats=1 -artifact_prefix=".work/fuzz/$target-" "${dictionary[@]}" "$found" "$corpus" 2>"$found.log"; then
        printf '%-20s %12s inputs, no failure\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log")"
    else
        status=1
        printf '%-20s FAILED\n' "$target"
        grep -v '^#' "$found.log" | tail -n 40
    fi
done
exit "$status"
