"""CT to radiograph: takes volumes, knows no files."""
