"""Proxies that others made, configured as their users would: what the suite is calibrated against."""

from tests.contract.reference.app import App
from tests.contract.reference.asgiproxy import Asgiproxy
from tests.contract.reference.program import Program, Reference

__all__ = ["REFERENCES", "Reference"]

REFERENCES: tuple[Reference, ...] = (
    Program("nginx"),
    Program("haproxy", limits_body=False),
    Program("caddy", limits_body=False),
    Asgiproxy(),
    App("recipe-fastapi", "httpx", "fastapi", declares="recipe"),
    App("recipe-litestar", "httpx", "litestar", declares="recipe"),
    App("starlette", "httpx", "starlette", declares="recipe"),
    App("django", "httpx", "django"),
    App("client-per-request", "httpx", "fastapi"),
    App("requests-threads", "requests", "fastapi"),
    App("fastapi-proxy-lib", "fastapi-proxy-lib", trusting=False),
)
