"""The servers: Headwater, and nginx with the same bytes as ready-made files. Both on one core."""

import os
import re
import socket
import subprocess
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port, process, name):
    for _ in range(400):
        if process.poll() is not None:
            raise SystemExit(f"lab: {name} ended at once; see its log")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"lab: {name} does not listen")


class Server:
    """A running server, and what it costs."""

    def __init__(self, name, process, port, tls_port=None):
        self.name, self.process, self.port, self.tls_port = name, process, port, tls_port

    def base(self, tls=False):
        return f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"

    def pids(self):
        children = subprocess.run(("pgrep", "-P", str(self.process.pid)), capture_output=True, text=True, check=False)
        return [self.process.pid] + [int(pid) for pid in children.stdout.split()]

    def cpu_ns(self):
        """Time that its threads have been running, user and system, nanoseconds."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total

    def rss_bytes(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += 1024 * int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
        return total

    def stop(self):
        self.process.terminate()
        self.process.wait()


def certificate(folder):
    """A certificate for this machine, of the kind that most sites have (P-256): the files of it and of its key."""
    chain, key = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(chain):
        subprocess.run(("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-days", "30", "-keyout", key, "-out", chain),
                       check=True, capture_output=True)
    return chain, key


def headwater(program, folder, core, tls=None, **settings):
    """Starts Headwater with the catalogue in `folder`. `settings` are keys of `config.toml`, `section__key`; `tls` the
    files of a certificate."""
    port = free_port()
    tls_port = free_port() if tls else None
    if tls:
        settings |= {"server__tls_listen": f"127.0.0.1:{tls_port}", "server__certificate": tls[0], "server__key": tls[1]}
    management = free_port()
    environment = dict(os.environ, HEADWATER_STORAGE__DATA_DIR=folder, HEADWATER_SERVER__LISTEN=f"127.0.0.1:{port}",
                       HEADWATER_MANAGEMENT__LISTEN=f"127.0.0.1:{management}",
                       HEADWATER_LOG__LEVEL="warn")
    environment.update({f"HEADWATER_{key.upper()}": str(value) for key, value in settings.items()})
    log = open(os.path.join(folder, "headwater.log"), "ab")
    process = subprocess.Popen(("taskset", "-c", str(core), program, "serve"), env=environment, stdout=log, stderr=log)
    _wait(port, process, "headwater")
    return Server("headwater", process, port, tls_port)


def publish(program, folder, films):
    """Publishes folders; gives the URL of each film's server manifest, without the host."""
    environment = dict(os.environ, HEADWATER_STORAGE__DATA_DIR=folder)
    urls = []
    for film in films:
        said = subprocess.run((program, "publish", film), env=environment, capture_output=True, text=True, check=True)
        urls.append(re.search(r"https?://[^/\s]+(/\S+?\.ism)/", said.stdout)[1])
    return urls


def protect(program, folder, film, scheme):
    """Encrypts a published folder on its way out."""
    environment = dict(os.environ, HEADWATER_STORAGE__DATA_DIR=folder)
    subprocess.run((program, "protect", film, "--with", scheme), env=environment, capture_output=True, check=True)


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; types {{}}
    default_type application/octet-stream;
    open_file_cache max=20000 inactive=1h; open_file_cache_valid 1h;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl http2; root {root}; }}
}}
"""


def nginx(folder, root, core, tls):
    """Starts nginx over the files below `root`, with a certificate."""
    port, tls_port = free_port(), free_port()
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(NGINX.format(folder=folder, root=root, port=port, tls_port=tls_port, chain=tls[0], key=tls[1]))
        if os.geteuid() == 0:
            file.write("user root;\n")
    command = ("taskset", "-c", str(core), "nginx", "-p", folder, "-c", os.path.join(folder, "nginx.conf"))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _wait(port, process, "nginx")
    return Server("nginx", process, port, tls_port)


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def ready_made(server, root, urls):
    """Stores what `server` answers as files for nginx; gives their mean size."""
    total = 0
    for url in urls:
        path = root + url
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(fetch(server.base() + url))
        total += os.path.getsize(path)
    return total // len(urls)
