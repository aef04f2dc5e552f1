"""Request target in, upstream target out, byte for byte (RFC 9112 section 3.2). Pure.

A target never chooses the host: only its path and query go on, below the base path of the upstream URL. What
the client wrote is not normalised, so that signatures over the target stay valid; what could leave the base
path is refused.
"""

import re

from shared.errors import BadRequest

__all__ = ["AUTHORITY", "Target", "authority_of", "from_asgi", "origin_form", "upstream_target"]

Target = bytes

# RFC 3986 forbids more; these are the bytes that could end a request line early or be read as something
# else.
# `#`: a fragment is never sent, and readers disagree on what is left of the path (CVE-2023-45539).
_NEVER = bytes({*range(0x21), 0x7F, 0x23})
# RFC 3986 section 3.2 without userinfo, which has no place in a request (RFC 9110 section 4.2.4).
AUTHORITY = rb"(?:[A-Za-z0-9\-._~%!$&'()*+;=]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
_ABSOLUTE = re.compile(rb"(?i)https?://(?=[^:/?])(" + AUTHORITY + rb")((?:[/?].*)?)")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
# `.`, `/` and `\` in two bytes, as some decoders of UTF-8 once took them (CVE-2000-0884).
_OVERLONG = {b"\xc0\xae": b".", b"\xc0\xaf": b"/", b"\xc1\x9c": b"\\"}
_BLANK = bytes(range(0x21))
_SEPARATOR = re.compile(rb"[/\\]")
# Escapes within escapes are read this often; what then still changes has no honest use, and reading
# %252525… to its end would take a pass per level.
_LEVELS = 4


def from_asgi(raw_path: bytes, query_string: bytes) -> Target:
    """The request target as far as ASGI can tell it. `/p?` and `/p` look alike there (ASGI cannot carry an
    empty query)."""
    return raw_path + b"?" + query_string if query_string else raw_path


def authority_of(target: Target) -> bytes | None:
    """The authority of an absolute-form target, which replaces the Host field (RFC 9112 section 3.2.2)."""
    if target.startswith(b"/"):
        return None
    match = _ABSOLUTE.fullmatch(target)
    return match[1] if match else None


def origin_form(target: Target) -> Target:
    """Path and query of any target that may be forwarded, or `*`. Raises BadRequest for authority-form and
    anything else."""
    if not target or len(target.translate(None, _NEVER)) < len(target):
        raise BadRequest("the request target holds bytes that no target may hold")
    if target.startswith(b"/"):
        return target
    if target == b"*":
        return target
    if match := _ABSOLUTE.fullmatch(target):
        rest = match[2]
        return rest if rest.startswith(b"/") else b"/" + rest
    raise BadRequest("the request target is neither a path nor an absolute URI")


def upstream_target(target: Target, base: bytes, *, method: bytes = b"GET") -> Target:
    """What to ask the upstream for. `base` is empty or `/…` without a slash at its end; one slash joins the
    two.

    Raises BadRequest where the target cannot be forwarded, or could climb out of the base path.
    """
    path = origin_form(target)
    if path == b"*":
        if method != b"OPTIONS":
            raise BadRequest("only OPTIONS may ask for *")
        return base or path
    if base and climbs(path):
        raise BadRequest("the request target holds a dot-dot segment, which could leave the base path")
    return base + path


def climbs(path: bytes) -> bool:
    """Whether any reader of the path could see a dot-dot segment in it.

    Escapes are read as often as somebody might, `\\` as `/`; `;…` (path parameters) and what stands behind a
    NUL are cut off, blanks are not seen.
    """
    plain = path.partition(b"?")[0]
    for _ in range(_LEVELS):
        read = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), plain)
        if read == plain:
            break
        plain = read
    else:
        return True
    for overlong, meant in _OVERLONG.items():
        plain = plain.replace(overlong, meant)
    return any(_name(segment) == b".." for segment in _SEPARATOR.split(plain))


def _name(segment: bytes) -> bytes:
    return segment.partition(b";")[0].partition(b"\0")[0].translate(None, _BLANK)
