"""Broken set-ups of the first hour, each given to `check` and `supervise`: `python -m tests.fault.first_hour`.

Writes a table in Markdown: the set-up, both exit codes, the seconds after which each had said it, first from when its
modules were imported and then from its start, and what was said. A set-up that says something else, or exits otherwise,
is marked. `--only WORD` takes those with the word in their name.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from ingest.sandbox.arize import ArizeEndpoint
from tests.harness.command import clean_environment
from tests.harness.listeners import Listeners, Options

WITHIN_S = 180.0  # the imports of a busy machine included
IMPORTED = "imported"
# The command in a process that says when it has imported all that it would.
_PROGRAM = f"""
import sys
import ingest.commands.check.together
import ingest.commands.supervise.run
from ingest.cli import main
print({IMPORTED!r}, flush=True)
sys.argv[0] = "ingest"
main()
"""
STOPPED = "stopped"  # it ran on, as it should, and was stopped
_HEAD = (
    "| set-up | exit c/s | s (c/s) | s from the start | was told by check | was told by supervise |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Setup:
    """`brokers` is a listener's name, or an address; `says` must be in what both commands print.

    `check` and `supervise` are the exit codes, with None for a run that goes on.
    """

    name: str
    brokers: str
    says: str
    options: Callable[[Listeners], Options] = lambda _: {}
    topic: str = "predictions"
    group: str = "good"
    check: int = 4
    supervise: int | None = 4
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def _tls(one: Listeners) -> Options:
    return one.tls()


def _login(one: Listeners) -> Options:
    return one.login()


def _without(option: str) -> Callable[[Listeners], Options]:
    return lambda one: {key: value for key, value in one.login().items() if key != option}


def _over_tls(one: Listeners) -> Options:
    return {**one.tls(), **one.login(), "security.protocol": "SASL_SSL"}


ARIZE = ("ARIZE_API_HOST", "ARIZE_API_PORT", "ARIZE_API_SCHEME")
SETUPS = (
    # Of the first hour
    Setup("broker down", "127.0.0.1:1", "nothing listens at 127.0.0.1:1"),
    Setup("unknown host", "no-such-host.invalid:9092", "the name no-such-host.invalid is unknown"),
    Setup("an HTTP port as broker", "http", "a server for HTTP answers at"),
    Setup("kafka://host:9092", "kafka://host:9092", "has no kafka://", check=3, supervise=3),
    Setup("topic with a near name", "PLAINTEXT", "did you mean predictions?", topic="prediction"),
    Setup("TLS to a plain listener", "PLAINTEXT", "speaks no TLS", _tls),
    Setup("plain to TLS", "TLS", "speaks TLS and this client does not"),
    Setup("plain to SASL", "LOGIN", "wants a login"),
    Setup("untrusted CA", "TLS", "otherca.crt", lambda one: one.tls("otherca")),
    Setup("no CA set", "TLS", "ssl.ca.location is not set", lambda _: {"security.protocol": "SSL"}),
    Setup("wrong password", "LOGIN", "refuses the login of user limited", lambda one: one.login("wrong")),
    Setup(
        "wrong mechanism", "LOGIN", "has no mechanism SCRAM-SHA-512", lambda one: one.login(mechanism="SCRAM-SHA-512")
    ),
    Setup(
        "mechanism missing", "LOGIN", '"sasl.mechanism" is not set', _without("sasl.mechanism"), check=3, supervise=3
    ),
    Setup("no right on the group", "LOGIN", "--operation Read --group bad", _login, group="bad"),
    Setup("a subscribe() member in the group", "PLAINTEXT", "1 consumer subscribed under group taken", group="taken"),
    Setup(
        "dead-letter directory unwritable",
        "PLAINTEXT",
        "[dead_letters] directory = /proc/no can't be written",
        check=3,
        supervise=3,
        sections={"dead_letters": {"directory": "/proc/no"}},
    ),
    Setup(
        "dead-letter directory is a file",
        "PLAINTEXT",
        "is a file",
        check=3,
        supervise=3,
        sections={"dead_letters": {"directory": "ingest.toml"}},
    ),
    Setup(
        "Arize refused",
        "PLAINTEXT",
        "nothing listens there; check ARIZE_API_HOST",
        check=5,
        supervise=None,
        environment=dict(zip(ARIZE, ("127.0.0.1", "1", "http"), strict=True)),
    ),
    Setup(
        "Arize unknown host",
        "PLAINTEXT",
        "the name is unknown on this machine; check ARIZE_API_HOST",
        check=5,
        supervise=None,
        environment=dict(zip(ARIZE, ("no-such-host.invalid", "443", "https"), strict=True)),
    ),
    Setup(
        "ARIZE_API_HOST=https://...",
        "PLAINTEXT",
        "ARIZE_API_HOST is an address with another scheme than ARIZE_API_SCHEME: remove one of them",
        check=3,
        supervise=3,
        environment={"ARIZE_API_HOST": "https://api.arize.com"},
    ),
    Setup(
        "https to an http endpoint",
        "PLAINTEXT",
        "check ARIZE_API_SCHEME",
        check=5,
        supervise=None,
        environment={"ARIZE_API_SCHEME": "https"},
    ),
    Setup(
        "wrong ARIZE_REGION",
        "PLAINTEXT",
        "ca-central-1a, eu-west-1a",
        check=3,
        supervise=3,
        environment={"ARIZE_REGION": "eu", "ARIZE_API_HOST": "", "ARIZE_API_PORT": ""},
    ),
    # Our own
    Setup("an SSH port as broker", "ssh", "an SSH server answers"),
    Setup("a mail server as broker", "smtp", 'its answer begins with "220."'),
    Setup("a ZooKeeper port", "zookeeper", "ZooKeeper answers"),
    Setup("a KRaft controller's port", "CONTROLLER", "a KRaft controller answers"),
    Setup("a port that closes each connection", "closes", "closes each connection"),
    Setup("a broker that does not answer", "silent", "takes connections and does not answer"),
    Setup("TLS to an HTTP port", "http", "a server for HTTP answers", _tls),
    Setup("SSL:// in brokers", "SSL://host:9093", 'set "security.protocol" = "SSL"', check=3, supervise=3),
    Setup("addresses separated by ;", "a:9092;b:9092", "several separated by commas", check=3, supervise=3),
    Setup("a port that is none", "localhost:99999", "[kafka] brokers: a port is 1 to 65535", check=3, supervise=3),
    Setup("unreachable advertised.listeners", "UNREACHABLE", "its brokers advertise 127.0.0.1:1"),
    Setup("expired certificate", "EXPIRED", "has expired, or this machine's clock is wrong", _tls),
    Setup("certificate of another name", "NAMED", "is not for the name 127.0.0.1", _tls),
    Setup("client certificate required", "MUTUAL", '"ssl.certificate.location"', _tls),
    Setup(
        "foreign client certificate",
        "MUTUAL",
        "refuses the certificate of this client",
        lambda one: {**one.tls(), **one.certificate("stranger")},
    ),
    Setup("SASL to a plain listener", "PLAINTEXT", "takes no login", _login),
    Setup("SASL without TLS to SASL_SSL", "TLSLOGIN", '"security.protocol" = "SASL_SSL"', _login),
    Setup("TLS without a login to SASL_SSL", "TLSLOGIN", "wants a login", _tls),
    Setup(
        "sasl.mechanism = plain", "LOGIN", 'write "PLAIN"', lambda o: o.login(mechanism="plain"), check=3, supervise=3
    ),
    Setup("no sasl.username", "LOGIN", 'needs "sasl.username"', _without("sasl.username"), check=3, supervise=3),
    Setup(
        "AWS_MSK_IAM",
        "LOGIN",
        "SCRAM-SHA-512 with SASL_SSL",
        lambda o: o.login(mechanism="AWS_MSK_IAM"),
        check=3,
        supervise=3,
    ),
    Setup(
        "ssl.ca.location does not exist",
        "TLS",
        "ssl.ca.location = /no/ca.crt can't be read",
        lambda one: {**one.tls(), "ssl.ca.location": "/no/ca.crt"},
        check=3,
        supervise=3,
    ),
    Setup("no right on the topic", "LOGIN", "may not see topic hidden", _login, topic="hidden"),
    Setup("DESCRIBE but not READ on the topic", "LOGIN", "--operation Read --topic seen", _login, topic="seen"),
    Setup("DESCRIBE but not READ on the group", "LOGIN", "no right READ on group shown", _login, group="shown"),
    Setup("all of two brokers down", "127.0.0.1:1,127.0.0.1:2", "at none of 2 addresses"),
    Setup("one broker down, one good", "127.0.0.1:1,{PLAINTEXT}", "", check=0, supervise=None),
    Setup("a good set-up", "PLAINTEXT", "", check=0, supervise=None),
    Setup("a good set-up with SASL over TLS", "TLSLOGIN", "", _over_tls, check=0, supervise=None),
)


@dataclass(frozen=True, slots=True)
class Told:
    """How a command ended (None: it went on), after how many seconds it said what it should, and its lines.

    `seconds` are counted from when its modules were imported, `from_start_s` from its start.
    """

    code: int | None
    seconds: float
    from_start_s: float
    lines: tuple[str, ...]

    def has(self, words: str) -> bool:
        return any(words in line for line in self.lines)


class Campaign:
    """All set-ups against one set of listeners and one local Arize."""

    def __init__(self, listeners: Listeners, endpoint: ArizeEndpoint, directory: Path) -> None:
        self._listeners = listeners
        self._environment = clean_environment(**endpoint.environment())
        self._directory = directory

    def run(self, setup: Setup, command: str) -> Told:
        """Give `setup` to `command` and wait for its end, or for what it should say if it is to go on."""
        place = self._directory / f"{setup.name.replace('/', '_')}-{command}"
        place.mkdir(parents=True)
        self._write(place / "ingest.toml", setup)
        environment = {name: value for name, value in {**self._environment, **setup.environment}.items() if value}
        goes_on = command == "supervise" and setup.supervise is None
        began = time.monotonic()
        lines: list[str] = []
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, command],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            told_at = imported = 0.0
            with ThreadPoolExecutor(1) as killer:
                limit = killer.submit(self._end_late, process)
                for line in process.stdout:
                    if not imported and line.rstrip() == IMPORTED:
                        imported = time.monotonic() - began
                        continue
                    lines.append(line.rstrip())
                    wanted = setup.says or "is read from offset"
                    if not told_at and wanted in line:
                        told_at = time.monotonic() - began
                        if goes_on:
                            process.send_signal(signal.SIGTERM)
                            process.send_signal(signal.SIGTERM)
                code = process.wait()
                ended = time.monotonic() - began
                limit.cancel()
        told_s = told_at or ended
        return Told(None if goes_on else code, told_s - imported, told_s, tuple(lines))

    def _end_late(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()

    def _write(self, path: Path, setup: Setup) -> None:
        at = self._listeners.at
        brokers = at.get(setup.brokers) or setup.brokers.format(**at)
        sections: dict[str, Mapping[str, Any]] = {
            "kafka": {"brokers": brokers, "topic": setup.topic, "group": setup.group},
            "kafka.options": setup.options(self._listeners),
            "arize": {"model_name": "m"},
            "batch": {"linger_s": 0.2},
            **setup.sections,
        }
        lines = []
        for name, values in sections.items():
            lines += [f"[{name}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items())]
        path.write_text("\n".join([*lines, ""]))


def _row(setup: Setup, check: Told, supervise: Told) -> tuple[str, bool]:
    good = (check.code, supervise.code) == (setup.check, setup.supervise)
    good &= not setup.says or (check.has(setup.says) and supervise.has(setup.says))
    codes = "/".join("goes on" if code is None else str(code) for code in (check.code, supervise.code))
    took = f"{check.seconds:.1f}/{supervise.seconds:.1f}"
    total = f"{check.from_start_s:.1f}/{supervise.from_start_s:.1f}"
    words = [_words(setup, told) for told in (check, supervise)]
    name = f"{setup.name}{'' if good else ' **unexpected**'}"
    return f"| {name} | {codes} | {took} | {total} | {words[0]} | {words[1]} |", good


def _words(setup: Setup, told: Told) -> str:
    found = next((line for line in told.lines if setup.says and setup.says in line), "")
    if not found:
        found = told.lines[-1] if setup.says and told.lines else ""
    return " ".join(found.split()).replace("|", "\\|")


def main() -> int:
    """Write the table to standard output; returns 1 if a set-up said something else than it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="set-ups with this word in their name")
    only = parser.parse_args().only
    with ExitStack() as opened:
        listeners = opened.enter_context(Listeners())
        endpoint = opened.enter_context(ArizeEndpoint())
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ingest-first-hour-")))
        member = Consumer({"bootstrap.servers": listeners.at["PLAINTEXT"], "group.id": "taken", "log_level": 0})
        opened.callback(member.close)
        member.subscribe(["predictions"])
        while not member.assignment():
            member.poll(0.1)
        campaign = Campaign(listeners, endpoint, directory)
        sys.stdout.write(f"{_HEAD}\n")
        all_good = True
        for setup in SETUPS:
            if only in setup.name:
                row, good = _row(setup, campaign.run(setup, "check"), campaign.run(setup, "supervise"))
                all_good &= good
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()
                member.poll(0)
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
