"""The files of scripts/deploy agree with the code and with each other.

`tests/data/compose-spec.json` is the schema of the Compose Specification as compose-go 2.9.0 has it
(schema/compose-spec.json; Apache-2.0).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ingest.config.effective import effective
from ingest.config.load import load, load_with_sources
from ingest.errors import ExitCode
from ingest.supervisor.supervisor import GRACE_S
from tests.harness.command import ROOT

DEPLOY = ROOT / "scripts" / "deploy"
COMPOSE: Mapping[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: Mapping[str, Any] = COMPOSE["services"]
NO_RESTART = {ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.CREDENTIALS, ExitCode.EXPIRED, ExitCode.TOO_MANY_DEAD}


def steps() -> list[tuple[str, str]]:
    """The instructions of the container file and their arguments."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined)]


def of_image(word: str) -> list[str]:
    """The arguments of an instruction in the last stage."""
    found = steps()
    last = max(index for index, (each, _) in enumerate(found) if each == "FROM")
    return [rest for each, rest in found[last:] if each == word]


def unit(section: str) -> list[tuple[str, str]]:
    """Keys and values of a section of the systemd unit, in their order."""
    text = (DEPLOY / "systemd" / "ingest.service").read_text("utf-8")
    body = text.partition(f"[{section}]\n")[2].partition("\n[")[0]
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.fixture
def drain_s(tmp_path: Path) -> float:
    """How long a stop of the default configuration may take until the last worker is killed."""
    empty = tmp_path / "ingest.toml"
    empty.touch()
    return load(empty).supervisor.drain_s + GRACE_S


def test_the_image_runs_without_rights_and_without_a_shell() -> None:
    (user,) = of_image("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert of_image("STOPSIGNAL") == ["SIGTERM"]
    assert of_image("RUN") == []
    for word in ("ENTRYPOINT", "CMD"):
        (command,) = of_image(word)
        assert all(isinstance(part, str) for part in json.loads(command))
    (health,) = of_image("HEALTHCHECK")
    arguments = json.loads(health.partition("CMD ")[2])
    assert arguments[:2] == ["python", "-c"]
    compile(arguments[2], "HEALTHCHECK", "exec")
    assert "/livez" in arguments[2]


def test_the_image_is_built_from_locks_by_hash() -> None:
    installs = [rest for word, rest in steps() if word == "RUN" and '"install", "--no-cache-dir"' in rest]
    assert len(installs) == 3
    assert all("--require-hashes" in rest or "--no-index" in rest for rest in installs)


def test_all_that_is_copied_into_the_image_gets_through_the_ignore_file() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = [rest.split()[:-1] for word, rest in steps() if word == "COPY" and "--from" not in rest]
    assert {name for names in copied for name in names} == let_through
    assert all((ROOT / name).exists() for name in let_through)


def test_compose_follows_the_schema() -> None:
    schema = json.loads((ROOT / "tests/data/compose-spec.json").read_text("utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_compose_names_what_is_there() -> None:
    for name, service in SERVICES.items():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys(), name
        for needed, how in service.get("depends_on", {}).items():
            healthy = "healthcheck" in SERVICES[needed] or needed == "ingest"  # the image has one
            assert how["condition"] != "service_healthy" or healthy, (name, needed)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], (
                name,
                volume,
            )
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), (name, port)


def test_every_container_of_our_own_has_a_read_only_root_and_no_capabilities() -> None:
    own = {name for name, service in SERVICES.items() if service["image"].startswith("ingest:")}
    assert own == {"arize", "producer", "ingest"}
    for name in own:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["tmpfs"] == ["/tmp"]  # the forkserver's socket


def test_the_configuration_of_compose_loads_and_fits(monkeypatch: pytest.MonkeyPatch, drain_s: float) -> None:
    for key, value in SERVICES["ingest"]["environment"].items():
        if not key.startswith("INGEST_STATUS"):
            monkeypatch.setenv(key, value)
    config = load(DEPLOY / "compose" / "ingest.toml")
    assert config.kafka.brokers == "kafka:9092"
    assert config.kafka.topic in SERVICES["topic"]["command"]
    assert not config.dead_letters.directory.is_absolute()  # in the working directory of the image, which is a volume
    mounted = [volume.split(":")[1] for volume in SERVICES["ingest"]["volumes"]]
    assert of_image("WORKDIR")[0] in mounted
    assert seconds(SERVICES["ingest"]["stop_grace_period"]) > drain_s


def test_prometheus_scrapes_the_port_of_the_page() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    (target,) = scraped[0]["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert host in SERVICES
    assert SERVICES[host]["environment"]["INGEST_STATUS__PORT"] == port
    assert of_image("EXPOSE") == [port]


def test_the_unit_restarts_only_where_that_helps() -> None:
    service = dict(unit("Service"))
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == {code.value for code in NO_RESTART}
    assert service["Restart"] == "on-failure"
    assert service["Type"] == "notify"
    assert service["KillMode"] == "mixed"


def test_the_unit_waits_longer_than_a_drain(drain_s: float) -> None:
    assert seconds(dict(unit("Service"))["TimeoutStopSec"]) > drain_s


def test_the_unit_keeps_state_and_secrets_where_the_documents_say() -> None:
    service = unit("Service")
    assert ("StateDirectory", "ingest") in service
    assert ("WorkingDirectory", "%S/ingest") in service
    assert ("LoadCredential", "arize_api_key:/etc/ingest/arize_api_key") in service
    assert ("Environment", "INGEST_ARIZE__API_KEY_FILE=%d/arize_api_key") in service
    assert not any("api_key=" in value.lower().replace("_file=", "") for key, value in service if key == "Environment")


def test_the_unit_lets_the_resolver_see_the_addresses_of_this_host() -> None:
    families = dict(unit("Service"))["RestrictAddressFamilies"].split()
    assert set(families) == {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}


def test_compose_sets_no_variable_that_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable of ingest's service is the source of an effective value, and none of them is refused."""
    environment = SERVICES["ingest"]["environment"]
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    sources = {value.source for value in effective(load_with_sources(DEPLOY / "compose" / "ingest.toml"))}
    assert environment.keys() - {"ARIZE_API_KEY"} <= sources  # a secret is no value of the configuration


def test_prometheus_and_grafana_find_their_files_where_they_are_mounted() -> None:
    """The rules beside prometheus.yml, the dashboards in the folder that the provisioning names."""
    prometheus = mounts("prometheus")
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (pattern,) = scraped["rule_files"]
    folder, _, name = pattern.rpartition("/")
    assert [path.name for path in prometheus[folder].glob(name)] == ["ingest.rules.yml"]
    assert f"--config.file={folder}/prometheus.yml" in SERVICES["prometheus"]["command"]
    grafana = mounts("grafana")
    (provider,) = yaml.safe_load(
        (grafana["/etc/grafana/provisioning"] / "dashboards" / "ingest.yaml").read_text("utf-8")
    )["providers"]
    assert [path.name for path in grafana[provider["options"]["path"]].glob("*.json")] == ["ingest.json"]


def mounts(service: str) -> dict[str, Path]:
    """The folders of this repository that a service sees, by where it sees them."""
    pairs = (volume.split(":")[:2] for volume in SERVICES[service]["volumes"])
    return {target: DEPLOY / source for source, target in pairs if source.startswith(".")}
