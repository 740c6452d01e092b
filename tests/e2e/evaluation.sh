#!/usr/bin/env bash
# The evaluation of `make evaluate` (docs/evaluation.md): the same seed gives the same results, which are those of
# tests/e2e/evaluation_figures.md, and the detections, among them those of other products, evaluate single cases as their
# documentation says.
#
#   UPDATE=1 scripts/test.sh 'e2e evaluation'   writes the figures instead of comparing them
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

rule 'the same seed gives the same results, byte for byte'
evaluate() { # evaluate RESULTS
    SEEDS=7 PEOPLE=60 DAYS=60 RESULTS=$1 "$ROOT/bench/evaluate.sh" >"$SCRATCH/said" || fail "$(cat "$SCRATCH/said")"
}
evaluate "$SCRATCH/first.md"
evaluate "$SCRATCH/second.md"
holds 'the same results' cmp "$SCRATCH/first.md" "$SCRATCH/second.md"

rule 'no change of the code changes what the detections find unless the committed figures change with it'
figures="$ROOT/tests/e2e/evaluation_figures.md"
# The tables without the introduction and the list of parameters.
sed -n '/^- \*\*Organizations/,/^## Parameters/ { /^## Parameters/!p }' "$SCRATCH/first.md" >"$SCRATCH/figures.md"
if [ -n "${UPDATE:-}" ]; then cp "$SCRATCH/figures.md" "$figures"; fi
differences=$(diff "$figures" "$SCRATCH/figures.md") ||
    fail "the results differ (< as committed, > now); if that is intended, see the head of tests/e2e/evaluation.sh:
$differences"

# The sample's GeoIP databases locate the documentation ranges.
start e2e-evaluation 'impossible_travel.coverage_notice = off' \
    "impossible_travel.geoip_path = '$SERVERS/e2e-evaluation/files/geoip'"
server_copy geoip "$ROOT/.work/sample/geoip"/*.mmdb >/dev/null
{
    printf 'SET client_min_messages = warning;\n'
    printf '\\ir %s/tests/e2e/evaluation_cases.sql\n' "$ROOT"
    printf '\\ir %s/bench/evaluation/%s.sql\n' "$ROOT" prepare "$ROOT" detect
} | run_psql --quiet --output /dev/null

# A line for each detection that alerts in a case.
found() { # found CASE
    ask "SELECT DISTINCT detection FROM signals WHERE to_event_id LIKE '$1:%' ORDER BY 1" | paste -sd ';'
}

rule 'every detection for such an identity finds a sign-in and a call from 9,500 km away ten minutes later'
same 'at once' "$(ask "SELECT string_agg(d, ';' ORDER BY d) FROM (
    SELECT 'travel.detect' AS d
    UNION SELECT preset FROM travel.presets WHERE preset NOT IN ('root', 'ec2_role', 'console_login_mfa')
    UNION VALUES ('access_key, tuned'), ('Datadog''s method'), ('BuffaLogs, sign-ins'), ('BuffaLogs, all calls'),
        ('Panther, sign-ins'), ('Panther, all calls'), ('Elastic, two countries, sign-ins'),
        ('Elastic, two countries, all calls'), ('Elastic, new address of a key'),
        ('RunReveal, new country of a sign-in'), ('RunReveal, new network of a key')) AS all_of_them")" "$(found at_once)"

rule 'no detection of ours raises an alert about a flight; lower velocities and new places do'
same 'flight' 'BuffaLogs, all calls;BuffaLogs, sign-ins;Elastic, new address of a key;RunReveal, new country of a sign-in;RunReveal, new network of a key' \
    "$(found flight)"

rule 'each detection of another product does what its documentation says'
cases=$(run_psql --quiet --no-align --tuples-only --file "$ROOT/tests/e2e/evaluation_expected.sql")
same 'cases that differ' '' "$cases"

rule 'the second implementation of the reference method finds what the preset iam_user finds'
# Of the events of one second and address, either may stand for all where a leg begins.
same 'differences' 0 "$(ask "
    WITH ours AS (SELECT to_event_id FROM signals WHERE detection = 'iam_user'),
         theirs AS (SELECT to_event_id FROM signals WHERE detection = 'Datadog''s method')
    SELECT count(*) FROM ((TABLE ours EXCEPT TABLE theirs) UNION ALL (TABLE theirs EXCEPT TABLE ours)) AS d")"
