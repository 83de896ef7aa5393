"""The bill of materials names each locked package and crate by its package URL and its hashes, and no address."""

import json
import re
import tomllib
from typing import Any

from scripts.releasing.materials import bill
from tests.harness.command import ROOT

CARGO = (ROOT / "ingest/fastlane/Cargo.lock").read_text("utf-8")
# As cyclonedx-py writes it.
PYTHON: dict[str, Any] = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "specVersion": "1.6",
    "metadata": {"timestamp": "2026-11-28T00:00:00+00:00", "tools": {"components": []}},
    "components": [
        {
            "bom-ref": "requirements-L1",
            "description": "requirements line 1: orjson==3.13.0 --hash=sha256:aa",
            "externalReferences": [
                {
                    "hashes": [{"alg": "SHA-256", "content": "aa"}],
                    "type": "distribution",
                    "url": "https://index.example/simple/orjson/",
                }
            ],
            "name": "orjson",
            "purl": "pkg:pypi/orjson@3.13.0",
            "type": "library",
            "version": "3.13.0",
        }
    ],
}


def made() -> dict[str, Any]:
    return dict(json.loads(bill(PYTHON, CARGO, "1.2.3")))


def test_each_package_and_each_crate_is_there_with_its_hashes() -> None:
    components = {component["purl"]: component for component in made()["components"]}
    crates = [package for package in tomllib.loads(CARGO)["package"] if "checksum" in package]
    assert components.keys() == {
        "pkg:pypi/orjson@3.13.0",
        "pkg:pypi/ingest-fastlane@1.2.3",
        *(f"pkg:cargo/{crate['name']}@{crate['version']}" for crate in crates),
    }
    (place,) = components["pkg:pypi/orjson@3.13.0"]["externalReferences"]
    assert place["hashes"] == [{"alg": "SHA-256", "content": "aa"}]
    for crate in crates:
        (digest,) = components[f"pkg:cargo/{crate['name']}@{crate['version']}"]["hashes"]
        assert digest == {"alg": "SHA-256", "content": crate["checksum"]}


def test_it_names_no_address_but_that_of_its_own_schema() -> None:
    assert re.findall(r"\w+://[^\"]+", bill(PYTHON, CARGO, "1.2.3")) == [PYTHON["$schema"]]


def test_every_reference_has_its_component() -> None:
    document = made()
    known = {component["bom-ref"] for component in document["components"]} | {"pkg:pypi/ingest@1.2.3"}
    for dependency in document["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= known
    assert document["metadata"]["component"]["bom-ref"] == "pkg:pypi/ingest@1.2.3"


def test_the_same_locks_give_the_same_text() -> None:
    assert bill(PYTHON, CARGO, "1.2.3") == bill(PYTHON, CARGO, "1.2.3")
    assert made()["serialNumber"] != json.loads(bill(PYTHON, CARGO, "1.2.4"))["serialNumber"]
