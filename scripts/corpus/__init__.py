"""The corpus that `just table-recordings` measures on: see __main__.py."""
