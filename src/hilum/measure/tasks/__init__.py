"""One file each: benchmarks that register themselves."""
