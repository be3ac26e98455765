#!/bin/sh
# Walks through the whole life of a site with curl, as the README shows it, and checks every answer. Needs a service
# started by `make run`. Each run makes a vendor and a site of its own.
#
# Usage: scripts/walk.sh [DEV_ENV]   default .gatehouse/dev.env; not read where GATEHOUSE_URL is set already.
# GATEHOUSE names the program, default target/debug/gatehouse.
set -eu
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

fail() {
    echo "walk: $*" >&2
    exit 1
}

# expect WANTED GOT
expect() {
    [ "$2" = "$1" ] || fail "expected $1, got $2"
    echo "   $2"
}

# field KEY…: a value of the JSON document on standard input, by its path.
field() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = value[int(key)] if isinstance(value, list) else value[key]
print(json.dumps(value) if isinstance(value, (bool, list, dict)) else value)' "$@"
}

# status CURL-ARGUMENT…: the status of the answer, and nothing of its body.
status() { curl -sS --noproxy '*' -o /dev/null -w '%{http_code}\n' "$@"; }

# call CURL-ARGUMENT…: the body of the answer. A refusal is shown and ends the walk.
call() { curl -sS --noproxy '*' --fail-with-body "$@"; }

# random: 32 hexadecimal digits.
random() { python3 -c 'import secrets; print(secrets.token_hex(16))'; }

if [ -z "${GATEHOUSE_URL:-}" ]; then
    env_file=${1:-.gatehouse/dev.env}
    case $env_file in */*) ;; *) env_file=./$env_file ;; esac
    [ -r "$env_file" ] || fail "$env_file cannot be read: start the service with make run"
    # shellcheck source=/dev/null
    . "$env_file"
fi
for program in curl python3; do
    command -v "$program" >/dev/null || fail "$program is needed"
done
GATEHOUSE=${GATEHOUSE:-target/debug/gatehouse}
[ -x "$GATEHOUSE" ] || fail "$GATEHOUSE is not there: make build"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM
NAMESPACE=walk-$(random)
SECRET_ID=$(random)
ACCESS_KEY=$(random)
JSON='Content-Type: application/json'

step "The billing system signs the vendor $NAMESPACE up"
printf '{"type": "vendor.created", "timestamp": "%s", "data": {"namespace": "%s", "name": "A Walk"}}' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$NAMESPACE" >"$WORK/signup.json"
"$GATEHOUSE" webhook sign --id "msg_$NAMESPACE" <"$WORK/signup.json" >"$WORK/signup.headers"
CLAIM_TOKEN=$(call "$GATEHOUSE_URL/webhooks/vendor-signup" -H @"$WORK/signup.headers" -H "$JSON" \
    --data-binary @"$WORK/signup.json" | field claimToken)
[ -n "$CLAIM_TOKEN" ] || fail "no claim token"
echo "   a claim token"

step "The vendor claims its key pair"
KEYS=$(call "$GATEHOUSE_URL/api/vendors/claim" -H "$JSON" -d "{\"claimToken\": \"$CLAIM_TOKEN\"}")
PUBLIC_KEY=$(echo "$KEYS" | field publicKey)
PRIVATE_KEY=$(echo "$KEYS" | field privateKey)
echo "   $PUBLIC_KEY, and a private key"

step "The client plugin asks for a write token for one site"
GRANT=$(call "$GATEHOUSE_URL/api/site" -H "Authorization: Bearer $PUBLIC_KEY" -H "$JSON" \
    -d "{\"secretId\": \"$SECRET_ID\"}")
WRITE_TOKEN=$(echo "$GRANT" | field token)
SECRET_URL=$(echo "$GRANT" | field vaultUrl)/v1/$(echo "$GRANT" | field path)
echo "   for $SECRET_URL"

step "It writes the secret straight into OpenBao"
expect 204 "$(status "$SECRET_URL" -H "X-Vault-Token: $WRITE_TOKEN" \
    -d '{"siteurl": "https://example.com", "identifier": "support-user"}')"

step "It registers the site"
expect 201 "$(status "$GATEHOUSE_URL/sites" -H "Authorization: Bearer $PUBLIC_KEY" -H "$JSON" \
    -d "{\"secretId\": \"$SECRET_ID\", \"siteUrl\": \"https://example.com\", \"accessKey\": \"$ACCESS_KEY\"}")"

step "The support team searches the site by its access key"
FOUND=$(call "$GATEHOUSE_URL/sites/search" -H "Authorization: Bearer $PRIVATE_KEY" -H "$JSON" \
    -d "{\"searchKeys\": [\"$ACCESS_KEY\"]}")
expect "$SECRET_ID" "$(echo "$FOUND" | field sites 0 secretId)"

step "It gets a read token for it"
READ_TOKEN=$(call "$GATEHOUSE_URL/sites/token" -H "Authorization: Bearer $PRIVATE_KEY" -H "$JSON" \
    -d "{\"secretId\": \"$SECRET_ID\"}" | field token)
[ -n "$READ_TOKEN" ] || fail "no read token"
echo "   a read token"

step "It reads the secret straight from OpenBao"
expect support-user "$(call "$SECRET_URL" -H "X-Vault-Token: $READ_TOKEN" | field data identifier)"

step "The write token cannot read"
expect 403 "$(status "$SECRET_URL" -H "X-Vault-Token: $WRITE_TOKEN")"

step "The read token cannot write"
expect 403 "$(status "$SECRET_URL" -H "X-Vault-Token: $READ_TOKEN" -d '{"identifier": "somebody-else"}')"

step "The public key cannot search"
expect 403 "$(status "$GATEHOUSE_URL/sites/search" -H "Authorization: Bearer $PUBLIC_KEY" -H "$JSON" \
    -d "{\"searchKeys\": [\"$ACCESS_KEY\"]}")"

step "The client plugin removes the site"
expect true "$(call -X DELETE "$GATEHOUSE_URL/sites/$SECRET_ID" -H "Authorization: Bearer $PUBLIC_KEY" | field deleted)"

step "Both tokens are dead"
expect 403 "$(status "$BAO_ADDR/v1/auth/token/lookup-self" -H "X-Vault-Token: $WRITE_TOKEN")"
expect 403 "$(status "$BAO_ADDR/v1/auth/token/lookup-self" -H "X-Vault-Token: $READ_TOKEN")"

step "The secret is gone, even for OpenBao's root"
expect 404 "$(status "$SECRET_URL" -H "X-Vault-Token: $BAO_ROOT_TOKEN")"

step "The site is not found any more"
FOUND=$(call "$GATEHOUSE_URL/sites/search" -H "Authorization: Bearer $PRIVATE_KEY" -H "$JSON" \
    -d "{\"searchKeys\": [\"$ACCESS_KEY\"]}")
expect "[]" "$(echo "$FOUND" | field sites)"

printf '\nwalk: all as it should be\n'
