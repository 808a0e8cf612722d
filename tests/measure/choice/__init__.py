"""Tests of multiple-choice questions."""
