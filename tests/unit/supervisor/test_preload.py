"""The forkserver's imports leave Python's filters of warnings as they were, for every worker that it forks."""

import subprocess
import sys

_SCRIPT = """
import warnings
before = list(warnings.filters)
import ingest.supervisor.preload
left = [each for each in before if each not in warnings.filters]
ignoring_all = [each for each in warnings.filters if each[0] == "ignore" and each[1:3] == (None, Warning)]
print(len(before), left, ignoring_all, flush=True)  # the module ends the process without writing buffers
"""


def test_the_filters_of_warnings_stay() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    number, rest = done.stdout.split(maxsplit=1)
    assert int(number) > 0, "Python's own filters"
    assert rest == "[] []\n"
