"""Unit tests: one file per file of shared/ and bench/, and the apps started for real."""
