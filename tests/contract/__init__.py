"""What any HTTP reverse proxy must do: one file per family of cases, run over plain sockets at both ends."""
