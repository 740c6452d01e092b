#!/usr/bin/env bash
# Builds the container image impossible_travel:PG for the version PG of PostgreSQL, with docker, podman or buildah.
#
#   scripts/container.sh [OPTION…]    options are those of the tool's `build`, such as --no-cache
#
# BASE and RUST replace the base images; the Dockerfile describes them. TAG is another name for the image.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

PG=${PG:-18}
arguments=(--build-arg "PG=$PG" --tag "${TAG:-impossible_travel:$PG}")
[ -z "${BASE:-}" ] || arguments+=(--build-arg "BASE=$BASE")
[ -z "${RUST:-}" ] || arguments+=(--build-arg "RUST=$RUST")

if command -v docker >/dev/null; then
    docker build "${arguments[@]}" "$@" .
elif command -v podman >/dev/null; then
    # The format of Docker, because that of OCI has no health check.
    podman build --format docker "${arguments[@]}" "$@" .
elif command -v buildah >/dev/null; then
    buildah bud --format docker "${arguments[@]}" "$@" .
else
    die 'docker, podman or buildah is needed to build an image'
fi
