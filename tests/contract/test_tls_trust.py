"""Over an `https://` upstream: whom the proxy believes to be it."""

import datetime

from tests.contract.case import case
from tests.contract.expect import gateway_failure, ok
from tests.contract.talk import Talk
from tests.contract.tls import Authority

_YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@case(
    "TLS-02",
    requirement="RFC 9110 §4.3.4; RFC 9209 §2.3 tls_certificate_error: 502",
    anchor="nginx proxy_ssl_verify.t",
    settings="tls",
)
async def certificates(talk: Talk) -> None:
    """An upstream whose certificate does not hold, one that nobody vouches for, of another name or out of
    date, is 502 and hears nothing of the request.
    """
    assert talk.certificates is not None
    stranger = Authority()
    try:
        for shown in (
            stranger.server(),
            talk.certificates.server("elsewhere.test"),
            talk.certificates.server(not_after=_YESTERDAY),
        ):
            x = await talk.exchange()
            async with talk.origin.showing(shown):
                await x.ask("GET", "Authorization: Basic eDp5")
                gateway_failure(await x.response(), *talk.manifest.statuses("tls_certificate_error", 502))
            assert x.expected.count == 0, "the request went to an upstream that nobody vouches for"
            ok((await (await talk.exchange()).trip())[1])
    finally:
        stranger.close()
