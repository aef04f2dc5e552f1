"""Certificates of a CA made for the test, and what a TLS origin saw."""

import ssl
from pathlib import Path

import trustme

__all__ = ["Certificates"]


class Certificates:
    """A private CA, a server for `localhost`, a client; files in `folder` for the settings."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.cert = folder / "client.pem"
        self.key = folder / "client.key"
        self.names: list[str | None] = []
        client = self.authority.issue_cert("client.test")
        self.authority.cert_pem.write_to_path(self.ca)
        client.cert_chain_pems[0].write_to_path(self.cert)
        client.private_key_pem.write_to_path(self.key)

    def server(
        self, *, name: str = "localhost", client: bool = False, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A server for `name` that notes the SNI of each handshake; `client` asks for a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        context.sni_callback = lambda _, asked, __: self.names.append(asked)
        context.set_alpn_protocols(["h2", "http/1.1"])
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context
