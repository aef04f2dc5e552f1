"""A certificate authority for one run: the origin's certificate, and the file that makes a proxy trust it."""

import datetime
import pathlib
import ssl
import tempfile

import trustme

__all__ = ["Authority"]


class Authority:
    """ca: a PEM file, gone after `close()`. name: whom the origin is certified as."""

    name = "localhost"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.ca = pathlib.Path(self._folder.name, "ca.pem")
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.ca)

    def server(self, name: str = name, *, not_after: datetime.datetime | None = None) -> ssl.SSLContext:
        """The side of an origin of that name, which speaks nothing but HTTP/1.1.

        not_after: when its certificate ends.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        self._authority.issue_cert(name, not_after=not_after).configure_cert(context)
        return context

    def close(self) -> None:
        self._folder.cleanup()
