# shellcheck shell=bash
# The server of the tests of managed services, beside lib.sh. To be sourced: it is not executable, so scripts/test.sh does
# not run it.
#
#   managed_service NAME [SETTING…]  starts a server with the sample's GeoIP files. Its database `service` stands for a
#                             managed service: it lacks the extension and has the table cloudtrail, with one impossible leg
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

managed_service() {
    start "$1" "impossible_travel.geoip_path = '$SERVERS/$1/files/geoip'" "${@:2}"
    server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
    "$(pg_bin createdb)" service
    # Alice is in London, and ten minutes later in New York.
    PGDATABASE=service ask "
        CREATE TABLE cloudtrail (event_id text PRIMARY KEY, event_time timestamptz NOT NULL, event_name text,
            source_ip inet, access_key_id text);
        INSERT INTO cloudtrail VALUES
            ('a', '2026-03-02 09:00Z', 'GetObject', '192.0.2.5', 'AKIAALICE0001EXAMPLE'),
            ('b', '2026-03-02 09:10Z', 'GetObject', '198.51.100.13', 'AKIAALICE0001EXAMPLE')"
}
