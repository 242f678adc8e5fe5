# What tests need beside the pinned packages. Sourced by the scripts that start them.

give_up() {
    echo "$0: error: $1" >&2
    exit 2
}

# Install Debian packages (all arguments but the first) where one of the programs that they hold
# (the first, separated by spaces) is missing. Their services are not started.
need_programs() (
    programs=$1
    shift
    missing=()
    for program in $programs; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ "${#missing[@]}" -gt 0 ] || exit 0
    [ "$(id -u)" = 0 ] || give_up "${missing[*]} not found: type sudo apt-get install $*"
    command -v apt-get >/dev/null || give_up "${missing[*]} not found, nor apt-get to install $*"
    policy=/usr/sbin/policy-rc.d
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$log" "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    install=(apt-get install -y -qq --no-install-recommends "$@")
    { "${install[@]}" || { apt-get update -qq && "${install[@]}"; }; } >"$log" 2>&1 ||
        { cat "$log" >&2; give_up "$* could not be installed"; }
)
