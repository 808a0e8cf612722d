"""Engines: fitting, batches, losses, inference and calibration; torch only where a net is trained."""
