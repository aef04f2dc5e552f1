"""Unit tests of shared/harness."""
