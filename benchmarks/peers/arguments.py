"""What every peer is told on its command line. Where to upload is in the ARIZE_ variables."""

import argparse
from pathlib import Path


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
