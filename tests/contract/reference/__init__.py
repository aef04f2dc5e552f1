"""Proxies that others made, configured as their users would: what the suite is calibrated against."""

from tests.contract.reference.asgiproxy import Asgiproxy
from tests.contract.reference.caddy import Caddy
from tests.contract.reference.haproxy import HAProxy
from tests.contract.reference.nginx import Nginx
from tests.contract.reference.program import Reference
from tests.contract.reference.recipe import Recipe

__all__ = ["REFERENCES", "Reference"]

REFERENCES: tuple[Reference, ...] = (
    Nginx(),
    HAProxy(),
    Caddy(),
    Asgiproxy(),
    Recipe("fastapi"),
    Recipe("litestar"),
)
