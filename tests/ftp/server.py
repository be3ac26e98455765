"""An FTP server on a free port of loopback, which ends with its standard input.

Takes one JSON object on the first line there, prints the port when it listens. `reader` may read, `nobody` may log in
and nothing more; both have the given password. With a certificate, it demands TLS.
"""

import json
import os
import sys
import threading

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def handler(given):
    if given["certificate"] is None:
        chosen = FTPHandler
    else:
        from pyftpdlib.handlers import TLS_FTPHandler as chosen

        chosen.certfile = given["certificate"]
        chosen.tls_control_required = True
    users = DummyAuthorizer()
    users.add_user("reader", given["password"], given["home"], perm="elr")
    users.add_user("nobody", given["password"], given["home"], perm="")
    users.add_anonymous(given["home"], perm="elr")
    chosen.authorizer = users
    # It would answer a wrong password seconds later.
    chosen.auth_failed_timeout = 0
    chosen.banner = "canary of the banner"
    return chosen


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    given = json.loads(sys.stdin.readline())
    server = FTPServer(("127.0.0.1", 0), handler(given))
    threading.Thread(target=end_with_input, daemon=True).start()
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()


main()
