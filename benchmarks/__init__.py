"""What ingest costs, measured beside what a user would pick instead: `benchmarks/run`."""
