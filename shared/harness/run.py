"""Runs one app for a person: `make run`, or `python -m shared.harness.run --help`.

    options, environment -> 1 plan (no I/O) -> 2 look: is the port free, does the upstream answer
                         -> 3 start: demo origin when no upstream is given, then the server
                         -> 4 say what runs where -> 5 wait for Ctrl-C or the server's end -> 6 stop both

What a person got wrong is one line on stderr and exit status 2.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import shlex
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

import msgspec

from shared.harness.process import Process, ProcessFailed
from shared.harness.servers import LOOPS, PROFILES, SERVERS, command, shell_line, wait_until_accepting
from shared.harness.subject import apps
from shared.settings import SettingError, Settings, parse
from shared.variables import ENGINES, ROUTES

__all__ = ["Plan", "RunError", "main", "plan"]

_START_DEADLINE_S = 15.0
_STOP_SLACK_S = 5.0  # what a server may take on top of its drain
_UPSTREAM_PATIENCE_S = 2.0
_LOOPBACK = "127.0.0.1"
_NO_UPSTREAM_YET = "http://127.0.0.1:9"  # stands in for the demo origin while settings are checked


class RunError(Exception):
    """What keeps the proxy from running, in one line, for whoever typed the command."""


class Plan(msgspec.Struct, frozen=True):
    """What is to run. `upstream` None: the demo origin. `env`: the TANDEM_ variables set by options."""

    app: str
    profile: str
    loop: str
    host: str
    port: int
    workers: int
    upstream: str | None
    env: dict[str, str]
    settings: Settings

    def argv(self, port: int) -> list[str]:
        """The server's command line."""
        return command(
            f"{self.app}_app.app:app",
            profile=self.profile,
            host=self.host,
            port=port,
            loop=self.loop,
            workers=self.workers,
            drain_s=self.settings.app.drain_s,
        )

    def server_env(self, upstream: str) -> dict[str, str]:
        """The variables the server gets on top of ours."""
        return {**self.env, "TANDEM_UPSTREAM_URL": upstream}

    @property
    def reachable_host(self) -> str:
        """A host to connect to: `host`, or loopback when that is a wildcard."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RunError(message)


def plan(argv: Sequence[str], env: Mapping[str, str]) -> Plan:
    """Read options and environment, without any I/O but the look for app folders. Raises RunError."""
    found = apps()
    parser = _Parser(prog="python -m shared.harness.run", description="Run one app behind one server.")
    parser.add_argument("--app", default="fastapi", choices=found)
    parser.add_argument("--server", choices=SERVERS, help="default: uvicorn")
    parser.add_argument("--profile", choices=PROFILES, help="default: the server's first")
    parser.add_argument(
        "--upstream", help="http(s)://host[:port][/base]; default: $TANDEM_UPSTREAM_URL, or a demo origin"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--loop", default="uvloop", choices=LOOPS)
    parser.add_argument("--engine", choices=ENGINES, help="default: $TANDEM_ENGINE, or the proxy's own")
    parser.add_argument("--route", choices=ROUTES, help="default: $TANDEM_ROUTE, or the proxy's own")
    options = parser.parse_args(argv)
    if options.workers < 1:
        raise RunError(f"--workers {options.workers}: it takes a number from 1")
    if not 0 <= options.port <= 65535:
        raise RunError(f"--port {options.port}: it takes a number from 0 to 65535")
    upstream = options.upstream or env.get("TANDEM_UPSTREAM_URL") or None
    chosen = {"TANDEM_UPSTREAM_URL": upstream, "TANDEM_ENGINE": options.engine, "TANDEM_ROUTE": options.route}
    ours = {name: value for name, value in chosen.items() if value}
    try:
        settings = parse({"TANDEM_UPSTREAM_URL": _NO_UPSTREAM_YET, **_without_empty_url(env), **ours})
    except SettingError as error:
        raise RunError(str(error)) from None
    return Plan(
        app=options.app,
        profile=_profile(options.server, options.profile),
        loop=options.loop,
        host=options.host,
        port=options.port,
        workers=options.workers,
        upstream=upstream,
        env=ours,
        settings=settings,
    )


def _without_empty_url(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if value or name != "TANDEM_UPSTREAM_URL"}


def _profile(server: str | None, profile: str | None) -> str:
    if profile is None:
        return SERVERS[server or "uvicorn"].PROFILES[0]
    if server is not None and profile not in SERVERS[server].PROFILES:
        raise RunError(f"--profile {profile} is not one of {server}: {', '.join(SERVERS[server].PROFILES)}")
    return profile


def free_port(host: str, port: int) -> int:
    """The port to listen on: `port` itself, or any free one for 0. Raises RunError when that fails."""
    if port == 0:
        return _quiet_port(host)
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be bound ({error.strerror})"
        another_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        remedy = "choose another with PORT=… or --port" if another_port else "check --host"
        raise RunError(f"port {port} on {host} {reason}: {remedy}") from None


def _quiet_port(host: str) -> int:
    """A free port below those that the kernel gives to others who ask for any (ip_local_port_range begins at
    32768), so that it is still free when the server binds it."""
    for _ in range(100):
        with contextlib.suppress(RunError):
            return free_port(host, random.randrange(20000, 32000))  # noqa: S311
    raise RunError(f"no free port on {host}: choose one with PORT=… or --port")


def upstream_trouble(host: str, port: int) -> str | None:
    """Why host:port takes no connection just now, or None when it does."""
    try:
        socket.create_connection((host, port), timeout=_UPSTREAM_PATIENCE_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def summary(plan: Plan, *, port: int, upstream: str) -> str:
    """What runs where, and what to try."""
    host = f"[{plan.reachable_host}]" if ":" in plan.reachable_host else plan.reachable_host
    base = f"http://{host}:{port}"
    admin = plan.settings.app.admin_prefix
    demo_origin = plan.upstream is None
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in plan.server_env(upstream).items())
    workers = "1 worker" if plan.workers == 1 else f"{plan.workers} workers"
    lines = [
        "",
        f"Tandem: {plan.app} on {plan.profile}, {plan.loop}, {workers}",
        f"  proxy     {base}",
        f"  upstream  {upstream}{' (demo origin)' if demo_origin else ''}",
        f"  engine    {plan.settings.engine}, route {plan.settings.app.route}",
        f"  command   {variables} {shell_line(plan.argv(port))}",
        "Try:",
    ]
    if demo_origin:
        tries = [("-N", "/sse", "events one by one"), ("", "/", "what else there is")]
    else:
        tries = [("-i", "/", "what the upstream says")]
    if admin:
        tries.append(("", f"{admin}/ready", "whether the upstream can be reached"))
    lines += [
        f"  {f'curl {flag} {base}{path}'.replace('  ', ' '):<48} {shows}" for flag, path, shows in tries
    ]
    return "\n".join([*lines, "Ctrl-C ends it.", ""])


def run(plan: Plan) -> int:
    """Start, say so, wait, stop; the exit status. Raises RunError, ProcessFailed, KeyboardInterrupt."""
    with ExitStack() as stack:
        port = free_port(plan.host, plan.port)
        if plan.upstream is None:
            upstream = _start_demo_origin(stack)
        else:
            upstream = plan.upstream
            where = plan.settings.upstream
            if trouble := upstream_trouble(where.host, where.port):
                _complain(
                    f"upstream {upstream} does not answer yet ({trouble}); until it does the proxy says 502"
                )
        env = plan.server_env(upstream)
        if plan.workers > 1:  # where prometheus_client's workers leave their counts for each other
            env["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="tandem-")
            )
            env["TANDEM_VIA"] = plan.settings.forward.via.decode("ascii")  # all of them are one hop
        server = Process.start(
            plan.argv(port),
            name="the server",
            env=env,
            inherit_output=True,
            parent_death=signal.SIGTERM if plan.workers > 1 else signal.SIGKILL,
        )
        stop_deadline_s = plan.settings.app.drain_s + _STOP_SLACK_S
        stack.callback(server.stop, deadline_s=stop_deadline_s)
        wait_until_accepting(server, plan.reachable_host, port, deadline_s=_START_DEADLINE_S)
        print(summary(plan, port=port, upstream=upstream), flush=True)
        try:
            status = server.wait(deadline_s=None)
        except KeyboardInterrupt:
            patience = f"work in flight gets up to {plan.settings.app.drain_s:g} s"
            print(f"\nStopping; {patience}, a second Ctrl-C cuts it.", flush=True)
            server.stop(deadline_s=stop_deadline_s)
            return 0
        raise RunError(f"the server ended by itself with status {status}; its log is above")


def _start_demo_origin(stack: ExitStack) -> str:
    port = free_port(_LOOPBACK, 0)
    argv = [sys.executable, "-m", "shared.harness.origin.demo", "--port", str(port)]
    origin = Process.start(argv, name="the demo origin", inherit_output=True)
    stack.callback(origin.stop)
    wait_until_accepting(origin, _LOOPBACK, port, deadline_s=_START_DEADLINE_S)
    return f"http://{_LOOPBACK}:{port}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status: 0 after Ctrl-C, SIGTERM or SIGHUP, 2 for what a person can mend."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asked for that
            signal.signal(number, _as_ctrl_c)
    try:
        return run(plan(sys.argv[1:] if argv is None else argv, os.environ))
    except (RunError, ProcessFailed) as error:
        _complain(str(error))
        return 2
    except KeyboardInterrupt:  # before the server was up, or a second one while it drained
        return 0


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _complain(text: str) -> None:
    print(f"tandem: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
