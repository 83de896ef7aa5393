"""The bill of materials of a release, as CycloneDX JSON: what ingest runs with, and what its fast lane is made of.

1. The Python half is what cyclonedx-py makes of requirements.lock; the Rust half is what Cargo.lock names. Versions and
   hashes are those of the locks.
2. A component is named by its package URL, never by an address that somebody fetched it from: mirrors differ.
3. The same locks and the same time give the same text.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]


def bill(python: Json, cargo_lock: str, version: str) -> str:
    """The document for `version`: `python` is cyclonedx-py's for requirements.lock, `cargo_lock` the crate's lock."""
    own = f"pkg:pypi/ingest@{version}"
    fast_lane = f"pkg:pypi/ingest-fastlane@{version}"
    pythons = [_python_component(component) for component in python["components"]]
    crates, edges = _crates(cargo_lock)
    direct = edges.pop("ingest-fastlane")
    refs = {crate["name"]: crate["bom-ref"] for crate in crates}
    dependencies = [
        {"ref": own, "dependsOn": sorted([*(each["bom-ref"] for each in pythons), fast_lane])},
        {"ref": fast_lane, "dependsOn": sorted(refs[name] for name in direct)},
        *({"ref": refs[name], "dependsOn": sorted(refs[each] for each in edges[name])} for name in sorted(edges)),
    ]
    components = [{**_component("ingest-fastlane", version, fast_lane), "scope": "optional"}, *pythons, *crates]
    document = {
        "$schema": python["$schema"],
        "bomFormat": "CycloneDX",
        "specVersion": python["specVersion"],
        "version": 1,
        "metadata": {
            **{key: python["metadata"][key] for key in ("timestamp", "tools") if key in python["metadata"]},
            "component": {**_component("ingest", version, own), "type": "application", "licenses": _LICENCE},
        },
        "components": sorted(components, key=lambda component: str(component["bom-ref"])),
        "dependencies": sorted(dependencies, key=lambda dependency: str(dependency["ref"])),
    }
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE_URL, text)}"
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


_LICENCE = [{"expression": "Apache-2.0"}]


def _component(name: str, version: str, purl: str) -> Json:
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def _python_component(found: Mapping[str, Any]) -> Json:
    component = _component(found["name"], found["version"], found["purl"])
    # Hashes of the files of a version: cyclonedx-py keeps them beside the place they come from.
    hashes = [each for place in found.get("externalReferences", ()) for each in place.get("hashes", ())]
    if hashes:
        component["externalReferences"] = [{"type": "distribution", "url": found["purl"], "hashes": hashes}]
    return component


def _crates(cargo_lock: str) -> tuple[Sequence[Json], dict[str, list[str]]]:
    """The crates but our own, and the names of the crates that each one depends on."""
    packages = tomllib.loads(cargo_lock)["package"]
    crates = []
    for package in packages:
        if "checksum" in package:
            purl = f"pkg:cargo/{package['name']}@{package['version']}"
            hashes = [{"alg": "SHA-256", "content": package["checksum"]}]
            crates.append({**_component(package["name"], package["version"], purl), "hashes": hashes})
    return crates, {each["name"]: [name.split()[0] for name in each.get("dependencies", ())] for each in packages}
