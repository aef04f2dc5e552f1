"""fastapi-proxy-lib, a library for FastAPI over httpx, as its own page shows it."""

from __future__ import annotations

import os

from fastapi_proxy_lib.fastapi.app import reverse_http_app

__all__ = ["app"]

app = reverse_http_app(base_url=os.environ["TANDEM_UPSTREAM_URL"] + "/")
