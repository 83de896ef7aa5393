"""What a user would pick instead of ingest: one program each, and the environments that they run in."""
