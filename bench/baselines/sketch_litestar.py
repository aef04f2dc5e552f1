"""The Litestar app over the sketch in the place of the core: the ceiling for each of its routes."""

from __future__ import annotations

from bench.baselines.sketch import open_sketch
from litestar_app.proxy import create_app
from shared import collector
from shared.settings import from_env

__all__ = ["app"]

app = create_app(from_env(), open_sketch)
collector.settle()  # as the app itself does
