"""The vault's thread against a server that says nothing."""

from __future__ import annotations

import socket
import threading
import time
import unittest

import gatehouse_client as gc


class VaultTest(unittest.TestCase):
    def test_dropped_vault_waits_for_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            hostname = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/demo-credentials"
            vault = gc.Vault.with_token(hostname, "hvs.s3cret", attempt_timeout=5)
            connection, _ = silent.accept()
            with connection:
                self.assertTrue(connection.recv(1))
                longest = 0.0
                done = threading.Event()

                def watch() -> None:
                    nonlocal longest
                    before = time.monotonic()
                    while not done.is_set():
                        time.sleep(0.01)
                        longest, before = max(longest, time.monotonic() - before), time.monotonic()

                other = threading.Thread(target=watch)
                other.start()
                began = time.monotonic()
                del vault
                took = time.monotonic() - began
                done.set()
                other.join()
        self.assertLess(took, 1)
        self.assertLess(longest, 1)


if __name__ == "__main__":
    unittest.main()
