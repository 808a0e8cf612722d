"""Readers that are not Hilum's: endpoints and published checkpoints, asked through one request and one answer."""
