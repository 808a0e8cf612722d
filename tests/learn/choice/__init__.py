"""Tests of readers that choose."""
