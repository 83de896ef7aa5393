"""What `scripts/release` does: one version, two equal builds, their contents, the bill of materials, and a trial."""
