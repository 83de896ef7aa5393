"""What every peer is told on its command line, and librdkafka in some. Where to upload is in the ARIZE_ variables."""

import argparse
from pathlib import Path

# What somebody who knows librdkafka sets for a backlog: larger fetches (1 MB by default), and a queue of 16 MB a
# partition (64 MB by default, so 256 MB for the four of the benchmark). CRCs are not checked by default.
LIBRDKAFKA: dict[str, str | int | float | bool] = {
    "max.partition.fetch.bytes": 8 * 2**20,
    "queued.max.messages.kbytes": 16 * 2**10,
}


def parser(description: str | None) -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--brokers", required=True)
    told.add_argument("--topic", required=True)
    told.add_argument("--partitions", type=int, required=True)
    told.add_argument("--events", type=int, required=True, help="how many the topic holds: after them, it ends")
    told.add_argument("--group", required=True)
    told.add_argument("--batch-events", type=int, default=100_000)
    told.add_argument("--tags", type=lambda text: text.split(","), default=["tag_region", "tag_release", "kp", "seq"])
    told.add_argument("--directory", type=Path, required=True, help="for what the peer keeps: state, checkpoints")
    return told
