"""The table of dead-letter reasons and the codes that the source makes are the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ingest
from ingest.reasons import REASONS, REJECTED

SOURCE = Path(ingest.__file__).parent
PASSED_ON = {"fault.reason.code", "REJECTED[error.status]"}  # codes of other reasons, and those of the second table


def first_arguments() -> Iterator[tuple[str, ast.expr]]:
    """Where each `Reason(...)` of the package stands, and its code."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.args[0]


def codes() -> dict[str, str]:
    """The codes that stand in the source as words, each with one place of it."""
    return {
        argument.value: place
        for place, argument in first_arguments()
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_every_code_of_the_source_is_in_the_table() -> None:
    unknown = {code: place for code, place in codes().items() if code not in REASONS}
    assert not unknown


def test_every_code_of_the_table_is_made_somewhere() -> None:
    assert set(REASONS) == codes().keys() | set(REJECTED.values())


def test_no_reason_is_made_with_a_code_that_this_test_can_not_read() -> None:
    computed = {
        place: ast.unparse(argument) for place, argument in first_arguments() if not isinstance(argument, ast.Constant)
    }
    assert set(computed.values()) == PASSED_ON, computed


def test_every_entry_says_what_is_wrong_and_what_to_do() -> None:
    for code, entry in REASONS.items():
        assert entry.endswith("."), code
        assert entry[0].isupper(), code
        assert ". " in entry or "; " in entry, code
