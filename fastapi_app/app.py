"""The instance that servers import: `uvicorn fastapi_app.app:app`."""

from fastapi_app.proxy import create_app
from shared import collector
from shared.settings import from_env

app = create_app(from_env())
collector.settle()
