"""What both apps stand on: the proxy itself. Knows no framework and no server."""
