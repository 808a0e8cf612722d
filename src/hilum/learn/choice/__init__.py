"""Readers that choose among options: taught on questions with answers, with films, without, or with wrong ones."""
