"""Every key of the configuration is described, as its documentation is generated from the descriptions."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from ingest.config.settings import Config


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections that values of this type are, or hold by name."""
    if isinstance(annotation, type) and not get_origin(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from sections(argument)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """The path of each key below `model`, and its description."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        yield path, info.description
        for section in sections(info.annotation):
            yield from keys(section, f"{path}.")


def test_every_key_has_a_description() -> None:
    described = dict(keys(Config))
    assert "schema.embeddings.vector" in described
    assert "topics.routes.arize.model_name" in described
    assert [path for path, description in described.items() if not description] == []


def test_descriptions_are_fragments_without_a_full_stop() -> None:
    for path, description in keys(Config):
        assert description
        assert description[0].isupper(), path
        assert not description.endswith("."), path
