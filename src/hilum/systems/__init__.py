"""Recipes: one small file per published system, and the embedded model."""
