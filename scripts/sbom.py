"""sbom.py SBOM LIST: prints a bill of materials in CycloneDX with what is compiled into the release, and nothing else.

LIST names the packages. The tool that made the bill also lists macros, and packages that only a feature which is off would
bring; and it names our own by the folder it stood in. What LIST names and the bill does not is a fault."""

import json
import sys


def main(path, wanted_path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(wanted_path, encoding="utf-8") as file:
        wanted = {tuple(line.split()) for line in file}
    bom = json.loads(text)
    own = bom["metadata"]["component"]
    folder = own["bom-ref"].split("#")[0]
    bom = json.loads(text.replace(folder, "gatehouse").replace("?download_url=file://.", ""))
    own = bom["metadata"]["component"]

    def named(component):
        return component["name"], component["version"]

    bom["components"] = [one for one in bom["components"] if named(one) in wanted]
    found = {named(one) for one in [own, *bom["components"]]}
    if found != wanted or len(bom["components"]) + 1 != len(wanted):
        sys.exit(f"sbom: it does not list {sorted(wanted - found)}, or lists some twice")
    refs = {one["bom-ref"] for one in [own, *bom["components"]]}
    bom["dependencies"] = [
        {**one, "dependsOn": [ref for ref in one.get("dependsOn", []) if ref in refs]}
        for one in bom["dependencies"]
        if one["ref"] in refs
    ]
    print(json.dumps(bom, indent=2, ensure_ascii=False))


main(*sys.argv[1:])
