"""The package against a small server in the same process: it answers only while the GIL is free."""

from __future__ import annotations

import json
import ssl
import subprocess
import tempfile
import threading
import unittest
from collections.abc import Callable
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional

import gatehouse_client as gc

FTP = {"type": "ftp", "hostname": "h", "port": 21, "secure": False, "username": None, "password": "s3cret"}
INFO = {
    "id": 1,
    "key": "a",
    "type": "ftp",
    "version": 3,
    "inserted_at": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00.5Z",
    "rotateBy": None,
    "lastUsedAt": None,
}


class Server:
    """Answers by a script, and keeps what it was asked."""

    def __init__(self, *script: tuple[int, Any], tls: Optional[ssl.SSLContext] = None) -> None:
        self.script = list(script)
        self.seen: list[tuple[str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.seen.append((self.command, self.path, body.decode()))
                status, document = server.script.pop(0)
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
            self.url = self.url.replace("http://", "https://")
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def client(self, attempts: Optional[int] = None) -> gc.Client:
        return gc.Client.key(self.url, "sk_s3cret", attempts=attempts)


class ClientTest(unittest.TestCase):
    def serve(self, *script: tuple[int, Any], tls: Optional[ssl.SSLContext] = None) -> Server:
        server = Server(*script, tls=tls)
        self.addCleanup(server.http.server_close)
        self.addCleanup(server.http.shutdown)
        return server

    def test_each_type_is_read(self) -> None:
        values: list[tuple[dict[str, Any], gc.Credential]] = [
            (FTP, gc.Ftp("h", password="s3cret")),
            (
                {"type": "s3", "access_key_id": "a", "secret_access_key": "s3cret", "hostname": None},
                gc.S3("a", "s3cret"),
            ),
            (
                {"type": "http", "endpoint": "https://e", "method": "PUT", "headers": '{"A":"s3cret"}', "body": "b"},
                gc.Http("https://e", "PUT", {"A": "s3cret"}, "b"),
            ),
            ({"type": "generic", "a": "s3cret", "b": None}, gc.Generic({"a": "s3cret", "b": None})),
        ]
        for value, expected in values:
            server = self.serve((200, {"data": {**INFO, "value": value}}))
            found = server.client().read_credential("a")
            self.assertEqual(found, expected)
            self.assertNotIn("s3cret", repr(found))

    def test_record_has_times(self) -> None:
        record = self.serve((200, {"data": {**INFO, "value": FTP}})).client().credential_record("a")
        self.assertEqual(record.info.updated_at, datetime(2026, 1, 1, 0, 0, 0, 500000, timezone.utc))
        self.assertIsNone(record.info.rotate_by)

    def test_what_is_created_is_sent_whole(self) -> None:
        server = self.serve((201, {"data": INFO}), (200, {"data": INFO}))
        client = server.client()
        at = datetime(2030, 1, 1, tzinfo=timezone.utc)
        client.create_credential("a", gc.Http("https://e", headers={"A": '"'}), rotate_by=at)
        sent = json.loads(server.seen[0][2])
        self.assertEqual(sent["rotateBy"], "2030-01-01T00:00:00Z")
        self.assertEqual(json.loads(sent["value"]["headers"]), {"A": '"'})
        client.update_credential("a", gc.Generic({"x": None}), if_version=3)
        self.assertEqual(json.loads(server.seen[1][2]), {"value": {"type": "generic", "x": None}})

    def test_wrong_values_are_not_sent(self) -> None:
        server = self.serve()
        client = server.client()
        wrong: list[Any] = [
            gc.Ftp("h", port=70000),
            gc.Http("https://e", "PATCH"),  # type: ignore[arg-type]
            gc.Generic({"type": "x"}),
            {"type": "ftp"},
        ]
        for credential in wrong:
            with self.assertRaises(gc.InvalidArgumentError):
                client.create_credential("a", credential)
        with self.assertRaises(ValueError):
            client.create_credential("a", gc.Ftp("h"), rotate_by=datetime(2030, 1, 1))
        with self.assertRaises(gc.InvalidArgumentError):
            client.read_credential("../sessions")
        self.assertEqual(server.seen, [])

    def test_half_a_surrogate_pair_is_refused_unseen(self) -> None:
        server = self.serve()
        client = server.client()
        half = "s3cret\ud800"
        calls: list[Callable[[], Any]] = [
            lambda: client.read_credential(half),
            lambda: client.create_credential("a", gc.Ftp("h", password=half)),
            lambda: client.create_credential("a", gc.S3("a", half)),
            lambda: client.create_credential("a", gc.Http("https://e", headers={"A": half})),
            lambda: client.create_credential("a", gc.Generic({"x": half})),
            lambda: client.create_credential("a", gc.Generic({half: None})),
            lambda: client.credential_token(metadata={"a": half}),
            lambda: client.search_sites([half]),
            lambda: gc.Client.key(server.url, half),
            lambda: gc.Client.worker(server.url, "w@demo.test", half),
            lambda: gc.Vault.with_token(f"{server.url}/v1/demo-credentials", half),
        ]
        for call in calls:
            with self.assertRaises(gc.InvalidArgumentError) as caught:
                call()
            error = caught.exception
            self.assertNotIn("s3cret", f"{error!r} {vars(error)}")
            self.assertIsNone(error.__cause__ or error.__context__)
        self.assertEqual(server.seen, [])

    def test_wrong_types_are_exceptions_of_python(self) -> None:
        server = self.serve()
        client = server.client()
        ftp, secret = gc.Ftp("h"), b"s3cret"
        calls: list[tuple[type[Exception], Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
            (TypeError, client.read_credential, (secret,), {}),
            (TypeError, client.create_credential, ("a", gc.Generic({"a": secret})), {}),  # type: ignore[dict-item]
            (TypeError, client.create_credential, ("a", gc.Ftp("h", password=secret)), {}),  # type: ignore[arg-type]
            (TypeError, client.create_credential, ("a", ftp), {"rotate_by": "s3cret"}),
            (TypeError, client.write_token, (), {"metadata": [secret]}),
            (TypeError, client.search_sites, ("s3cret",), {}),
            (OverflowError, client.list_sites, (-1,), {}),
            (OverflowError, client.credential_token, (), {"ttl": 1 << 32}),
            (ValueError, client.create_credential, ("a", ftp), {"rotate_by": datetime(2030, 1, 1)}),
        ]
        for kind, call, arguments, named in calls:
            with self.assertRaises(kind) as caught:
                call(*arguments, **named)
            self.assertIs(type(caught.exception), kind)
            self.assertNotIn("s3cret", repr(caught.exception))
        self.assertEqual(server.seen, [])

    def test_refusals_are_exceptions_by_status(self) -> None:
        problem = {"code": "some_code", "detail": "d", "request_id": "r", "current_version": 4}
        errors = [{"pointer": "/value/port", "detail": "wrong"}]
        for status, kind in [
            (401, gc.UnauthorizedError),
            (403, gc.ForbiddenError),
            (404, gc.NotFoundError),
            (412, gc.ConflictError),
            (422, gc.RefusedError),
            (429, gc.RateLimitedError),
            (503, gc.UnavailableError),
        ]:
            server = self.serve((status, {**problem, "errors": errors}))
            with self.assertRaises(kind) as caught:
                server.client(attempts=1).read_credential("a")
            error = caught.exception
            self.assertEqual((error.status, error.code, error.request_id), (status, "some_code", "r"))
            self.assertEqual(error.errors, (gc.FieldError("/value/port", "wrong"),))
            self.assertEqual(error.current_version, 4)

    def test_no_server_is_a_connection_error(self) -> None:
        client = gc.Client.key("http://127.0.0.1:1", "sk_s3cret", attempts=1)
        with self.assertRaises(ConnectionError) as caught:
            client.read_credential("a")
        self.assertIsInstance(caught.exception, gc.TransportError)
        self.assertNotIn("s3cret", str(caught.exception) + repr(client))

    def test_closed_objects_say_so(self) -> None:
        with gc.Client.key("http://127.0.0.1:1", "sk_x") as client:
            pass
        with self.assertRaises(gc.InvalidArgumentError):
            client.read_credential("a")
        with gc.Vault.with_token("http://127.0.0.1:1/v1/demo-credentials", "x", total_timeout=1) as vault:
            self.assertIsNone(vault.token_state().remaining)
        vault.close()
        with self.assertRaises(gc.InvalidArgumentError):
            vault.read_credential("a")

    def test_only_trusted_certificates_are_taken(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
            command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x"
            names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
            leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
            subprocess.run([*command.split(), *names, *leaf], check=True, capture_output=True)
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            trusted = certificate.read_text()
        server = self.serve((200, {"data": {**INFO, "value": FTP}}), tls=tls)
        with self.assertRaises(gc.TlsError) as caught:
            gc.Client.key(server.url, "sk_s3cret", attempts=1).read_credential("a")
        self.assertIn("ertificate", str(caught.exception))
        self.assertEqual(server.seen, [])
        found = gc.Client.key(server.url, "sk_s3cret", ca_pem=trusted).read_credential("a")
        self.assertIsInstance(found, gc.Ftp)

    def test_plain_http_and_odd_limits_are_refused(self) -> None:
        for limit in (0.0, -1.0, float("nan"), float("inf")):
            with self.assertRaises(gc.InvalidArgumentError):
                gc.Client.key("https://gatehouse.example", "sk_x", total_timeout=limit)
        with self.assertRaises(gc.InvalidArgumentError):
            gc.Client.key("http://gatehouse.example", "sk_x")


if __name__ == "__main__":
    unittest.main()
