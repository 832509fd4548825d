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

# Cyrus beside Dovecot: Debian's cyrus-imapd conflicts with dovecot-imapd over who is the
# machine's IMAP server, so that one package is unpacked below DIRECTORY and not installed; the
# rest of Cyrus comes from cyrus-common. msmtp-mta is the smallest package that satisfies its wish
# for a mail transport agent, and runs nothing. Names what it made in DIRECTORY/cyrus.
need_cyrus() (
    local directory=$1
    need_packages /usr/lib/cyrus/bin/master=cyrus-common /usr/sbin/sendmail=msmtp-mta \
        /usr/sbin/saslpasswd2=sasl2-bin || exit 1
    [ -x "$directory/cyrus/usr/lib/cyrus/bin/imapd" ] && exit 0
    local wanted
    # The same version as the rest, or they do not fit together.
    wanted=$(dpkg-query -W -f '${Version}' cyrus-common) || exit 1
    mkdir -p "$directory" || exit 1
    local fresh
    fresh=$(mktemp -d "$directory/cyrus.XXXXXX") || exit 1
    trap 'rm -rf "$fresh"' EXIT
    echo "unpacking cyrus-imapd $wanted beside Dovecot (nothing is installed)"
    # apt-get hands over to an account of its own, which must be able to write there.
    chmod 777 "$fresh" || exit 1
    if ! (cd "$fresh" && apt-get -q download "cyrus-imapd=$wanted") </dev/null >"$fresh/said" 2>&1; then
        cat "$fresh/said" >&2
        echo "error: apt-get could not download cyrus-imapd $wanted; its words are above" >&2
        exit 1
    fi
    dpkg-deb -x "$fresh"/cyrus-imapd_*.deb "$fresh/root" || exit 1
    chmod -R a+rX "$fresh/root" || exit 1
    rm -rf "$directory/cyrus" && mv "$fresh/root" "$directory/cyrus"
)

# What both users of this file need. named and dovecot live in /usr/sbin, which ordinary users do
# not have in PATH.
need_servers() {
    need_packages /usr/sbin/dovecot=dovecot-core /usr/lib/dovecot/imap=dovecot-imapd \
        /usr/sbin/named=bind9 /usr/bin/dig=bind9-dnsutils
}
