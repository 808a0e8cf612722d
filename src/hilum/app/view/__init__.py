"""The reading room on one machine: studies as JSON, edits that prose follows, and the page that shows them."""
