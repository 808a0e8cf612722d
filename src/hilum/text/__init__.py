"""Report language: rules and sentence banks as data; no torch."""
