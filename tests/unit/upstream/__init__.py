"""The engines and what they share, against real sockets."""
