#!/usr/bin/env bash
# Install what is missing: Debian packages and a virtual environment. Quick if nothing is.
#   tools/setup.sh [VENV [demo]]    demo: only what imgtools itself needs, and what the guests of the demo are built with
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
what=${2:-all}
python=/usr/bin/python3 # the one that Debian's guestfs, hivex and nbd bindings are built for
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
umask 022 # the environment is for every user of the checkout
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

wanted_packages() {
    cat packages.apt
    # The demo's part of the list ends at the second empty line.
    if [ "$what" = demo ]; then awk '!NF && ++parts == 2 { exit } { print }' packages-dev.apt; else cat packages-dev.apt; fi
}

missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
    wanted_packages | sed -E 's/[[:space:]]*#.*//; /^$/d' | where_it_is | grep -vxF -f <(printf '%s\n' "$installed") || true
}

# A name with a question mark is of a package that not every release has: there, another one holds the same.
where_it_is() {
    local name
    while read -r name; do
        case $name in
            *\?) if apt-cache show "${name%\?}" >/dev/null 2>&1; then echo "${name%\?}"; fi ;;
            *) echo "$name" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; fi
}

apt_get() {
    as_root apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "not a Debian system; the packages to install are named in packages.apt and packages-dev.apt"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "these packages are missing; install them as root: apt-get install ${missing[*]}"
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    log=$(mktemp)
    # The lists may be absent (a fresh container) or name files that the mirror no longer has: then, and only then, update.
    if ! apt-get install -s -qq "${missing[@]}" >/dev/null 2>&1 ||
        ! apt_get install --no-install-recommends "${missing[@]}"; then
        { apt_get update && apt_get install --no-install-recommends "${missing[@]}"; } || {
            tail -n 30 "$log" >&2
            die "apt-get could not install them; its whole output is in $log"
        }
    fi
    rm -f "$log"
}

# What a virtual environment was made of. It does not survive a move (its scripts name their folder), nor a new Python.
stamp_of() { { pwd -P; "$python" -V; cat pyproject.toml constraints.txt; echo "$1"; } | sha256sum; }

make_venv() {
    local stamp="$venv/.imgtools-setup" made
    made=$(cat "$stamp" 2>/dev/null) || true
    [ "$made" != "$(stamp_of all)" ] || return 0 # which is enough for the demo too
    [ "$made" != "$(stamp_of "$what")" ] || return 0
    say "Making the virtual environment $venv"
    "$python" -m venv --clear --system-site-packages "$venv"
    # Versions that the tests have passed with, so that a release of somebody else changes nothing here: make constraints.
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input -c constraints.txt \
        -e ".$([ "$what" = demo ] || echo '[dev,fleet]')"
    stamp_of "$what" >"$stamp"
}

install_packages
install_packages # what could not be asked for before the lists were there
make_venv
