"""Torch modules: shapes in, shapes out, no files."""
