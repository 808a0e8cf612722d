"""The front door: command line, batches, pages."""
