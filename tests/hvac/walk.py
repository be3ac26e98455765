"""A plugin's walk with the stock client library: the tokens work as they are.

Takes one JSON object on standard input, prints `ok` when each step was as it should be.
"""

import json
import sys

import hvac
from hvac.exceptions import Forbidden, InvalidPath


def forbidden(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Forbidden:
        return
    raise AssertionError(f"{call.__name__} must be forbidden")


def main():
    given = json.load(sys.stdin)

    def client(token):
        return hvac.Client(url=given["url"], namespace=given["namespace"], token=token)

    write, read = client(given["write_token"]), client(given["read_token"])
    store, path = given["store"], given["path"]
    assert write.is_authenticated() and read.is_authenticated()

    kv = write.secrets.kv.v1
    # Without `method` the library reads first, to choose one, and a write token may not read.
    forbidden(kv.create_or_update_secret, path, {"a": "b"}, mount_point=store)
    kv.create_or_update_secret(path, {"identifier": "canary"}, method="POST", mount_point=store)
    kv.create_or_update_secret(path, {"identifier": "newer"}, method="PUT", mount_point=store)
    forbidden(kv.read_secret, path, mount_point=store)
    forbidden(kv.list_secrets, "", mount_point=store)

    kv = read.secrets.kv.v1
    assert kv.read_secret(path, mount_point=store)["data"] == {"identifier": "newer"}
    forbidden(kv.create_or_update_secret, path, {"a": "b"}, method="POST", mount_point=store)
    forbidden(kv.delete_secret, path, mount_point=store)
    forbidden(kv.list_secrets, "", mount_point=store)

    for one, policy, ttl in [
        (write, given["write_policy"], 7 * 24 * 3600),
        (read, given["read_policy"], 24 * 3600),
    ]:
        found = one.auth.token.lookup_self()["data"]
        assert policy in found["policies"], found["policies"]
        assert found["creation_ttl"] == ttl and found["renewable"] and found["orphan"]
        renewed = one.auth.token.renew_self(increment=f"{ttl}s")["auth"]
        assert renewed["lease_duration"] == ttl and renewed["renewable"]
        forbidden(one.auth.token.create, policies=["root"])
        forbidden(one.sys.list_mounted_secrets_engines)

    write.secrets.kv.v1.delete_secret(path, mount_point=store)
    try:
        read.secrets.kv.v1.read_secret(path, mount_point=store)
        raise AssertionError("the secret is still there")
    except InvalidPath:
        pass

    for one in (write, read):
        one.auth.token.revoke_self()
        assert not one.is_authenticated()
    print("ok")


main()
