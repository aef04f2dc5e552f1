"""Both event loops, for tests that ask for them: usefixtures("loop")."""

import pytest

from tests.unit.aio import LOOP, LOOPS


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOOP, request.param)
