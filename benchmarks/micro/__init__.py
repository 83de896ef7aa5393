"""Micro-benchmarks of the pure parts, for pytest-benchmark: `benchmarks/run --part micro`."""

CHUNK = 5_000  # messages, as a worker polls them
