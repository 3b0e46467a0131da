"""Debian's nginx in a directory of its own: what benchmarks compare with."""

import os
import shutil
import socket
import tempfile

from lc.process import Process, free_port
from lc.programs import which

CONFIGURATION = """
worker_processes auto;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {dir}/temp;
    proxy_temp_path {dir}/t1; fastcgi_temp_path {dir}/t2; uwsgi_temp_path {dir}/t3; scgi_temp_path {dir}/t4;
    {http}
    server {{
        listen 127.0.0.1:{port} {listen};
        {server}
    }}
}}
"""


class Nginx:
    """`server`, `http` and `listen` are what stands in these places; {dir} in them is the instance's directory."""

    def __init__(self, name, directory, server, http="", listen=""):
        self.name, self.directory, self.port = name, tempfile.mkdtemp(dir=directory), free_port()
        conf = os.path.join(self.directory, "nginx.conf")
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(dir=self.directory, port=self.port, http=http, server=server, listen=listen)
        with open(conf, "w", encoding="ascii") as f:
            f.write(user + text.replace("{dir}", self.directory))
        self.process = Process(name, [which("nginx"), "-c", conf, "-e", f"{self.directory}/error.log"],
                               f"{self.directory}/out.log")
        self.process.spawn()
        self.process.wait_ready(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True)

    def close(self):
        self.process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
