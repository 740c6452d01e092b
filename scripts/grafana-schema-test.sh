#!/usr/bin/env bash
# Validates the dashboard of contrib/grafana against the dashboard schemas of several versions of Grafana:
# make test-grafana-schema. They come from PyPI (grafana_foundation_sdk of Grafana Labs, Apache License 2.0), into
# .work. It is not part of make test, which runs the dashboard's queries (tests/e2e/grafana.sh).
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

venv="$WORK/grafana-schema/venv"
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
# Each version of Grafana has its own version of the package, with a number in front that only counts releases.
for version in '1769699998!10.1.0' '1769699796!10.4.0' '1769699379!11.6.0' '1769699241'; do
    folder="$WORK/grafana-schema/$version"
    if ! [ -f "$folder/complete" ]; then
        rm -rf "$folder"
        "$venv/bin/pip" install --quiet --no-deps --target "$folder" "grafana_foundation_sdk==$version"
        touch "$folder/complete"
    fi
    name=${version#*!}
    [ "$name" != "$version" ] || name='that is next'
    printf -- '- the dashboard is valid by the schema of Grafana %s\n' "$name"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$folder" \
        python3 "$ROOT/scripts/grafana-schema-test.py" "$ROOT/contrib/grafana/impossible_travel.json"
done
