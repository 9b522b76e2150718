"""The address of Redis that streamer knows: whatever is the primary now stands behind it, as a load balancer has it."""

import socket
import threading
from contextlib import suppress

BYTES = 65_536


class Switch:
    """Forwards connections to `target` (a loopback port); a switch breaks those that are open."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def to(self, target: int) -> None:
        with self._lock:
            self.target, broken = target, list(self._open)
        for connection in broken:
            _end(connection)

    def close(self) -> None:
        self._server.close()
        self.to(0)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            target = self.target
        try:
            server = socket.create_connection(("127.0.0.1", target), 2)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
            moved = target != self.target
        if moved:
            _end(client)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while raw := source.recv(BYTES):
            sink.sendall(raw)
    _end(source)
    _end(sink)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
