"""Losses, one file per kind of answer."""
