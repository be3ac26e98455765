"""Runs worker.py with the unmodified mcai-worker-sdk on one order, and checks what it read.

usage: python check.py FTP-KEY S3-KEY, with VAULT_HOSTNAME and VAULT_TOKEN, and with BACKEND_HOSTNAME, BACKEND_USERNAME
and BACKEND_PASSWORD. It ends with 0 if the job got both credentials from both stores. The worker itself always ends
with 0, so what counts is the file that it writes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STORES = ("VAULT", "BACKEND")


def order(keys: dict[str, str]) -> dict[str, Any]:
    """An order with each credential from each store. The SDK's own types have none for a map; it checks no type."""
    return {
        "job_id": 1,
        "parameters": [
            {"id": f"{kind}_{store.lower()}", "type": "string", "store": store, "value": key}
            for kind, key in keys.items()
            for store in STORES
        ],
    }


def run(keys: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the worker got."""
    with tempfile.TemporaryDirectory() as folder:
        orders, result = Path(folder, "order.json"), Path(folder, "result.json")
        orders.write_text(json.dumps(order(keys)), encoding="utf-8")
        variables = {
            **os.environ,
            "SOURCE_ORDERS": str(orders),
            "PYTHON_WORKER_FILENAME": "worker.py",
            "RESULT": str(result),
        }
        done = subprocess.run(
            [sys.executable, "worker.py"], cwd=HERE, env=variables, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0 or not result.exists():
            last = "\n".join((done.stdout + done.stderr).splitlines()[-3:])
            sys.exit(f"the job failed (status {done.returncode}):\n{last}")
        found: dict[str, dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
        return found


def check(found: dict[str, dict[str, Any]]) -> None:
    """Nulls are left out: the SDK drops them on the way into Python."""
    for kind in ("ftp", "s3"):
        vault, backend = (found[f"{kind}_{store.lower()}"] for store in STORES)
        if vault != backend:
            sys.exit(f"{kind}: the two stores disagree")
        if vault.get("type") != kind:
            sys.exit(f"{kind}: the type is missing")
    ftp, s3 = found["ftp_vault"], found["s3_vault"]
    if type(ftp.get("port")) is not int:
        sys.exit("ftp: port is no number")
    if not isinstance(ftp.get("secure"), bool):
        sys.exit("ftp: the default of secure is missing")
    for field in ("access_key_id", "secret_access_key", "region"):
        if not isinstance(s3.get(field), str):
            sys.exit(f"s3: {field} is missing")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    check(run({"ftp": sys.argv[1], "s3": sys.argv[2]}))
    print("the worker read an ftp and an s3 credential from both stores")
