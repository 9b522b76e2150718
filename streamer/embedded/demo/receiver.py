"""Somebody who is told: a webhook's receiver, as a pager has one. It believes nothing without the right signature."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any

SECRET = "demo"


class Receiver:
    """Serves on a free loopback port while the `with` block runs."""

    def __init__(self) -> None:
        self._told: Queue[dict[str, Any]] = Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if receiver.take(dict(self.headers), body) else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Whether it is from who has the secret (Standard Webhooks 1.0)."""
        named = {name.lower(): value for name, value in headers.items()}
        signed = f"{named.get('webhook-id')}.{named.get('webhook-timestamp')}.".encode() + body
        right = "v1," + base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(right, named.get("webhook-signature", "")):
            return False
        self._told.put(json.loads(body))
        return True

    def next(self, within_s: float) -> dict[str, Any] | None:
        """The next notice; None if there is none so soon."""
        try:
            return self._told.get(timeout=within_s)
        except Empty:
            return None

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
