# Debian packages for the servers of the tests and of examples/try; sourced by both.
#
# Nothing is started: while the packages are unpacked a policy-rc.d says so, unless the machine
# has one of its own, and it is removed again.

# need_packages PROGRAM=PACKAGE...: installs the packages whose program is missing. In a shell of
# its own, so that policy-rc.d goes away on Ctrl-C too.
need_packages() (
    local pair missing=()
    for pair in "$@"; do
        [ -x "${pair%%=*}" ] || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && exit 0
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            root=(sudo -n)
        elif command -v sudo >/dev/null && [ -t 2 ] && sudo -v; then
            root=(sudo)
        else
            echo "error: these Debian packages are missing: ${missing[*]}" >&2
            echo "  Install them as root, then run this again:  apt-get install ${missing[*]}" >&2
            exit 1
        fi
    fi
    if ! command -v apt-get >/dev/null; then
        echo "error: this needs ${missing[*]} (names of Debian), and there is no apt-get here" >&2
        exit 1
    fi
    echo "installing ${missing[*]} (their services are not started)"
    local policy=/usr/sbin/policy-rc.d said
    said=$(mktemp) || exit 1
    trap 'rm -f "$said"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if ! "${root[@]}" test -e "$policy"; then
        trap 'rm -f "$said"; "${root[@]}" rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null || exit 1
        "${root[@]}" chmod 755 "$policy" || exit 1
    elif ! "${root[@]}" grep -q 'exit 101' "$policy"; then
        echo "note: this machine's own $policy decides whether services start" >&2
    fi
    local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } \
        </dev/null >"$said" 2>&1; then
        cat "$said" >&2
        echo "error: apt-get could not install ${missing[*]}; its words are above" >&2
        exit 1
    fi
)

# What both users of this file need. named and dovecot live in /usr/sbin, which ordinary users do
# not have in PATH.
need_servers() {
    need_packages /usr/sbin/dovecot=dovecot-core /usr/lib/dovecot/imap=dovecot-imapd \
        /usr/sbin/named=bind9 /usr/bin/dig=bind9-dnsutils
}
