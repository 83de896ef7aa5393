"""The generated pages of docs/ are up to date, complete, and true of what they say about the environment."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from ingest.config.load import load
from ingest.config.settings import Config
from ingest.errors import ExitCode
from ingest.events import Event
from ingest.reasons import REASONS
from ingest.supervisor.restarts import EXIT_KINDS, ExitKind
from scripts.pages import account, cli, configuration, events, exit_codes, rooms
from scripts.pages.__main__ import DOCS, main, pages, stale
from scripts.pages.markdown import table, text, type_in_words

ROOT = Path(__file__).parents[3]
GENERATED = pages()
SECTIONS = {section.name: section for section in configuration.sections()}
KEYS = [(section, key) for section in SECTIONS.values() for key in section.keys]
# A section in which another key is required can't be set by one variable.
SET_ALONE = [
    (section.name, key)
    for section, key in KEYS
    if key.variable and key.default is not None and not any(other.required for other in section.keys)
]


def written(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def below(heading: str, page: str) -> str:
    """The part of a page from a heading to the next one of level 2."""
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_page_is_what_the_code_makes_it(name: str) -> None:
    assert written(name) == GENERATED[name], "run scripts/reference"


def test_stale_and_missing_pages_are_named(tmp_path: Path) -> None:
    for name, page in GENERATED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(page, encoding="utf-8")
    assert stale(tmp_path) == []
    (tmp_path / "reference/cli.md").write_text("another text", encoding="utf-8")
    (tmp_path / "reference/events.md").unlink()
    assert stale(tmp_path) == ["reference/cli.md", "reference/events.md"]


def test_unknown_argument_is_refused_and_writes_nothing() -> None:
    assert main(["--force"]) == 2


def test_pages_depend_on_no_terminal_and_no_home(tmp_path: Path) -> None:
    surroundings = {"COLUMNS": "37", "TERMINAL_WIDTH": "37", "HOME": str(tmp_path), "INGEST_KAFKA__GROUP": "another"}
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.pages", "--check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_page_says_that_it_is_generated() -> None:
    pages_of_text = [page for name, page in GENERATED.items() if name.endswith(".md")]
    assert all("Written by scripts/reference" in page.splitlines()[0] for page in pages_of_text)


# --- configuration ----------------------------------------------------------------------------------------------------


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for info in model.model_fields.values():
        waiting = [info.annotation]
        for annotation in waiting:
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                yield from models(annotation)
            waiting += getattr(annotation, "__args__", ())


@pytest.mark.parametrize("model", [model for model in dict.fromkeys(models(Config)) if model is not Config])
def test_every_model_of_the_configuration_has_a_section_with_its_keys(model: type[BaseModel]) -> None:
    keys = {info.alias or name for name, info in model.model_fields.items()}
    assert keys in [{key.name.removesuffix(".NAME") for key in section.keys} for section in SECTIONS.values()]


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section.name}.{key.name}" for section, key in KEYS])
def test_every_key_is_in_its_table(section: configuration.Section, key: configuration.Key) -> None:
    rows = below(f"[{section.name}]", written("reference/configuration.md")).splitlines()
    assert sum(row.startswith(f"| `{key.name}` |") for row in rows) == 1


def test_every_key_is_described() -> None:
    assert [f"[{section.name}] {key.name}" for section, key in KEYS if not key.description] == []


def test_texts_of_the_configuration_are_about_keys_and_sections_that_exist() -> None:
    assert set(configuration.TEXTS["keys"]) <= {f"{section.name}.{key.name}" for section, key in KEYS}
    assert set(configuration.TEXTS["sections"]) <= set(SECTIONS)


@pytest.mark.parametrize(("section", "key"), SET_ALONE, ids=[key.variable for _, key in SET_ALONE])
def test_environment_variable_sets_the_key_that_it_stands_beside(
    section: str, key: configuration.Key, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("INGEST_")]:
        monkeypatch.delenv(name)
    value = json.loads(str(key.default))
    monkeypatch.setenv(key.variable, value if isinstance(value, str) else str(key.default))
    found: BaseModel = load()
    for part in section.split("."):
        found = getattr(
            found, next(name for name, info in type(found).model_fields.items() if part in (info.alias, name))
        )
    assert key.name in found.model_fields_set


# --- commands, exit codes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "command"), list(cli.commands()), ids=[name for name, _ in cli.commands()])
def test_every_command_and_option_is_on_the_page(name: str, command: object) -> None:
    section = below(name, written("reference/cli.md"))
    assert f"```text\n{name} [OPTIONS]" in section
    for parameter in getattr(command, "params"):  # noqa: B009  no public type has it
        assert all(option in section for option in parameter.opts)
    assert cli.exit_codes(command) in section


def test_commands_that_only_hold_others_have_no_section() -> None:
    names = [name for name, _ in cli.commands()]
    assert "ingest dead-letters replay" in names
    assert "ingest dead-letters" not in names


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_a_meaning_and_an_answer(code: ExitCode) -> None:
    page = written("reference/exit-codes.md").splitlines()
    rows = [row for row in page if row.startswith("| ") and f"`{code.value}`" in row and f" | `{code.name}` | " in row]
    assert len(rows) == 1 + (code in EXIT_KINDS)
    assert len([cell for cell in rows[0].split("|") if cell.strip()]) == 4


def test_texts_of_exit_codes_are_about_codes_and_verdicts_that_exist() -> None:
    assert set(exit_codes.TEXTS["codes"]) == {code.name for code in ExitCode}
    assert set(exit_codes.TEXTS["exit_kinds"]) == {kind.value for kind in ExitKind}


# --- events, account, dead letters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", events.kinds(), ids=events.event_name_of)
def test_every_event_is_on_the_page_with_its_level_and_fields(kind: type[Event]) -> None:
    section = below(events.event_name_of(kind), written("reference/events.md"))
    own = inspect.getattr_static(kind, "level")  # of some it is a field
    level = f"`{own}`" if isinstance(own, str) else "that of what it is about"
    assert f"Level: {level}" in section
    for name, _, words in events.fields(kind):
        if name not in {"worker", "level"}:  # every line has them
            assert f"| `{name}` |" in section
            assert text(words) in section


@pytest.mark.parametrize("part", [name for name, _ in account.fields()])
def test_every_field_of_the_account_has_a_text(part: str) -> None:
    names = dict(account.fields())[part]
    section = below(account.TEXTS[part]["title"], written("reference/account.md"))
    assert [row.split("|")[1].strip() for row in section.splitlines() if row.startswith("| `")] == [
        f"`{name}`" for name in names
    ]
    assert set(account.TEXTS[part].get("fields", ())) <= set(names)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_dead_letter_reason_is_on_the_page(code: str) -> None:
    assert written("reference/dead-letter-reasons.md").count(f"| [`{code}`](") == 1


# --- rooms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", rooms.rooms())
def test_every_module_of_a_room_is_on_the_page(room: str) -> None:
    section = below(rooms.title(room), written("architecture/rooms.md"))
    assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == [
        module.stem for module in rooms.modules(room) if room != "fastlane"
    ]
    assert not any(line.endswith("|  |") for line in section.splitlines())


def test_every_layer_of_the_imports_is_drawn() -> None:
    drawn = written("architecture/rooms.md").split("```text\n", 1)[1].split("```")[0].split()
    assert {"cli", "commands", "supervisor", "pipeline", "errors"} <= set(drawn)


# --- markdown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prose", "markdown"),
    [
        ("2 * 3 < 7, `a * b < c`", r"2 \* 3 &lt; 7, `a * b < c`"),
        ("[topics.NAME]: one of them", r"\[topics.NAME]: one of them"),
        ("[schema] unknown: it", "[schema] unknown: it"),
    ],
)
def test_prose_is_escaped_and_code_is_not(prose: str, markdown: str) -> None:
    assert text(prose) == markdown


def test_cell_of_a_table_is_one_line_and_escapes_the_bar() -> None:
    assert table(("a",), [("one |\ntwo",)]) == "| a |\n| --- |\n| one \\| two |\n"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int | None, "integer or null"),
        (tuple[int, ...], "list of integers"),
        (dict[str, tuple[str, ...]], "table of lists of texts"),
        (Path, "path"),
    ],
)
def test_types_are_written_in_words(annotation: object, words: str) -> None:
    assert type_in_words(annotation) == words
