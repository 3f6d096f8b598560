# Sourced by the scripts beside it, with what they share. They run in the checkout's root.
# shellcheck shell=bash
root=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# On stderr: what a target prints for other programs, as `make ca` does, stays clean.
say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# step NAME COMMAND…: for what may take over 5 s, so that nobody wonders whether it hangs.
step() {
    local name=$1 start=$SECONDS
    shift
    say "$name…"
    "$@" || return
    say "$name: done in $((SECONDS - start)) s"
}

can_apt() { [[ $EUID == 0 ]] && command -v apt-get >/dev/null; }

# The lock is waited for because a new machine often upgrades itself at first boot.
apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

# docker_host STACK: where the stack's Docker daemon listens, as its file says.
docker_host() {
    [[ -f Pulumi.$1.yaml ]] || fail "No stack is called $1: there is no Pulumi.$1.yaml."
    sed -nE "s/^ *[a-z0-9-]+:docker_host: *[\"']?([^\"' ]+).*/\1/p" "Pulumi.$1.yaml"
}
