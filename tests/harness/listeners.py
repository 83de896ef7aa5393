"""A real Kafka with a listener of each kind, and servers that are not Kafka: what a wrong configuration meets.

One broker has plain, SASL, TLS, mutual-TLS and SASL-over-TLS listeners, two whose certificate is expired or of another
name, and one that advertises an address where nothing listens. It has an authorizer: whoever has no login, and `admin`,
may do everything; `limited` may read the topic `predictions` under the group `good`, and see the topic `seen`.
"""

import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from ingest.sandbox.broker import RealKafka
from ingest.sandbox.node import free_port

USER, PASSWORD = "limited", "limited-secret"
TOPICS = ("predictions", "seen", "hidden")
MESSAGES = 40

_PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "CONTROLLER": "PLAINTEXT",
    "LOGIN": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "NAMED": "SSL",
    "EXPIRED": "SSL",
    "TLSLOGIN": "SASL_SSL",
    "UNREACHABLE": "PLAINTEXT",
}
_CERTIFICATES = {
    "TLS": "broker",
    "MUTUAL": "broker",
    "NAMED": "elsewhere",
    "EXPIRED": "expired",
    "TLSLOGIN": "broker",
}
_PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'user_{USER}="{PASSWORD}" user_admin="admin-secret";'
)
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

Options = dict[str, str]


class Listeners:
    """Leave it as a context manager. `at` has the address of each listener and server, by name."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ingest-listeners-"))
        self.at: dict[str, str] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        self._opened.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            self._certificates()
            ports = {name: free_port() for name in _PROTOCOLS}
            self.at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
            self._opened.enter_context(RealKafka(port=ports["PLAINTEXT"], settings=self._settings()))
            self._fill()
            self._serve("http", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            self._serve("ssh", b"SSH-2.0-OpenSSH_9.2p1\r\n")
            self._serve("smtp", b"220 mail.example.com ESMTP\r\n")
            self._serve("closes", b"")
            self._serve("zookeeper", b"Zookeeper version: 3.8.4\n", only_to=b"srvr")
            self._serve("silent", None)
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def path(self, name: str) -> str:
        """The file `name` among the certificates and keys."""
        return str(self.directory / name)

    def tls(self, ca: str = "ca") -> Options:
        """The options of a client with TLS that trusts `ca`."""
        return {"security.protocol": "SSL", "ssl.ca.location": self.path(f"{ca}.crt")}

    def login(self, password: str = PASSWORD, mechanism: str = "PLAIN") -> Options:
        """The options of a client with a login and without TLS."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": USER,
            "sasl.password": password,
        }

    def certificate(self, name: str) -> Options:
        """The options of a client's certificate."""
        return {
            "ssl.certificate.location": self.path(f"{name}.crt"),
            "ssl.key.location": self.path(f"{name}.key"),
        }

    # --- certificates ----------------------------------------------------------------------------

    def _certificates(self) -> None:
        for authority in ("ca", "otherca"):
            request = ["req", "-x509", *_KEY, "-nodes", "-days", "30", "-subj", f"/CN={authority}"]
            self._openssl(*request, "-keyout", f"{authority}.key", "-out", f"{authority}.crt")
        self._certificate("broker", "IP:127.0.0.1,DNS:localhost")
        self._certificate("elsewhere", "DNS:broker.example.com")
        self._certificate("expired", "IP:127.0.0.1", days=-1)
        self._certificate("client", "DNS:client")
        self._certificate("stranger", "DNS:stranger", authority="otherca")

    def _certificate(self, name: str, names: str, *, authority: str = "ca", days: int = 30) -> None:
        request = ["req", *_KEY, "-nodes", "-subj", f"/CN={name}"]
        self._openssl(*request, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.directory / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        signed_by = ["-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", str(days)]
        extensions = ["-extfile", f"{name}.ext"]
        self._openssl("x509", "-req", "-in", f"{name}.csr", *signed_by, *extensions, "-out", f"{name}.crt")
        key, certificate = (self.directory / f"{name}.key", self.directory / f"{name}.crt")
        (self.directory / f"{name}.pem").write_text(key.read_text() + certificate.read_text())

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=60)

    # --- the broker ------------------------------------------------------------------------------

    def _settings(self) -> Mapping[str, str]:
        advertised = {**self.at, "UNREACHABLE": "127.0.0.1:1"}
        settings = {
            "listeners": ",".join(f"{name}://{address}" for name, address in self.at.items()),
            "advertised.listeners": ",".join(
                f"{name}://{address}" for name, address in advertised.items() if name != "CONTROLLER"
            ),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in _PROTOCOLS.items()),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.quorum.bootstrap.servers": self.at["CONTROLLER"],
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
            "connection.failed.authentication.delay.ms": "50",
        }
        for listener, certificate in _CERTIFICATES.items():
            prefix = f"listener.name.{listener.lower()}.ssl"
            settings[f"{prefix}.keystore.type"] = settings[f"{prefix}.truststore.type"] = "PEM"
            settings[f"{prefix}.keystore.location"] = self.path(f"{certificate}.pem")
            settings[f"{prefix}.truststore.location"] = self.path("ca.crt")
        settings["listener.name.mutual.ssl.client.auth"] = "required"
        for listener in ("login", "tlslogin"):
            prefix = f"listener.name.{listener}"
            settings[f"{prefix}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256"
            settings[f"{prefix}.plain.sasl.jaas.config"] = _PLAIN
            settings[f"{prefix}.scram-sha-256.sasl.jaas.config"] = _SCRAM
        return settings

    def _fill(self) -> None:
        address = {"bootstrap.servers": self.at["PLAINTEXT"], "log_level": "0"}
        admin = AdminClient(dict(address))
        for made in admin.create_topics([NewTopic(name, 2, 1) for name in TOPICS]).values():
            made.result(30.0)
        rights = [
            (ResourceType.TOPIC, "predictions", AclOperation.READ),
            (ResourceType.TOPIC, "seen", AclOperation.DESCRIBE),
            (ResourceType.GROUP, "good", AclOperation.READ),
            (ResourceType.GROUP, "shown", AclOperation.DESCRIBE),
        ]
        user, pattern, allow = f"User:{USER}", ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        bindings = [AclBinding(kind, name, pattern, user, "*", right, allow) for kind, name, right in rights]
        for granted in admin.create_acls(bindings).values():
            granted.result(30.0)
        producer = Producer(dict(address))
        for number in range(MESSAGES):
            event = {"prediction_id": str(number), "prediction_ts": int(time.time()), "prediction_label": "a", "f": 0.5}
            for topic in ("predictions", "seen"):
                producer.produce(topic, json.dumps(event).encode(), partition=number % 2)
        assert producer.flush(30.0) == 0

    # --- servers that are not Kafka --------------------------------------------------------------

    def _serve(self, name: str, answer: bytes | None, *, only_to: bytes = b"") -> None:
        """Answer each connection after its first bytes, and close it; with None take it and never answer."""
        server = self._opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.at[name] = f"127.0.0.1:{server.getsockname()[1]}"
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                if answer is None:
                    kept.append(connection)
                    continue
                with connection:
                    try:
                        if connection.recv(1024).startswith(only_to):
                            connection.sendall(answer)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
