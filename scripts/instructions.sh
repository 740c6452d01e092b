#!/usr/bin/env bash
# Counts the instructions that the crates take, with valgrind, and compares them with bench/instructions.txt. Unlike times,
# they do not depend on the machine's load.
#
#   scripts/instructions.sh check     the test step instructions; exits with 77 where nothing can be compared
#   scripts/instructions.sh update    writes bench/instructions.txt
#
# The profiles are in .work/instructions: callgrind_annotate .work/instructions/leg.profile
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

case ${1:-} in
check | update) ;;
*) die 'usage: scripts/instructions.sh check|update' ;;
esac
# The caller's flags, such as a target CPU, would make other instructions of the same code.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
while IFS= read -r name; do unset "$name"; done < <(compgen -e CARGO_PROFILE_RELEASE_ || true)
cargo build --quiet --release --locked --package travel-instructions
mkdir -p "$WORK"
"$(target_dir)/release/travel-instructions" "$1" bench/instructions.txt "$WORK/instructions"
