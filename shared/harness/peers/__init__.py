"""Proxies that others made, for the contract to be calibrated against, for the benchmark to compare with."""

from shared.harness.peers.caddy import Caddy
from shared.harness.peers.haproxy import HAProxy
from shared.harness.peers.nginx import Nginx
from shared.harness.peers.program import Peer, Upstream, Wish

__all__ = ["PEERS", "Peer", "Upstream", "Wish"]

PEERS: dict[str, Peer] = {"nginx": Nginx(), "haproxy": HAProxy(), "caddy": Caddy()}
"""By the name of the program."""
