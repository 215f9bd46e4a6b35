"""The clients: wrk, and one that throws bodies away in the kernel."""

import json
import os
import re
import select
import socket
import subprocess
import time

SCRIPT = """
local paths = {}
init = function()
    for line in io.lines(os.getenv("LAB_URLS")) do paths[#paths + 1] = wrk.format("GET", line) end
    math.randomseed(20)
end
request = function() return paths[math.random(#paths)] end
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('LAB {"requests": %d, "bytes": %d, "micros": %d, "errors": %d, "p50": %d, "p99": %d}\\n',
        summary.requests, summary.bytes, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


def wrk(server, urls, folder, core, seconds, connections, tls=False):
    """Asks for random ones of `urls`; gives what the server spent and what the client saw."""
    script, listing = os.path.join(folder, "lab.lua"), os.path.join(folder, "urls")
    with open(script, "w", encoding="ascii") as file:
        file.write(SCRIPT)
    with open(listing, "w", encoding="utf-8") as file:
        file.write("\n".join(urls) + "\n")
    command = ("taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
               server.base(tls))
    before = server.cpu_ns()
    said = subprocess.run(command, env=dict(os.environ, LAB_URLS=listing), capture_output=True, text=True, check=True)
    spent = server.cpu_ns() - before
    seen = json.loads(re.search(r"^LAB (.*)$", said.stdout, re.M)[1])
    return _figures(seen, spent)


def h2load(server, urls, folder, core, seconds, connections):
    """As `wrk`, over HTTP/2 and TLS, the URLs in turn: as many connections, one request at a time on each."""
    listing, log = os.path.join(folder, "urls.h2"), os.path.join(folder, "h2load.log")
    with open(listing, "w", encoding="utf-8") as file:
        file.write("\n".join(server.base(True) + url for url in urls) + "\n")
    if os.path.exists(log):
        os.remove(log)
    command = ("taskset", "-c", str(core), "h2load", "-t1", f"-c{connections}", "-m1", "-D", str(seconds),
               "--log-file", log, "-i", listing)
    before = server.cpu_ns()
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = server.cpu_ns() - before
    counts = re.search(r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said.stdout, re.M)
    traffic = re.search(r"^traffic: .*\((\d+)\) data", said.stdout, re.M)
    with open(log, encoding="ascii") as file:
        # When it began, the status, how long it took: microseconds (h2load(1)).
        times = sorted(int(line.split("\t")[2]) for line in file)
    at = lambda part: times[min(len(times) - 1, int(part * len(times)))] if times else 0
    seen = {"requests": int(counts[1]), "bytes": int(traffic[1]), "micros": seconds * 1e6,
            "errors": sum(int(count) for count in counts.groups()[1:]), "p50": at(0.5), "p99": at(0.99)}
    return _figures(seen, spent)


def _figures(seen, spent_ns):
    requests = max(1, seen["requests"])
    return {
        "cpu_us": spent_ns / 1000 / requests,
        "cpu_s_per_gb": spent_ns / max(1, seen["bytes"]),
        "per_second": seen["requests"] * 1e6 / seen["micros"],
        "p50_us": seen["p50"],
        "p99_us": seen["p99"],
        "errors": seen["errors"],
    }


class _Connection:
    """One keep-alive connection: writes a request, reads the head, lets the kernel drop the body."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.head, self.left, self.begun = b"", None, 0.0

    def ask(self, request):
        self.head, self.left, self.begun = b"", None, time.monotonic()
        self.socket.send(request)

    def read(self, waste):
        """Bytes read now, and whether the answer is at its end."""
        if self.left is None:
            # Only as much as is there of the head is copied: the first bytes are looked at before they are taken.
            piece = self.socket.recv(1024, socket.MSG_PEEK)
            end = (self.head + piece).find(b"\r\n\r\n")
            take = len(piece) if end < 0 else end + 4 - len(self.head)
            if take == 0:
                raise ConnectionError("the server closed the connection")
            self.head += self.socket.recv(take)
            if end < 0:
                return take, False
            if not self.head.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(self.head.split(b"\r\n")[0].decode())
            self.left = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", self.head)[1])
            return take, self.left == 0
        n = self.socket.recv_into(waste, min(self.left, len(waste)), socket.MSG_TRUNC)
        if n == 0:
            raise ConnectionError("the server closed the connection")
        self.left -= n
        return n, self.left == 0


def discarding(server, urls, core, seconds, connections):
    """As `wrk`, but the bodies are never copied to the client (`MSG_TRUNC`, tcp(7))."""
    os.sched_setaffinity(0, {core})
    try:
        return _discard(server, urls, seconds, connections)
    finally:
        os.sched_setaffinity(0, range(os.cpu_count()))


def _discard(server, urls, seconds, connections):
    asked = [f"GET {url} HTTP/1.1\r\nHost: lab\r\n\r\n".encode() for url in urls]
    waste, poll, by_number = bytearray(4 << 20), select.epoll(), {}
    for index in range(connections):
        connection = _Connection(server.port)
        by_number[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
        connection.ask(asked[index % len(asked)])
    before, begun = server.cpu_ns(), time.monotonic()
    total, times, turn = 0, [], connections
    while time.monotonic() - begun < seconds:
        for number, _ in poll.poll(1):
            connection = by_number[number]
            try:
                n, is_over = connection.read(waste)
            except BlockingIOError:
                continue
            total += n
            if is_over:
                times.append(time.monotonic() - connection.begun)
                # A stride that visits all of them in another order than the disk's.
                turn = (turn + 7919) % len(asked)
                connection.ask(asked[turn])
    spent, took = server.cpu_ns() - before, time.monotonic() - begun
    for connection in by_number.values():
        connection.socket.close()
    times.sort()
    at = lambda part: int(1e6 * times[min(len(times) - 1, int(part * len(times)))]) if times else 0
    seen = {"requests": len(times), "bytes": total, "micros": took * 1e6, "errors": 0, "p50": at(0.5), "p99": at(0.99)}
    return _figures(seen, spent)


def idle(server, url, count):
    """Opens `count` connections, asks once on each, and leaves them open; gives them, to be closed."""
    request = f"GET {url} HTTP/1.1\r\nHost: lab\r\n\r\n".encode()
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        left = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", answer)[1]) - len(answer.split(b"\r\n\r\n", 1)[1])
        while left > 0:
            left -= len(connection.recv(min(left, 65536)))
        connections.append(connection)
    return connections
