"""A real browser, driven over its DevTools protocol: Chromium as the system has it, nothing downloaded."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

__all__ = ["Page", "browser", "installed"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_DEADLINE_S = 30.0


def installed() -> str | None:
    """Return the browser's program, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)


class Page:
    """One tab. Each call waits for its answer; an error is an AssertionError."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send one command and return its result; events that come meanwhile are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=_DEADLINE_S))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def open(self, path: Path) -> None:
        """Open a file from disk, and wait until it has loaded."""
        self._events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the parameters of the first such event since the page was opened."""
        while True:
            for one in self._events:
                if one.get("method") == event:
                    found: dict[str, Any] = one["params"]
                    return found
            self._events.append(json.loads(self._socket.recv(timeout=_DEADLINE_S)))

    def forget(self, event: str) -> None:
        """Drop the first such event, so that the next is waited for."""
        self._events.remove(next(one for one in self._events if one.get("method") == event))

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """Return the parameters of all such events since the page was opened."""
        self.ask("1")  # whatever the page has done is told before the answer
        return [one["params"] for one in self._events if one.get("method") in methods]

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def look(self, *, width: int, dark: bool, script: bool = True) -> None:
        """Set the width of the screen, the colours asked for, and whether scripts run."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def picture(self, *, top: float = 0, height: float | None = None) -> bytes:
        """Return a picture of the page as PNG, the whole of it or a part."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": top,
            "width": size["width"],
            "height": height or size["height"] - top,
            "scale": 1,
        }
        answer = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """Start the browser with a fresh profile in ``profile`` and yield a tab. RuntimeError when it cannot."""
    program = installed()
    if program is None:
        raise RuntimeError("no browser is installed")
    options = [
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-port=0",
        "--hide-scrollbars",
    ]
    options += ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox refuses root
    process = subprocess.Popen(
        [program, *options, f"--user-data-dir={profile}"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            _, found, address = line.decode().partition("DevTools listening on ")
            if found:
                break
        else:
            raise RuntimeError(f"{program} ended before it listened, status {process.wait()}")
        with connect(address.strip(), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait()
        with suppress(ProcessLookupError):  # its children outlive it for a moment, and write
            os.killpg(process.pid, signal.SIGKILL)
        if process.stderr is not None:
            process.stderr.close()
