"""Figures in rectangles: which of a part belong in one table.

1. A block has cases and names, and nearly all combinations have a figure. Cases that share a name are in one block.
2. Where too many combinations would stay empty, names with the very same cases make a block of their own.
3. Several cases with names all of their own (`lone`) are better listed than put in a table each.
4. The order is that of measuring.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure

FULL_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Block:
    """`figures` by case and name; a few may be missing."""

    cases: Sequence[str]
    names: Sequence[str]
    figures: Mapping[tuple[str, str], Figure]

    def of_name(self, name: str) -> list[Figure]:
        """The figures of that name, by case."""
        return [self.figures[case, name] for case in self.cases if (case, name) in self.figures]

    def sample_counts(self) -> tuple[int, int]:
        """The least and the most samples that a figure has."""
        counts = [len(figure.samples) for figure in self.figures.values()]
        return min(counts), max(counts)

    def commands(self) -> list[str]:
        """What makes it again."""
        return list(dict.fromkeys(figure.command for figure in self.figures.values()))


def parts(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """Figures by part."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.part, []).append(figure)
    return found


def blocks(figures: Sequence[Figure]) -> Iterator[Block]:
    """The blocks of one part's figures."""
    for group in _connected(figures):
        block = _block(group)
        if len(group) >= FULL_SHARE * len(block.cases) * len(block.names):
            yield block
            continue
        by_cases: dict[frozenset[str], list[Figure]] = {}
        for name in block.names:
            of_name = block.of_name(name)
            by_cases.setdefault(frozenset(figure.case for figure in of_name), []).extend(of_name)
        yield from map(_block, by_cases.values())


def lone(found: Sequence[Block]) -> tuple[list[Block], list[Figure]]:
    """The blocks for a table each, and the figures that are better listed."""
    single = [block for block in found if len(block.cases) == 1]
    if len(single) < 2:
        return list(found), []
    rest = [block for block in found if len(block.cases) > 1]
    return rest, [figure for block in single for figure in block.figures.values()]


def _block(figures: Sequence[Figure]) -> Block:
    return Block(
        list(dict.fromkeys(figure.case for figure in figures)),
        list(dict.fromkeys(figure.name for figure in figures)),
        {(figure.case, figure.name): figure for figure in figures},
    )


def _connected(figures: Sequence[Figure]) -> list[list[Figure]]:
    groups: list[list[Figure]] = []
    for figure in figures:
        apart, together = [], [figure]
        for group in groups:
            shares = any(figure.case == other.case or figure.name == other.name for other in group)
            if shares:
                together = [*group, *together] if together == [figure] else [*together[:-1], *group, figure]
            else:
                apart.append(group)
        groups = [*apart, together]
    order = {id(figure): place for place, figure in enumerate(figures)}
    groups.sort(key=lambda group: order[id(group[0])])
    return groups
