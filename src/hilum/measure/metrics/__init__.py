"""One file each: metrics that register themselves. Heavy packages load when a metric runs, not when it is listed."""
