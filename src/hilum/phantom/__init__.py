"""Virtual patients with exact truth."""
