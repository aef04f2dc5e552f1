"""Starts apps, servers and origins as real processes, for tests, benchmark and `make run`."""
