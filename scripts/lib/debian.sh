# shellcheck shell=bash
# Debian's archive, as this machine reaches it. To be sourced.

# Prints the address of the first mirror of Debian's archive among the sources of this machine's apt, or the archive's own.
# apt reads its sources itself, so comments and disabled sources do not count, and the component main excludes the
# archives of others that end in /debian.
debian_mirror() {
    local found
    # shellcheck disable=SC2016 # apt replaces it.
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' 2>/dev/null |
        { grep -m 1 -E '^https?://[^ ]+/debian/?$' || true; }) || true
    printf '%s' "${found:-http://deb.debian.org/debian}"
}
