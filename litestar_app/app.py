"""The instance that servers import: `uvicorn litestar_app.app:app`."""

import gc

from litestar_app.proxy import create_app
from shared.settings import from_env

app = create_app(from_env())
gc.freeze()  # what stands by now stays: no full collection has to walk through it
