"""One exchange of the core at the moment its answer starts, with the server's half scripted."""

from shared.answer import Answer
from shared.client import Client
from shared.messages import ExchangeRecord, Headers, ProxyRequest, ProxyResponse, by_name
from shared.observe import Observer
from tests.unit.asgi import FakeServer, end
from tests.unit.scripted import ScriptedBody

__all__ = ["HEAD", "Exchange"]

HEAD: Headers = [(b"X-A", b"1"), (b"Set-Cookie", b"a"), (b"Set-Cookie", b"b")]


class Exchange:
    """One exchange at the moment its answer starts."""

    def __init__(self, body: ScriptedBody | bytes, *, status: int = 200, server: FakeServer | None = None):
        self.server = server or FakeServer(end())
        self.observer = Observer(None)
        self.body = body
        client = Client(self.server.receive)
        client.start()
        self.request = ProxyRequest(
            method=b"GET",
            target=b"/",
            headers=[],
            fields=by_name([]),
            peer="192.0.2.1",
            scheme="http",
            http_version="1.1",
            client=client,
            record=self.observer.begin("GET", "/", by_name([])),
        )
        self.answer = Answer(ProxyResponse.to(self.request, status, HEAD, body), self.observer)

    @property
    def record(self) -> ExchangeRecord:
        return self.request.record

    async def play(self) -> None:
        await self.answer({}, None, self.server.send)

    def finished(self) -> list[str]:
        """The exchanges that were counted, as `status outcome`; asserts that none is still in flight."""
        text = self.observer.exposition().decode()
        assert "tandem_exchanges_in_flight 0.0" in text
        found = []
        for line in text.splitlines():
            if line.startswith("tandem_exchanges_total{"):
                labels = dict(
                    part.split("=")
                    for part in line[len("tandem_exchanges_total{") :].split("}")[0].split(",")
                )
                found += [f"{labels['status']} {labels['outcome']}".replace('"', "")] * int(
                    float(line.split()[-1])
                )
        return found
