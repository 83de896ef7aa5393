"""Names of columns, and what must not leave."""

from pydantic import SecretStr

from ingest.config.patterns import matcher
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.privacy import Privacy
from ingest.pipeline.decoding.renames import ColumnRenamer

KEY = SecretStr("a key")


def decoder(names: ColumnRenamer, privacy: Privacy | None = None) -> Decoder:
    return Decoder(LearnedSchema(renamer=names, privacy=privacy or Privacy()))


def test_a_pattern_covers_what_is_in_an_object() -> None:
    user = matcher(["user", "*.email", "tag_*"])
    assert all(user.fullmatch(path) for path in ("user", "user.age", "contact.email", "tag_x", "tag_x.y"))
    assert not any(user.fullmatch(path) for path in ("users", "email", "tag", "a.emails", "user_x"))
    assert not matcher([]).fullmatch("")
    assert matcher(["a.b"]).fullmatch("axb") is None


def test_an_excluded_key_neither_leaves_nor_conflicts() -> None:
    values = [b'{"ssn":1,"a":1}', b'{"ssn":"x","a":2}', b'{"ssn":{"n":[1]},"a":3}']
    decoded = decoder(ColumnRenamer(exclude=["ssn"])).decode(values)
    assert decoded.table.to_pydict() == {"a": [1, 2, 3]}
    assert not decoded.rejected


def test_a_renamed_key_goes_by_its_new_name() -> None:
    names = ColumnRenamer({"features.age": "age"})
    decoded = decoder(names).decode([b'{"features":{"age":3,"x":1}}', b'{"age":4,"features":{"x":2}}'])
    assert decoded.table.to_pydict() == {"age": [3, 4], "features.x": [1, 2]}


def test_a_pattern_strips_a_prefix() -> None:
    decoded = decoder(ColumnRenamer({"payload.*": "*"})).decode([b'{"payload":{"id":"a","f":{"x":1}},"y":2}'])
    assert decoded.table.to_pydict() == {"id": ["a"], "f.x": [1], "y": [2]}


def test_a_pattern_adds_a_prefix_and_an_exact_entry_takes_precedence() -> None:
    names = ColumnRenamer({"*": "features.*", "id": "id", "x*": "never.*"})
    decoded = decoder(names).decode([b'{"id":"a","x":1}'])
    assert decoded.table.to_pydict() == {"id": ["a"], "features.x": [1]}


def test_a_pattern_needs_something_for_its_star() -> None:
    decoded = decoder(ColumnRenamer({"a*b": "*"})).decode([b'{"ab":1,"a.b":2,"axb":3}'])
    assert decoded.table.to_pydict() == {"ab": [1], ".": [2], "x": [3]}


def test_a_pattern_that_makes_one_name_of_two_keys_costs_the_row_only() -> None:
    names = ColumnRenamer({"payload.*": "*"})
    decoded = decoder(names).decode([b'{"a":1,"payload":{"a":2}}', b'{"payload":{"a":3}}', b'{"a":4}'])
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [(0, "ambiguous_key")]
    assert decoded.table.to_pydict() == {"a": [3, 4]}


def test_exclude_goes_before_a_pattern() -> None:
    names = ColumnRenamer({"payload.*": "*"}, exclude=["payload.ssn"])
    assert decoder(names).decode([b'{"payload":{"ssn":1,"a":2}}']).table.to_pydict() == {"a": [2]}


def test_two_keys_of_one_name_cost_the_row_only() -> None:
    names = ColumnRenamer({"old": "new"})
    decoded = decoder(names).decode([b'{"old":1,"new":2}', b'{"old":3}', b'{"new":4,"old":null}'])
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [(0, "ambiguous_key")]
    assert decoded.table.to_pydict() == {"new": [3, 4]}


def test_a_hash_is_keyed_stable_and_tells_types_apart() -> None:
    privacy = Privacy(hashed=["email"], key=KEY)
    assert privacy.digest("a@b") == Privacy(hashed=["email"], key=KEY).digest("a@b")
    assert privacy.digest("a@b") != Privacy(hashed=["email"], key=SecretStr("another")).digest("a@b")
    assert len({privacy.digest(value) for value in (1, 1.0, "1", True, [1], None)}) == 6
    assert privacy.digest(None) is None


def test_a_hashed_column_holds_hashes_whatever_its_values_were() -> None:
    privacy = Privacy(hashed=["user"], key=KEY)
    decoded = decoder(ColumnRenamer(), privacy).decode(
        [b'{"user":{"id":7,"mail":"x"}}', b'{"user":{"id":"7","mail":null}}']
    )
    assert decoded.table.to_pydict() == {
        "user.id": [privacy.digest(7), privacy.digest("7")],
        "user.mail": [privacy.digest("x"), None],
    }


def test_a_redacted_message_keeps_the_rest() -> None:
    privacy = Privacy(exclude=["*.ssn"], hashed=["user"], key=KEY)
    row = {"user": {"id": 7, "ssn": "1"}, "a": [1, {"b": 2}], "ssn": "top"}
    assert privacy.redact(row) == {"user": {"id": privacy.digest(7)}, "a": [1, {"b": 2}], "ssn": "top"}


def test_patterns_stay_right_when_more_keys_come_than_are_remembered() -> None:
    names, privacy = ColumnRenamer(exclude=["x*"]), Privacy(hashed=["y*"], key=KEY)
    for number in range(25_000):
        assert names.column_of(f"x{number}") is None
        assert names.column_of(f"k{number}") == f"k{number}"
        assert privacy.replaces(f"y{number}")
