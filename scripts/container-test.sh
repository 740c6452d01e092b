#!/usr/bin/env bash
# Builds the container image and tests it, without a container engine: buildah builds and runs it in a chroot, as root.
#
#   scripts/container-test.sh
#
# BASE and RUST are base images as in the Dockerfile. Without them the test needs no registry of images: the base is a
# minimal Debian 12 that debootstrap makes, which has PostgreSQL 15 alone, and Rust is that of this machine. KEEP=yes keeps
# the folder of the images and of cargo's output, which makes the next run quicker; it takes 5 GB.
#
# The servers run in a network namespace, which no other user and no other machine can reach.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"

PG=${PG:-15}
# No other user may write where root unpacks and runs what is stored.
STATE=/var/lib/impossible_travel
STORE=$STATE/container
IMAGE=localhost/impossible_travel:$PG
NETWORK=impossible_travel-$$
# An address for documentation, which is not a loopback address: the official image trusts those.
ADDRESS=192.0.2.1

is_root || die 'this test needs root'
tools=(buildah iproute2)
[ -n "${BASE:-}" ] || tools+=(debootstrap debian-archive-keyring)
if ! dpkg-query --show "${tools[@]}" >/dev/null 2>&1; then
    heading "Installing ${tools[*]}"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${tools[@]}"
fi
# The servers' user must be able to read the folders.
umask 022
mkdir -p "$STATE"
exec 9>"$STATE/container.lock"
flock --nonblock 9 || die 'another test of the container is running'

buildah() { TMPDIR="$STORE" command buildah --root "$STORE/images" --runroot "$STORE/run" --storage-driver vfs "$@"; }

finish() {
    local status=$?
    if [ -n "$server" ]; then stop || true; fi
    if [ "$status" != 0 ] && [ -f "$STORE/log" ]; then tail -n 40 "$STORE/log" >&2; fi
    buildah rm --all >/dev/null 2>&1 || true
    ip netns delete "$NETWORK" 2>/dev/null || true
    if [ "${KEEP:-}" = yes ]; then rm -rf "$STORE"/{data,other,geoip}; else rm -rf "$STORE"; fi
}

# A container in a chroot has the network of buildah's process: in_network ARGUMENT…
in_network() {
    TMPDIR="$STORE" nsenter "--net=/run/netns/$NETWORK" \
        buildah --root "$STORE/images" --runroot "$STORE/run" --storage-driver vfs "$@"
}

has_image() { buildah inspect --type image "$1" >/dev/null 2>&1; }

# A minimal Debian 12 as an image.
debian_image() {
    has_image localhost/debian && return
    heading 'Making a minimal Debian'
    local root="$STORE/debian" container
    rm -rf "$root"
    "$ROOT/scripts/debian-root.sh" unpack bookworm "$root"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / >/dev/null
    buildah commit --quiet --rm "$container" localhost/debian >/dev/null
    rm -rf "$root"
}

# The Rust of this machine as an image in which the files are where Docker's image of Rust has them, with cargo-pgrx.
rust_image() {
    has_image localhost/rust && return
    heading "Making an image of this machine's Rust"
    "$ROOT/scripts/setup.sh"
    local container root toolchain
    toolchain=$(rustc --print sysroot)
    container=$(buildah from scratch)
    root=$(buildah mount "$container")
    mkdir -p "$root/usr/local/cargo/bin" "$root/usr/local/rustup"
    # Neither its documentation nor what is not a part of the toolchain.
    cp -a "$toolchain"/bin/{cargo,rustc,rustfmt} "$(command -v cargo-pgrx)" "$root/usr/local/cargo/bin/"
    cp -a "$toolchain/lib" "$root/usr/local/cargo/lib"
    buildah umount "$container" >/dev/null
    buildah commit --quiet --rm "$container" localhost/rust >/dev/null
}

build() {
    local options=(--isolation chroot --layers=false)
    # Cargo then reaches its registry from a network that has a certificate authority of its own.
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        options+=(--volume /usr/local/share/ca-certificates:/usr/local/share/ca-certificates:ro)
    fi
    if [ -f ~/.cargo/config.toml ]; then
        options+=(--volume ~/.cargo/config.toml:/usr/local/cargo/config.toml:ro)
    fi
    heading "Building the image for PostgreSQL $PG"
    buildah bud --format docker "${options[@]}" --build-arg "PG=$PG" --build-arg "BASE=$BASE" --build-arg "RUST=$RUST" \
        --tag "$IMAGE" .
}

configured() { buildah inspect --type image --format "$1" "$IMAGE"; }

command_of_image() {
    configured '{{range .Docker.Config.Entrypoint}}{{.}} {{end}}{{range .Docker.Config.Cmd}}{{.}} {{end}}'
}

server='' container=''

# Starts the image's entrypoint with its default command: start DATA [OPTION OF BUILDAH RUN…]
start() {
    local data=$1
    shift
    container=$(buildah from "$IMAGE")
    # The image's folder of data has the owner that a new volume gets.
    if [ ! -d "$data" ]; then cp -a "$(buildah mount "$container")/var/lib/postgresql" "$data"; fi
    # The lock ends with this script.
    # shellcheck disable=SC2046 # words
    in_network run --isolation chroot --volume "$data:/var/lib/postgresql" "$@" "$container" -- \
        $(command_of_image) >"$STORE/log" 2>&1 </dev/null 9>&- &
    server=$!
    waits_until healthy
}

# Sends the image's signal to the server, waits until it has ended, and removes the container.
stop() {
    local data pid
    data=$(configured '{{range .Docker.Config.Env}}{{println .}}{{end}}' | sed -n 's/^PGDATA=//p')
    pid=$(inside head -n 1 "$data/postmaster.pid")
    kill -s "$(configured '{{.Docker.Config.StopSignal}}')" "$pid"
    wait "$server" || true
    server=
    buildah rm "$container" >/dev/null
}

# The first process of the container that runs.
first_process() {
    local processes=$server process
    while [ -n "$processes" ]; do
        for process in $processes; do
            if [ "$(readlink "/proc/$process/root")" != / ]; then
                # The first one there is buildah's own, which waits for the other.
                pgrep --parent "$process"
                return
            fi
        done
        processes=$(pgrep --parent "${processes//$'\n'/,}") || return
    done
}

# Runs a command in the container that runs, as the image's user and with the container's environment. `buildah run` would
# start a second container on the same folders, and on a busy machine was seen to lose its output and its volumes.
inside() {
    local process environment
    process=$(first_process) || return
    mapfile -d '' -t environment <"/proc/$process/environ"
    nsenter --target "$process" --mount --net --root --wd=/ -- \
        chroot --userspec="$(configured '{{.Docker.Config.User}}')" / \
        env --ignore-environment "${environment[@]}" "$@"
}

# The image's health check.
healthy() {
    local check
    mapfile -t check < <(configured '{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}' | sed '/^$/d')
    [ "${check[0]}" = CMD ] || die "the health check is not a command: ${check[*]}"
    inside "${check[@]:1}"
}

# The image does not start a server, and its message contains TEXT: refuses TEXT [OPTION OF BUILDAH RUN…]
refuses() {
    local text=$1 status=0
    shift
    container=$(buildah from "$IMAGE")
    # shellcheck disable=SC2046 # words
    in_network run --isolation chroot "$@" "$container" -- $(command_of_image) >"$STORE/log" 2>&1 </dev/null || status=$?
    [ "$status" != 0 ] || die 'the container ends without an error'
    grep -qF "$text" "$STORE/log" || die "the message does not contain: $text"
    buildah rm "$container" >/dev/null
}

ask() {
    inside psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --username postgres \
        --dbname "${DATABASE:-audit}" --command "$1"
}

waits_until() { # waits_until COMMAND…: up to 3 minutes
    local end=$((SECONDS + 180))
    until "$@" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || die 'the container has ended'
        [ $SECONDS -lt $end ] || die "this did not become true: $*"
        sleep 1
    done
}

is() { [ "$(ask "$1")" = "$2" ]; }
rule() { heading "$*"; }
same() { # same WHAT EXPECTED ACTUAL
    [ "$2" = "$3" ] || die "$1: expected '$2', but it is '$3'"
    note "$1: $3"
}

trap finish EXIT
mkdir -p "$STORE"
if [ -z "${BASE:-}" ]; then
    [ "$PG" = 15 ] || die 'a minimal Debian 12 has PostgreSQL 15 alone; set BASE'
    debian_image
    BASE=localhost/debian
fi
if [ -z "${RUST:-}" ]; then
    rust_image
    RUST=localhost/rust
fi
build
note "size: $(buildah images --format '{{.Size}}' "$IMAGE")"
rm -rf "$STORE/data" "$STORE/other" "$STORE/geoip"
ip netns add "$NETWORK"
ip -netns "$NETWORK" link set lo up
ip -netns "$NETWORK" address add "$ADDRESS/32" dev lo

rule 'the image has the licenses of what it contains'
container=$(buildah from "$IMAGE")
grep -q '^Files: vendor/' "$(buildah mount "$container")/usr/share/doc/impossible_travel/copyright"
buildah rm "$container" >/dev/null

rule 'without a password for the superuser no server is created'
refuses 'POSTGRES_PASSWORD'

rule 'no server is created with a wrong variable, or whose data would not be in the volume'
new=(--env POSTGRES_PASSWORD=secret --env POSTGRES_DB=audit)
refuses "TRAVEL_SAMPLE is 'yes'" "${new[@]}" --env TRAVEL_SAMPLE=yes
mkdir -p "$STORE/other/14/docker"
refuses 'a volume is mounted at /var/lib/postgresql/data' "${new[@]}" --volume "$STORE/other:/var/lib/postgresql/data"
echo 14 >"$STORE/other/14/docker/PG_VERSION"
refuses 'the volume has the data of PostgreSQL 14' "${new[@]}" --volume "$STORE/other:/var/lib/postgresql"
rm -rf "$STORE/other"

rule 'a new server has the sample and its alerts'
start "$STORE/data" "${new[@]}" --env TRAVEL_SAMPLE=on
same 'impossible legs' 13 "$(ask "SELECT count(*) FROM travel.detect('cloudtrail')" 2>/dev/null)"
same 'alerts and their legs' '5|13' "$(ask 'SELECT count(*), sum(leg_count) FROM travel.alerts')"
same 'verdicts' 13 "$(ask 'SELECT count(*) FROM travel.verdicts')"

rule 'pg_cron scans new events'
# Two events of another key, a minute apart, from where an impossible leg of the sample began and ended.
same 'new events' 2 "$(ask "SELECT inserted FROM (
        SELECT jsonb_build_object('Records', jsonb_agg(jsonb_build_object(
            'eventID', 'new' || n, 'eventTime', format('2026-03-09T12:0%s:00Z', n), 'sourceIPAddress', ip,
            'eventName', 'GetObject', 'eventSource', 's3.amazonaws.com', 'userIdentity', jsonb_build_object(
                'type', 'IAMUser', 'userName', 'zoe', 'accessKeyId', 'AKIAZOE00001EXAMPLE')))) AS document
        FROM (SELECT from_ip, to_ip FROM travel.verdicts LIMIT 1) AS leg
        CROSS JOIN LATERAL (VALUES (1, from_ip), (2, to_ip)) AS stop (n, ip)) AS new,
    travel.ingest('cloudtrail', document::text)")"
waits_until is "SELECT count(*) FROM travel.verdicts WHERE entity = 'AKIAZOE00001EXAMPLE'" 1
DATABASE=postgres waits_until is "SELECT count(*) > 0 FROM cron.job_run_details
    WHERE command = 'CALL travel.scan()' AND database = 'audit' AND status = 'succeeded'" t
same 'scans that failed' 0 "$(DATABASE=postgres ask "SELECT count(*) FROM cron.job_run_details
    WHERE command = 'CALL travel.scan()' AND status = 'failed'")"

rule 'the server does not run as root'
same 'the user of the image' postgres "$(configured '{{.Docker.Config.User}}')"
same 'a backend runs as root' f "$(ask "SELECT pg_read_file('/proc/self/status') ~ '\\nUid:\\s+0\\s'")"

rule 'a client on the network needs the password'
over_network() {
    inside env PGPASSWORD="$1" psql --no-psqlrc --no-password --tuples-only --no-align --host "$ADDRESS" \
        --username postgres --dbname audit --command 'SELECT 1'
}
same 'with the password' 1 "$(over_network secret)"
if over_network wrong >"$STORE/wrong" 2>&1; then die 'a wrong password was accepted'; fi
grep -q 'password authentication failed' "$STORE/wrong" || die "with a wrong password: $(cat "$STORE/wrong")"

rule 'initializing again changes nothing'
facts='SELECT (SELECT count(*) FROM cloudtrail), (SELECT count(*) FROM travel.rules),
    (SELECT count(*) FROM travel.alerts)'
before=$(ask "$facts")
schedules="SELECT string_agg(jobname || ' ' || schedule, ', ' ORDER BY jobname) FROM cron.job"
DATABASE=postgres ask "SELECT cron.alter_job(jobid, schedule => '*/2 * * * *') FROM cron.job
    WHERE command = 'SELECT travel.assert_healthy()'" >/dev/null
jobs=$(DATABASE=postgres ask "$schedules")
inside env POSTGRES_DB=audit TRAVEL_SAMPLE=on /docker-entrypoint-initdb.d/10-impossible_travel.sh
same 'events, rules and alerts' "$before" "$(ask "$facts")"
same 'number of jobs' 3 "$(DATABASE=postgres ask 'SELECT count(*) FROM cron.job')"
same 'jobs' "$jobs" "$(DATABASE=postgres ask "$schedules")"

rule 'a container with the same data has the same events and alerts, and scans'
ask "UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE id = 1" >/dev/null
facts+=", (SELECT string_agg(id || status, ' ' ORDER BY id) FROM travel.alerts)"
before=$(ask "$facts")
stop
grep -q 'database system is shut down' "$STORE/log" || die 'the server was not shut down'
start "$STORE/data"
same 'events, rules and alerts' "$before" "$(ask "$facts")"
DATABASE=postgres waits_until is "SELECT count(*) > 0 FROM cron.job_run_details
    WHERE command = 'CALL travel.scan()' AND status = 'succeeded' AND start_time > pg_postmaster_start_time()" t
cp -a "$(buildah mount "$container")/usr/share/impossible_travel/sample/geoip" "$STORE/geoip"
stop

rule 'a server whose first start did not end is not started'
rm "$STORE"/data/*/docker/impossible_travel.initialized
refuses 'the first start of the server' --volume "$STORE/data:/var/lib/postgresql"

rule 'GeoIP databases of a mounted folder are used, and without TRAVEL_SAMPLE nothing else is there'
rm -f "$STORE"/geoip/Sample-A*.mmdb "$STORE/geoip/Sample-Flat.mmdb"
start "$STORE/other" "${new[@]}" --volume "$STORE/geoip:/var/lib/GeoIP:ro"
same 'databases' '/var/lib/GeoIP/Sample-City.mmdb|in_use' "$(ask 'SELECT path, status FROM travel.geoip_databases()')"
same 'tables and rules' '|0' "$(ask "SELECT to_regclass('cloudtrail'), count(*) FROM travel.rules")"
stop
