"""docs/architecture/rooms.md: each room of `ingest` with its modules, by the first lines of their docstrings."""

import ast
import tomllib
from pathlib import Path

import ingest
from scripts.pages import cli
from scripts.pages.markdown import NOTICE, code, table, text

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

_COMMANDS = "commands/"
_PACKAGE = Path(ingest.__file__).parent


def page() -> str:
    """The page."""
    found = [f"{NOTICE}\n# Rooms\n", TEXTS["intro"].replace("{layers}", _layers())]
    for room in rooms():
        found += [f"## {title(room)}\n", f"{_text(room)}\n"]
        if room != "fastlane":
            rows = ((code(module.stem), text(_first_line(module))) for module in modules(room))
            found += [table(("module", "what it is"), rows)]
    return "\n".join(found)


def rooms() -> list[str]:
    """The rooms in the order of their texts: folders with modules, by their paths within `ingest`; "." is the top.

    Raises ValueError when a room has no text, or a text no room.
    """
    folders = {str(file.parent.relative_to(_PACKAGE)) for file in _PACKAGE.rglob("*.py")}
    commands = sorted(folder for folder in folders if folder.startswith(_COMMANDS))
    there = {folder for folder in folders if not folder.startswith(("fastlane", _COMMANDS))} | {"fastlane"}
    known = list(TEXTS["rooms"])
    if there != set(known):
        raise ValueError(f"rooms.toml and the folders of ingest differ: {sorted(there ^ set(known))}")
    at = known.index("commands") + 1
    return [*known[:at], *commands, *known[at:]]


def modules(room: str) -> list[Path]:
    """The modules of a room, by name."""
    return sorted(file for file in (_PACKAGE / room).glob("*.py") if file.stem != "__init__")


def title(room: str) -> str:
    """The heading of a room."""
    return "ingest" if room == "." else f"ingest/{room}"


def _layers() -> str:
    """The stack of imports that import-linter enforces, a line each."""
    tools = tomllib.loads((_PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = next(one for one in tools["importlinter"]["contracts"] if one["id"] == "stack")["layers"]
    return "\n".join(layer.strip("()").replace(" | ", "    ") for layer in layers if layer != "(__main__)")


def _text(room: str) -> str:
    """What the room is for; that of a command is the first sentence of its help."""
    if not room.startswith(_COMMANDS):
        words: str = TEXTS["rooms"][room]
        return words
    name = room.removeprefix(_COMMANDS).replace("_", "-")
    return f"`ingest {name}`: {text(cli.summary(name))}"


def _first_line(module: Path) -> str:
    """What the module's docstring opens with."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".:")
