"""What a requirement names as links: `RFC 9112 §6.1, §6.3` -> two links; drafts, CVEs and WHATWG HTML too."""

import re

__all__ = ["linked"]

_TOKEN = re.compile(
    r"(?P<rfc>RFC (?P<number>\d+)(?: §(?P<first>\d+(?:\.\d+)*))?)"
    r"|(?P<more>§(?P<section>\d+(?:\.\d+)*))"
    r"|(?P<draft>draft-[a-z0-9-]+)"
    r"|(?P<cve>CVE-\d{4}-\d+)"
    r"|(?P<events>WHATWG HTML §9\.2)"
    r"|(?P<other>;)"
)
_EVENTS = "https://html.spec.whatwg.org/multipage/server-sent-events.html"


def linked(requirement: str) -> str:
    """The requirement as Markdown. A section without a document belongs to the RFC named before it."""
    number: str | None = None

    def link(found: re.Match[str]) -> str:
        nonlocal number
        if found["rfc"]:
            number = found["number"]
            return _to(found["rfc"], number, found["first"])
        if found["draft"]:
            return f"[{found['draft']}](https://datatracker.ietf.org/doc/{found['draft']}/)"
        if found["cve"]:
            return f"[{found['cve']}](https://www.cve.org/CVERecord?id={found['cve']})"
        if found["events"]:
            return f"[{found['events']}]({_EVENTS})"
        if found["other"]:
            number = None
        elif number is not None:
            return _to(found["more"], number, found["section"])
        return found[0]

    return _TOKEN.sub(link, requirement)


def _to(text: str, number: str, section: str | None) -> str:
    anchor = f"#section-{section}" if section else ""
    return f"[{text}](https://www.rfc-editor.org/rfc/rfc{number}{anchor})"
