"""A web service that counts each idempotency key once per path, as an ERP should."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class CountingService:
    """On a free port, in threads of this process.

    Attributes:
        counted: what was counted, in order, by path.
        repeats: requests whose key had been counted before, by path.
        contradictions: those of them that said something else than the first one.
    """

    def __init__(self) -> None:
        self.counted: dict[str, list[Any]] = defaultdict(list)
        self.repeats: Counter[str] = Counter()
        self.contradictions = 0
        self._by_key: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(size := int(self.headers["Content-Length"]))
                if len(body) < size:  # the link broke in the middle
                    self.close_connection = True
                    return
                service._count(self.path, self.headers["Idempotency-Key"], json.loads(body))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # a link that broke is what is tested

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *args: Any) -> None:
                """A link that broke is what is tested."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _count(self, path: str, key: str, value: Any) -> None:
        with self._lock:
            if (path, key) not in self._by_key:
                self._by_key[path, key] = value
                self.counted[path].append(value)
                return
            self.repeats[path] += 1
            self.contradictions += self._by_key[path, key] != value

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
