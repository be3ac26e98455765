#!/bin/sh
# Tests the SDKs against a service of its own: formats, lints and tests of the three, the C example under valgrind, the
# Python package in a fresh environment, and the media workers' own SDKs. Each step prints one line; the first that
# fails ends it all, and shows what it said.
#
# Usage: scripts/test-sdk.sh   GATEHOUSE names the program, default target/debug/gatehouse.
set -eu
cd "$(dirname "$0")/.."

ROOT=$PWD
GATEHOUSE=${GATEHOUSE:-$ROOT/target/debug/gatehouse}
CARGO=${CARGO:-cargo}
MATURIN_VERSION=1.16.0
MYPY_VERSION=2.4.1
VENV=$ROOT/.tools/sdk
SDK_TARGET=${SDK_TARGET:-$ROOT/sdk/target}
MCAI_TARGET=${MCAI_TARGET:-$ROOT/sdk/acceptance/mcai/target}
PASSED=0

say() { echo "test-sdk: $*"; }

fail() {
    echo "test-sdk: $*" >&2
    exit 1
}

# step NAME COMMAND…: runs it quietly; shows the end of what it said where it fails. The shell does not stop at a failed
# line within it, so functions that are steps join their lines with &&.
step() {
    name=$1
    shift
    began=$(date +%s)
    if ! "$@" >"$WORK/step.log" 2>&1; then
        tail -n 40 "$WORK/step.log" >&2
        fail "$name: failed"
    fi
    PASSED=$((PASSED + 1))
    say "$name: passed ($(($(date +%s) - began)) s)"
}

retried() {
    "$@" && return
    sleep 3
    "$@"
}

# The command that makes us root: none, sudo without a password, or an error.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_debian_packages() {
    missing=
    command -v valgrind >/dev/null || missing="$missing valgrind"
    command -v curl >/dev/null || missing="$missing curl ca-certificates"
    command -v pkg-config >/dev/null || missing="$missing pkg-config"
    pkg-config --exists openssl 2>/dev/null || missing="$missing libssl-dev"
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3 python3-venv"
    [ -n "$missing" ] || return 0
    say "installing$missing"
    command -v apt-get >/dev/null || fail "there is no apt-get. Install what Debian calls:$missing"
    as_root true 2>/dev/null || fail "install as root: apt-get update && apt-get install -y$missing"
    retried as_root apt-get -qq -o DPkg::Lock::Timeout=120 update >/dev/null || true
    # shellcheck disable=SC2086
    retried as_root apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing >/dev/null ||
        fail "apt-get install failed:$missing"
}

install_python_tools() {
    "$VENV/bin/python" -m pip show -qq "maturin" "mypy" 2>/dev/null &&
        [ "$(cat "$VENV/versions" 2>/dev/null)" = "$MATURIN_VERSION $MYPY_VERSION" ] && return
    say "installing maturin and mypy in ${VENV#"$ROOT"/}"
    python3 -m venv --clear "$VENV"
    retried "$VENV/bin/pip" install -q --disable-pip-version-check \
        "maturin==$MATURIN_VERSION" "mypy==$MYPY_VERSION" || fail "pip cannot install maturin and mypy"
    echo "$MATURIN_VERSION $MYPY_VERSION" >"$VENV/versions"
}

stop() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "${SERVICE:-}" ] && kill -0 "$SERVICE" 2>/dev/null; then
        kill "$SERVICE" 2>/dev/null || true
        wait "$SERVICE" 2>/dev/null || true
    fi
    rm -rf "$WORK"
    exit "$status"
}

start_service() {
    GATEHOUSE_DEV_DIR=$WORK/dev GATEHOUSE_LISTEN=127.0.0.1:0 GATEHOUSE_DEV_OPENBAO_PORT=0 \
        GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT=0 GATEHOUSE_DEV_POSTGRES_PORT=0 \
        "$GATEHOUSE" dev >"$WORK/service.out" 2>"$WORK/service.err" &
    SERVICE=$!
    waited=0
    until grep -q '^gatehouse ready: ' "$WORK/service.out"; do
        if ! kill -0 "$SERVICE" 2>/dev/null || [ "$waited" -ge 600 ]; then
            tail -n 20 "$WORK/service.err" >&2
            fail "the service does not start"
        fi
        waited=$((waited + 1))
        sleep 0.2
    done
    # shellcheck source=/dev/null
    . "$WORK/dev/dev.env"
}

# post PATH AUTHORIZATION BODY
post() {
    curl -sS --noproxy '*' --fail-with-body --max-time 30 "$GATEHOUSE_URL$1" -H "Authorization: $2" \
        -H 'Content-Type: application/json' -d "$3"
}

# field NAME: of the JSON object on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

create_credentials() {
    FTP_KEY=sdk-ftp-$$
    S3_KEY=sdk-s3-$$
    post /api/credentials "Bearer $DEMO_PRIVATE_KEY" \
        "{\"key\": \"$FTP_KEY\", \"value\": {\"type\": \"ftp\", \"hostname\": \"ftp.example\", \"password\": \"a word\"}}" &&
    post /api/credentials "Bearer $DEMO_PRIVATE_KEY" "{\"key\": \"$S3_KEY\", \"value\": {\"type\": \"s3\",
        \"access_key_id\": \"an id\", \"secret_access_key\": \"a key\"}}"
}

# As a worker: with its log-in, without `Bearer`, as the media workers' SDK sends it.
get_worker_token() {
    session=$(post /api/sessions '' \
        "{\"session\": {\"email\": \"$DEMO_WORKER_EMAIL\", \"password\": \"$DEMO_WORKER_PASSWORD\"}}") &&
        bearer=$(echo "$session" | field access_token) &&
        issued=$(post /api/credentials/token "$bearer" '{}') &&
        WORKER_VAULT_HOSTNAME=$(echo "$issued" | field vaultHostname) &&
        WORKER_VAULT_TOKEN=$(echo "$issued" | field token)
}

in_sdk() { (cd sdk && CARGO_TARGET_DIR=$SDK_TARGET "$@"); }

# reads_under_valgrind PROGRAM KEY WANTED: the example reads through Gatehouse and straight, and says the same twice.
reads_under_valgrind() {
    valgrind --quiet --leak-check=full --error-exitcode=1 --suppressions=sdk/c/valgrind.supp \
        "$SDK_TARGET/c/$1" "$2" >"$WORK/c.out" &&
        [ "$(grep -c "^$3" "$WORK/c.out")" = 2 ]
}

# The same with the token at hand.
reads_with_token_under_valgrind() {
    VAULT_HOSTNAME=$WORKER_VAULT_HOSTNAME VAULT_TOKEN=$WORKER_VAULT_TOKEN \
        valgrind --quiet --leak-check=full --error-exitcode=1 --suppressions=sdk/c/valgrind.supp \
        "$SDK_TARGET/c/$1" "$2" >"$WORK/c.out" &&
        [ "$(grep -c "^$3" "$WORK/c.out")" = 1 ]
}

build_wheel() {
    in_sdk "$VENV/bin/maturin" build --locked --release --manifest-path python/Cargo.toml --out "$WORK/wheel" &&
        python3 -m venv "$WORK/python" &&
        retried "$WORK/python/bin/pip" install -q --disable-pip-version-check "$WORK"/wheel/*.whl "mypy==$MYPY_VERSION"
}

python_types() {
    (
        cd "$WORK" &&
            ./python/bin/mypy --strict -p gatehouse_client &&
            ./python/bin/mypy --strict "$ROOT/sdk/python/examples/read_credential.py" &&
            ./python/bin/mypy --strict "$ROOT/sdk/python/tests/test_client.py" "$ROOT/sdk/python/tests/test_errors.py" &&
            ./python/bin/mypy --strict "$ROOT/sdk/python/tests/test_vault.py" &&
            ./python/bin/stubtest gatehouse_client
    )
}

as_media_worker() {
    VAULT_HOSTNAME=$WORKER_VAULT_HOSTNAME VAULT_TOKEN=$WORKER_VAULT_TOKEN BACKEND_HOSTNAME=$GATEHOUSE_URL/api \
        BACKEND_USERNAME=$DEMO_WORKER_EMAIL BACKEND_PASSWORD=$DEMO_WORKER_PASSWORD "$@" "$FTP_KEY" "$S3_KEY"
}

build_mcai() {
    CARGO_TARGET_DIR=$MCAI_TARGET "$CARGO" build --locked --manifest-path sdk/acceptance/mcai/Cargo.toml
}

mcai_python() {
    python3 -m venv "$WORK/mcai" &&
        retried "$WORK/mcai/bin/pip" install -q --disable-pip-version-check \
            -r sdk/acceptance/mcai_python/requirements.txt &&
        as_media_worker "$WORK/mcai/bin/python" sdk/acceptance/mcai_python/check.py
}

export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
[ -x "$GATEHOUSE" ] || fail "$GATEHOUSE is not there: make build"
# OpenBao's and PostgreSQL's own users must reach the folder.
WORK=$(mktemp -d)
chmod 755 "$WORK"
trap stop EXIT
trap 'exit 1' INT TERM
install_debian_packages
install_python_tools
say "starting a service"
start_service
step "credentials by curl" create_credentials
step "a worker's token by curl" get_worker_token
step "format" in_sdk "$CARGO" fmt --check
step "lints" in_sdk "$CARGO" clippy --locked --all-targets --all-features -- -D warnings
step "tests without and with the service" in_sdk "$CARGO" test --locked --all-features
step "C library, example and tests" make -C sdk/c check CARGO="$CARGO" CARGO_TARGET_DIR="$SDK_TARGET"
for program in read_credential read_credential-static; do
    step "C $program reads ftp under valgrind" reads_under_valgrind "$program" "$FTP_KEY" "ftp ftp.example:21 secure=0"
    step "C $program reads s3 with a token" reads_with_token_under_valgrind "$program" "$S3_KEY" "s3 (none) region=us-east-1"
done
step "Python wheel in a fresh environment" build_wheel
step "Python tests" "$WORK/python/bin/python" -m unittest discover sdk/python/tests
step "Python types" python_types
step "Python example" "$WORK/python/bin/python" sdk/python/examples/read_credential.py "$S3_KEY"
step "mcai_worker_sdk builds" build_mcai
step "mcai_worker_sdk reads from both stores" as_media_worker "$MCAI_TARGET/debug/mcai-acceptance"
step "mcai-worker-sdk for Python reads from both stores" mcai_python
echo "$PASSED passed, 0 failed"
