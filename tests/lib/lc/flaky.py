"""A TCP proxy on loopback that breaks connections as bad lines do."""

import socket
import struct
import threading


class Line:
    """A TCP listener on loopback; each connection is given to `_take`, which must not wait."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._take(client)

    def _take(self, client):
        raise NotImplementedError


class FlakyProxy(Line):
    """Forwards to `port`. `plan(number)` says of the connection with that number how many of the client's bytes it may
    bring (None: all) and whether the answer gets through: (bytes, answered). `rewrite`: bytes of the client and what
    is sent on instead."""

    def __init__(self, port, plan, rewrite=(b"", b"")):
        self.target, self.plan, self.rewrite, self.count, self.breaks = port, plan, rewrite, 0, 0
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def _take(self, client):
        self.count += 1
        budget, answered = self.plan(self.count)
        threading.Thread(target=self._serve, args=(client, budget, answered), daemon=True).start()

    def _serve(self, client, budget, answered):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            self._reset(client)
            return
        back = threading.Thread(target=self._answer, args=(server, client, answered), daemon=True)
        back.start()
        try:
            while data := client.recv(16384 if budget is None else max(1, min(16384, budget))):
                server.sendall(data.replace(*self.rewrite) if self.rewrite[0] else data)
                if budget is not None:
                    budget -= len(data)
                    if budget <= 0:
                        self.breaks += 1
                        self._reset(client)
                        self._reset(server)
                        return
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        back.join()
        server.close()
        client.close()

    def _answer(self, server, client, answered):
        try:
            while data := server.recv(65536):
                if not answered and not data.startswith(b"HTTP/1.1 100"):
                    self.breaks += 1
                    self._reset(client)
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()


class Held:
    """Bytes that a HeldLine does not let on before `go` is set; `arrived`: they are there."""

    def __init__(self, words):
        self.words, self.arrived, self.go = words, threading.Event(), threading.Event()


class HeldLine(Line):
    """A TCP proxy on loopback to a unix socket, which holds what one asks it to."""

    def __init__(self, path):
        self.path, self.held = path, None
        super().__init__()

    def close(self):
        super().close()
        if self.held is not None:
            self.held.go.set()

    def hold(self, words):
        """The next bytes of a client that `words` are in, once."""
        self.held = Held(words)
        return self.held

    def _take(self, client):
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.path)
        for pair in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source, target, holds):
        try:
            while data := source.recv(65536):
                held = self.held
                if holds and held is not None and not held.arrived.is_set() and held.words in data:
                    held.arrived.set()
                    held.go.wait(30)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
