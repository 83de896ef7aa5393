"""From decoded parts back to their messages, which are the unit of account.

Rules
1. A message is rejected once, with all indices of its parts that can't be delivered, and with the reason of the first.
2. With [format] on_bad_part = "refuse_message" (`all_or_none`) none of its parts is delivered then, and no index is
   named: all of it is the dead letter.
3. A message is filtered if a sample leaves out all of its parts.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.formats.reshape import Parts
from ingest.reasons import Reason
from ingest.records import Rejected, reindexed


def by_message(decoded: Decoded, parts: Parts, *, all_or_none: bool) -> Decoded:
    """`decoded` are the values of `parts`. Returns the same with the indices of the messages, and `numbers`."""
    whole = {fault.index: fault for fault in parts.rejected if not fault.parts}
    refused: dict[int, dict[int, Reason]] = {}
    for fault in parts.rejected:
        for number in fault.parts:
            refused.setdefault(fault.index, {})[number] = fault.reason
    for fault in decoded.rejected:
        refused.setdefault(int(parts.owners[fault.index]), {})[int(parts.numbers[fault.index])] = fault.reason
    rejected = [*whole.values(), *(_rejected(owner, found, all_or_none) for owner, found in refused.items())]
    owners, numbers, table = parts.owners[decoded.accepted], parts.numbers[decoded.accepted], decoded.table
    if all_or_none and refused:
        stay = ~np.isin(owners, list(refused))
        owners, numbers, table = owners[stay], numbers[stay], table.filter(pa.array(stay))
    filtered = np.unique(parts.owners[decoded.filtered])
    if len(filtered):
        filtered = filtered[~np.isin(filtered, owners) & ~np.isin(filtered, [fault.index for fault in rejected])]
    return replace(
        decoded,
        table=table,
        accepted=owners,
        rejected=sorted(rejected, key=lambda fault: fault.index),
        numbers=numbers,
        filtered=filtered,
    )


def of_owners(decoded: Decoded, parts: Parts) -> Decoded:
    """As `by_message`, where each message is one part."""
    return replace(
        decoded,
        accepted=parts.owners[decoded.accepted],
        rejected=sorted([*parts.rejected, *reindexed(decoded.rejected, parts.owners)], key=lambda fault: fault.index),
        filtered=parts.owners[decoded.filtered],
    )


def _rejected(owner: int, found: dict[int, Reason], all_or_none: bool) -> Rejected:  # noqa: FBT001
    return Rejected(owner, reason_of(found), () if all_or_none else tuple(sorted(found)))


def reason_of(found: dict[int, Reason]) -> Reason:
    """The reason of a message whose parts have these, by index."""
    first = min(found)
    others = f", and {len(found) - 1:,} more of its predictions can't be delivered" if len(found) > 1 else ""
    return replace(found[first], detail=f"{found[first].detail} (in the prediction with index {first}{others})")
