"""Fly's proxy: one address of this machine for each app, behind which visitors get whichever machine may serve them.

=====================================  ====================================================================
rule                                   source
=====================================  ====================================================================
cordoned machines get nobody           https://fly.io/docs/machines/api/machines-resource/ (cordon)
nor those whose checks do not pass     https://fly.io/docs/reference/health-checks/
a stopped one is started for visitors  https://fly.io/docs/reference/fly-proxy-autostop-autostart/
no machine is made by it               the same page
=====================================  ====================================================================
"""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import ClassVar

from fly_vm import Vm

PATIENCE = 30.0
"""Seconds that a visitor waits for a machine that starts."""
HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


class Visit(BaseHTTPRequestHandler):
    """One visitor's connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet
    machines: ClassVar[Callable[[], Sequence[Vm]]]
    turn: ClassVar["count[int]"]

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            vm = self._choose()
            if vm is not None and self._forwarded(vm, body):
                return
            if vm is None:
                if not any(not each.cordoned for each in type(self).machines()):
                    break
                time.sleep(0.05)
        self._say(503, [("content-type", "text/plain")], b"no machine answers\n")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815

    def _choose(self) -> Vm | None:
        """Return a machine that may serve, starting one if none does."""
        open_ones = [each for each in type(self).machines() if not each.cordoned and each.config.get("services")]
        ready = [each for each in open_ones if each.wanted == "started" and each.healthy]
        if ready:
            return ready[next(type(self).turn) % len(ready)]
        for each in open_ones:
            if each.config["services"][0].get("autostart") and each.wanted == "stopped" and each.state == "stopped":
                each.checks.clear()
                each.start()
                break
        return None

    def _forwarded(self, vm: Vm, body: bytes) -> bool:
        """Hand the request to a machine; False if it could not be reached, so that another one is tried."""
        vm.busy += 1
        vm.used = time.monotonic()
        upstream = http.client.HTTPConnection(vm.address, vm.config["services"][0]["internal_port"], timeout=60)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
            upstream.request(self.command, self.path, body or None, {**headers, "X-Forwarded-Proto": "https"})
            response = upstream.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            upstream.close()
            vm.busy -= 1
        told = [(key, value) for key, value in response.getheaders() if key.lower() not in HOP]
        self._say(response.status, told, data, response.getheader("content-length"))
        return True

    def _say(self, status: int, headers: list[tuple[str, str]], data: bytes, length: str | None = None) -> None:
        with suppress(OSError):
            self.send_response(status)
            for key, value in headers:
                self.send_header(key, value)
            self.send_header("Content-Length", (length or "0") if self.command == "HEAD" else str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of visitors who go away."""


class Front:
    """The address of one app."""

    def __init__(self, ip: str, port: int, machines: Callable[[], Sequence[Vm]]) -> None:
        handler = type("AppVisit", (Visit,), {"machines": staticmethod(machines), "turn": count()})
        self._server = _Server((ip, port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name=f"front {ip}"
        )
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)
