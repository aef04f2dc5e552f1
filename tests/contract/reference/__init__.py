"""Proxies that others made, configured as their users would: what the suite is calibrated against."""

from tests.contract.reference.asgiproxy import Asgiproxy
from tests.contract.reference.program import Program, Reference
from tests.contract.reference.recipe import Recipe

__all__ = ["REFERENCES", "Reference"]

REFERENCES: tuple[Reference, ...] = (
    Program("nginx"),
    Program("haproxy", limits_body=False),
    Program("caddy", limits_body=False),
    Asgiproxy(),
    Recipe("fastapi"),
    Recipe("litestar"),
)
