"""Reads a credential through Gatehouse and straight from OpenBao, and says what it is without its secrets.

usage: python read_credential.py KEY, with GATEHOUSE_URL, DEMO_WORKER_EMAIL and DEMO_WORKER_PASSWORD.
"""

from __future__ import annotations

import os
import sys

from gatehouse_client import Client, Credential, Ftp, GatehouseError, Generic, Http, S3


def described(credential: Credential) -> str:
    """One line without secrets."""
    if isinstance(credential, Ftp):
        return f"ftp {credential.hostname}:{credential.port} secure={credential.secure}"
    if isinstance(credential, S3):
        return f"s3 {credential.hostname} region={credential.region}"
    if isinstance(credential, Http):
        return f"http {credential.method}, {len(credential.headers)} headers"
    if isinstance(credential, Generic):
        return f"generic {sorted(credential.fields)}"


def main(key: str) -> int:
    """Reads twice."""
    url, email = os.environ["GATEHOUSE_URL"], os.environ["DEMO_WORKER_EMAIL"]
    try:
        with Client.worker(url, email, os.environ["DEMO_WORKER_PASSWORD"]) as gatehouse:
            through = gatehouse.read_credential(key)
            with gatehouse.vault() as vault:
                straight = vault.read_credential(key)
    except GatehouseError as error:
        print(f"{error} (code {error.code})", file=sys.stderr)
        return 1
    print("through Gatehouse:", described(through))
    print("straight from OpenBao:", described(straight))
    return 0 if through == straight else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
