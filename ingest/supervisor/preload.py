"""What the forkserver imports once, so that every worker starts with it. Imported nowhere else.

Signals come first: the forkserver lives in the supervisor's process group, and a Ctrl-C or a service manager's
SIGTERM to the whole group must not take it (and with it, by the parent-death signal, all workers) away
before they have drained. It leaves when its supervisor is gone.
"""

import atexit
import gc
import os
import signal

for _stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_stop, signal.SIG_IGN)

# Nothing of the imports is garbage: a collector that scans them costs time (an eighth of what the imports take), and
# later writes to pages that the workers share with the forkserver.
gc.disable()

import ingest.worker.loop  # noqa: E402, F401  the signals above come first; it imports all the heavy packages

gc.freeze()
gc.enable()

# The workers die with the forkserver, so it doesn't tidy up a dozen packages before it leaves.
atexit.register(os._exit, 0)
