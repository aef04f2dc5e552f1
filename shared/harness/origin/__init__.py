"""The upstreams that suite, benchmark and people play with."""
