"""The imports that the forkserver makes once, so that every worker starts with them. Imported nowhere else.

Signals come first: the forkserver lives in the supervisor's process group, and a Ctrl-C or a service manager's
SIGTERM to the whole group must not end it (and with it, by the parent-death signal, all workers) before
they have drained. It exits when its supervisor is gone.
"""

import atexit
import gc
import os
import signal
import warnings

for _stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_stop, signal.SIG_IGN)

# The imports make no garbage: a collector that scans them costs time, and later writes to pages that the workers share
# with the forkserver.
gc.disable()

# What a package warns of when it is imported is about no run, and goes to no log. Then Python's own filters hold again.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ingest.worker.loop  # noqa: F401  the signals above come first; it imports all the heavy packages

gc.freeze()
gc.enable()

# The workers die with the forkserver, so it exits without the clean-up of a dozen packages.
atexit.register(os._exit, 0)
