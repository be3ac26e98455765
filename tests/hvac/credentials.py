"""A worker reads a credential with the stock client library, and may do nothing else.

Takes one JSON object on standard input, prints `ok` when each step was as it should be.
"""

import json
import sys

import hvac
from hvac.exceptions import Forbidden


def forbidden(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Forbidden:
        return
    raise AssertionError(f"{call.__name__} must be forbidden")


def main():
    given = json.load(sys.stdin)
    client = hvac.Client(url=given["url"], namespace=given["namespace"], token=given["token"])
    kv, mount, key = client.secrets.kv.v2, given["mount"], given["key"]

    def read(key, mount):
        return kv.read_secret_version(path=key, mount_point=mount, raise_on_deleted_version=True)

    assert client.is_authenticated()
    found = read(key, mount)["data"]
    assert found["data"] == given["value"], "another value than stored"
    assert found["metadata"]["version"] == 1
    forbidden(read, given["outside"], mount)
    forbidden(read, key, given["other_mount"])
    forbidden(kv.create_or_update_secret, path=key, secret={"a": "b"}, mount_point=mount)
    forbidden(kv.delete_latest_version_of_secret, path=key, mount_point=mount)
    forbidden(kv.delete_metadata_and_all_versions, path=key, mount_point=mount)
    forbidden(kv.list_secrets, path="", mount_point=mount)
    assert read(key, mount)["data"]["data"] == given["value"]
    client.auth.token.revoke_self()
    assert not client.is_authenticated()
    print("ok")


main()
