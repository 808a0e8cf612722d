"""Report scorers of other people, run with their own weights where these are on disk; nothing is fetched here."""
