"""The parts of the suite: each a module with `measure`."""
