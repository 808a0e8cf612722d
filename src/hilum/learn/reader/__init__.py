"""The reader's material: roles, samples, tasks, presets, layout, guards."""
