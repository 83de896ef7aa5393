"""Each planted bug and crash point of tests/harness/planted still fits the product that it patches."""

import ast
import json
import subprocess
import sys
from pathlib import Path

from tests.harness.command import ROOT, clean_environment
from tests.harness.rig import PLANTED

# Imports each module anew through the plant's own hook, once a plant. A plant that no longer fits raises, or makes
# a name in the module or in one of its classes that was not there.
PROGRAM = """
import importlib, json, sys, sitecustomize

plants = {**sitecustomize.CRASHES, **sitecustomize.BUGS, **sitecustomize.NOISES}
problems = {}
for name, (path, patch) in plants.items():
    def checked(module, name=name, patch=patch):
        owners = [module, *(each for each in vars(module).values() if isinstance(each, type))]
        before = [set(vars(owner)) for owner in owners]
        patch(module)
        made = [sorted(set(vars(owner)) - names) for owner, names in zip(owners, before)]
        problems[name] = [each for names in made for each in names]

    planter = sitecustomize._Planter(path, checked)
    sys.meta_path.insert(0, planter)
    sys.modules.pop(path, None)
    try:
        importlib.import_module(path)
        problems.setdefault(name, ["never applied"])
    except Exception as error:
        problems[name] = [repr(error)]
    sys.meta_path.remove(planter)
print(json.dumps(problems))
"""


def test_every_plant_patches_a_method_that_the_product_has(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=f"{PLANTED}:{ROOT}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    problems = json.loads(done.stdout)
    assert len(problems) >= 24
    assert {name: found for name, found in problems.items() if found} == {}


def test_every_attribute_that_a_plant_reads_is_a_name_in_the_product() -> None:
    used = {
        node.attr
        for function in ast.parse((PLANTED / "sitecustomize.py").read_text()).body
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
    }
    assert len(used) > 30
    assert used - {"set_column"} - _names_in_product() == set()  # set_column is pyarrow's


def _names_in_product() -> set[str]:
    found = set()
    for path in (ROOT / "ingest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
    return found
