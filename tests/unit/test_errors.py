"""The error tree: what its drawing says is what the classes are."""

import inspect
import re
from typing import NamedTuple

import pytest

from shared import errors
from shared.errors import ClientError, ClientGone, LocalError, ProxyError, UpstreamError

SIDES = (ClientError, LocalError, UpstreamError)

# RFC 9209 section 2.3: each type's recommended status; None where the RFC says "4xx".
RECOMMENDED: dict[str, int | None] = {
    "dns_timeout": 504,
    "dns_error": 502,
    "destination_not_found": 500,
    "destination_unavailable": 503,
    "connection_refused": 502,
    "connection_terminated": 502,
    "connection_timeout": 504,
    "connection_read_timeout": 504,
    "connection_write_timeout": 504,
    "connection_limit_reached": 503,
    "tls_protocol_error": 502,
    "tls_certificate_error": 502,
    "tls_alert_received": 502,
    "http_request_error": None,
    "http_request_denied": 403,
    "http_response_body_size": 502,
    "http_response_content_coding": 502,
    "http_response_incomplete": 502,
    "http_response_timeout": 504,
    "http_upgrade_failed": 502,
    "http_protocol_error": 502,
    "proxy_internal_error": 500,
    "proxy_loop_detected": 502,
}


class Drawn(NamedTuple):
    side: str
    name: str
    status: int
    type: str


def drawing() -> list[Drawn]:
    """The leaves of the tree in the module's docstring, each with the side it hangs under."""
    found: list[Drawn] = []
    side = ""
    for line in (inspect.getdoc(errors) or "").splitlines():
        if match := re.search(r"[|`]- (\w+)", line):
            side = match[1]
        elif match := re.search(r"\b([A-Z]\w+) +([0-9]{3})  (?:([a-z_]+)$|\()", line):
            found.append(Drawn(side, match[1], int(match[2]), match[3] or "client_gone"))
    return found


def leaves() -> list[type[ProxyError]]:
    found: list[type[ProxyError]] = []
    for side in SIDES:
        found += side.__subclasses__()
    return found


def test_the_drawing_is_the_tree() -> None:
    tree = [Drawn(kind.__bases__[0].__name__, kind.__name__, kind.status, kind.type) for kind in leaves()]
    assert drawing() == tree


def test_no_class_hides_below_a_leaf_or_beside_the_sides() -> None:
    assert set(ProxyError.__subclasses__()) == set(SIDES)
    assert not [below for kind in leaves() for below in kind.__subclasses__()]


def test_everything_public_is_listed() -> None:
    classes = {name for name, _ in inspect.getmembers(errors, inspect.isclass) if name != "ProxyRequest"}
    assert set(errors.__all__) == classes
    assert errors.__all__ == sorted(errors.__all__)


@pytest.mark.parametrize("kind", [kind for kind in leaves() if kind is not ClientGone])  # told to nobody
def test_the_type_is_one_of_rfc_9209_and_the_status_the_one_it_recommends(kind: type[ProxyError]) -> None:
    recommended = RECOMMENDED[kind.type]
    exception = re.search(rf"{kind.__name__} \(([0-9]{{3}}) there\)", inspect.getdoc(errors) or "")
    if recommended is None:
        assert 400 <= kind.status <= 499
    elif exception:
        assert kind.status != recommended, "the docstring explains a difference that is none"
        assert recommended == int(exception[1])
    else:
        assert kind.status == recommended


@pytest.mark.parametrize("kind", leaves())
def test_a_fault_of_the_upstream_is_never_the_clients_nor_ours(kind: type[ProxyError]) -> None:
    if issubclass(kind, UpstreamError):
        assert kind.status in (502, 504)
    elif issubclass(kind, ClientError):
        assert 400 <= kind.status <= 499
    else:
        assert kind.status in (500, 502, 503)  # 502: RFC 9209 section 2.3.32, a loop


@pytest.mark.parametrize("kind", leaves())
def test_details_are_one_line_of_plain_words(kind: type[ProxyError]) -> None:
    error = kind()
    assert str(error) == error.detail == kind.detail
    assert re.fullmatch(r"[a-z0-9A-Z',. /-]{5,90}", error.detail)


def test_a_detail_of_its_own_replaces_the_class_text_for_one_error_alone() -> None:
    error = errors.BadRequest("no such thing")
    assert (error.detail, str(error), error.status) == ("no such thing", "no such thing", 400)
    assert errors.BadRequest().detail == errors.BadRequest.detail
