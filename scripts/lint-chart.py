"""Checks the Helm chart with Helm's own code, offline: lints it, renders it, and looks at what comes out.

lint-chart.py OUT: writes one file for each object below OUT, for a validator to read.
"""

import copy
import pathlib
import re
import sys

import helm_python as helm
import yaml

CHART = "deploy/helm/gatehouse"
EXAMPLES = ["deploy/helm/example-values.yaml", "deploy/helm/example-values-approle.yaml"]
# Variables whose values are secrets.
SECRET = re.compile(r"^(DATABASE_URL|GATEHOUSE_SIGNUP_SECRET|OTEL_EXPORTER_OTLP_HEADERS|GATEHOUSE_.*(SECRET_ID|_TOKEN)(_WRAPPED)?)$")
# Not for the public.
INTERNAL = {"/metrics", "/healthz", "/readyz"}

problems = []


def check(fact, says):
    if not fact:
        problems.append(says)


def pods(objects):
    for item in objects:
        name = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] == "Pod":
            yield name, item["spec"], item["metadata"]["labels"]
        elif item["kind"] in ("Deployment", "Job"):
            template = item["spec"]["template"]
            yield name, template["spec"], template["metadata"]["labels"]


def look_at_pod(name, spec, labels, policy):
    security = spec["securityContext"]
    check(security["runAsNonRoot"] is True and security["runAsUser"] > 0, f"{name} may run as root")
    check(security["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name} has no seccomp profile")
    check(spec["automountServiceAccountToken"] is False, f"{name} gets a token of the API server")
    check(policy.items() <= labels.items(), f"the network policy passes {name} by")
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["containers"]:
        security = container["securityContext"]
        check(security["allowPrivilegeEscalation"] is False, f"{name} may escalate")
        check(security["readOnlyRootFilesystem"] is True, f"{name} may write its root file system")
        check(security["capabilities"] == {"drop": ["ALL"]}, f"{name} has capabilities")
        check(not security.get("privileged"), f"{name} is privileged")
        check("envFrom" not in container, f"{name} takes its environment from elsewhere")
        names = [variable["name"] for variable in container["env"]]
        check(len(names) == len(set(names)), f"{name} sets a variable twice")
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        check(set(mounts) == volumes, f"{name}: volumes {sorted(volumes)}, mounts {sorted(mounts)}")
        for variable in container["env"]:
            value = variable.get("value")
            check(isinstance(value, str), f"{name}: {variable['name']} is no plain value")
            check(not SECRET.match(variable["name"]), f"{name}: {variable['name']} holds a secret")
            if isinstance(value, str) and value.startswith("/run/"):
                held = any(value.startswith(path + "/") for path in mounts.values())
                check(held, f"{name}: nothing is mounted at {value}")


def look_at(objects):
    kinds = [item["kind"] for item in objects]
    for kind in ("Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "Job", "Pod"):
        check(kinds.count(kind) == 1, f"{kinds.count(kind)} objects of the kind {kind}")
    of = {item["kind"]: item for item in objects}
    policy = of["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    for name, spec, labels in pods(objects):
        look_at_pod(name, spec, labels, policy)
    labels = of["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        of["Deployment"]["spec"]["selector"]["matchLabels"],
        of["Service"]["spec"]["selector"],
        of["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        check(selector.items() <= labels.items(), f"a selector misses the service's pods: {selector}")
        for name, _, others in pods(objects):
            own = name.startswith("Deployment ")
            check(own or not selector.items() <= others.items(), f"a selector of the service hits {name}")
    for rule in of["NetworkPolicy"]["spec"]["ingress"]:
        check(rule.get("from"), "a rule of the network policy lets everybody in")
    for rule in of["NetworkPolicy"]["spec"]["egress"]:
        check(rule.get("to"), "a rule of the network policy lets out to everywhere")
    rolling = of["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    check(rolling == {"maxUnavailable": 0, "maxSurge": 1}, f"an update takes pods away: {rolling}")
    container = of["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    tls = any(variable["name"] == "GATEHOUSE_TLS_CERT_FILE" for variable in container["env"])
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        get = container[probe]["httpGet"]
        check(get["path"] == path, f"{probe} asks {get['path']}")
        check(get["scheme"] == ("HTTPS" if tls else "HTTP"), f"{probe} speaks {get['scheme']}")


def refused(chart, name, values):
    """Helm must refuse these values."""
    try:
        chart.validate_schema(values)
        chart.render(values, name="gatehouse", namespace="gatehouse")
    except helm.HelmError:
        return
    problems.append(f"{name} is not refused")


def with_value(values, path, value):
    changed = copy.deepcopy(values)
    place = changed
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return changed


def objects_within(values, path=()):
    """All places of the defaults that hold keys of ours; what has free keys is left out."""
    free = {"settings", "affinity", "nodeSelector", "requests", "limits", "annotations", "labels", "podAnnotations", "podLabels"}
    yield path
    for key, value in values.items():
        if isinstance(value, dict) and key not in free:
            yield from objects_within(value, (*path, key))


def look_at_refusals(chart, values):
    for path in objects_within(chart.values):
        refused(chart, f"an unknown key in {'.'.join(path) or 'the values'}", with_value(values, (*path, "unknownKey"), 1))
    refused(chart, "an empty set of values", {})
    for name in ("DATABASE_URL", "GATEHOUSE_SIGNUP_SECRET", "GATEHOUSE_BAO_TOKEN", "GATEHOUSE_BAO_ISSUER_SECRET_ID",
                 "OTEL_EXPORTER_OTLP_HEADERS", "GATEHOUSE_LISTEN", "PATH"):
        refused(chart, f"the setting {name}", with_value(values, ("settings", name), "x"))
    refused(chart, "a setting that is a number", with_value(values, ("settings", "GATEHOUSE_LEASES"), 7))
    for path, value in (
        (("openbao", "address"), "http://openbao:8200"),
        (("publicUrl",), "http://gatehouse.example.com"),
        (("publicUrl",), "https://gatehouse.example.com/path"),
        (("openbao", "auth"), "token"),
        (("replicas",), 0),
        (("networkPolicy", "openbao", "peers"), []),
        (("networkPolicy", "ingress"), [{}]),
        (("ingress", "paths"), ["/"]),
        (("ingress", "paths"), ["/metrics"]),
    ):
        refused(chart, f"{'.'.join(path)}={value!r}", with_value(values, path, value))


def look_at_files(chart):
    version = re.search(r'^version = "([^"]+)"', pathlib.Path("Cargo.toml").read_text(), re.M).group(1)
    check(chart.metadata["appVersion"] == version, f"appVersion is not {version}, as in Cargo.toml")
    routes = set()
    for file in sorted(pathlib.Path("src/routes").glob("*.rs")):
        # Methods and paths stand in columns.
        routes |= set(re.findall(r'^\s+(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+"(/[^/"{]+)', file.read_text(), re.M))
    check(len(routes) > 5, "no routes were found below src/routes")
    paths = set(chart.values["ingress"]["paths"])
    check(paths == routes - INTERNAL, f"ingress.paths lacks {sorted(routes - INTERNAL - paths)}, has {sorted(paths - routes)} too much")
    known = set(re.findall(r"^#?([A-Z_]+)=", pathlib.Path("deploy/gatehouse.env.example").read_text(), re.M))
    text = "".join(file["data"] for file in chart.templates)
    for name in set(re.findall(r"\b((?:GATEHOUSE|DATABASE)_[A-Z_]*[A-Z])\b(?!_)", text)):
        check(name in known or name.removesuffix("_FILE") in known, f"deploy/gatehouse.env.example knows no {name}")


def main(out):
    count = 0
    with helm.Chart.load(CHART) as chart:
        look_at_files(chart)
        for example in EXAMPLES:
            values = yaml.safe_load(pathlib.Path(example).read_text())
            report = helm.lint(CHART, values, strict=True)
            for message in report["messages"]:
                # The icon of a catalogue is a matter of taste.
                if message["severity"] > 1 or "icon" not in message["error"]:
                    problems.append(f"helm lint with {example}: {message['path']}: {message['error']}")
            for error in report["errors"]:
                problems.append(f"helm lint with {example}: {error}")
            chart.validate_schema(values)
            rendered = chart.render(values, name="gatehouse", namespace="gatehouse")
            objects = []
            for path, text in sorted(rendered.items()):
                if path.endswith("NOTES.txt"):
                    check("docs/kubernetes.md" in text, "the notes were not rendered")
                    continue
                objects += [item for item in yaml.safe_load_all(text) if item]
            look_at(objects)
            look_at_refusals(chart, values)
            for item in objects:
                file = out / f"{pathlib.Path(example).stem}-{item['kind']}-{item['metadata']['name']}.yaml"
                file.write_text(yaml.safe_dump(item))
                count += 1
    for problem in problems:
        print(f"chart: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"chart: Helm {helm.helm_sdk_version()} linted and rendered {len(EXAMPLES)} sets of values, {count} objects")


main(pathlib.Path(sys.argv[1]))
