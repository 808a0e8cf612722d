"""The reader: samples of studies, its training, and what it writes."""
