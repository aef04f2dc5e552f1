"""Prints how each app is started on each server: the lines that the README shows."""

from __future__ import annotations

from shared.harness.servers import SERVERS, command, shell_line
from shared.harness.subject import apps


def main() -> None:
    """One block per server, one line per app, ready to be pasted into a shell."""
    for name, server in SERVERS.items():
        print(f"# {name}: {', '.join(server.PROFILES)}")
        for app in apps():
            argv = command(f"{app}_app.app:app", profile=server.PROFILES[0], port=8000)
            print(f"TANDEM_UPSTREAM_URL=http://127.0.0.1:9000 {shell_line(argv)}")


if __name__ == "__main__":
    main()
