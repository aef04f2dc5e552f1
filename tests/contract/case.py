"""A case: one row of the contract, told as a conversation and declared once.

    @case("HDR-02", requirement="RFC 9110 §7.6.1", anchor="Go StripHeadersPresentInConnection")
    async def connection_listed(talk: Talk) -> None:
        '''Fields that Connection lists, on any of its lines, end at the proxy.'''

The docstring is the sentence. Everything that runs cases (every subject, the miniature, its mutants) reads
`REGISTRY`.
"""

import dataclasses
import importlib
import inspect
import pathlib
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.contract.talk import Talk

__all__ = ["REGISTRY", "Case", "Compare", "Level", "Tier", "case", "load"]

Level = Literal["M", "S", "P", "O"]
Tier = Literal["quick", "long"]
Compare = Literal["bytes", "verdict"]
Conversation = Callable[["Talk"], Awaitable[None]]

_ID = re.compile(r"(HDR|FWD|TGT|MET|RQB|RSP|STR|CAN|ERR|INF|UPG|TRL|FRM|SHR|TLS|OPS)-\d\d(-[a-z0-9]+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """id: as in the contract's table, with a suffix where one row is several cases.

    level: M, every proxy has to pass; S, it should, and one that is not ours is only warned; P, a policy
    that is held against the manifest; O, observed: `Talk.note` says what was seen, and nothing fails.
    settings: the variant of the subject that it runs on (`variants.VARIANTS`).
    alone: it gets a process of its own, started for it and stopped after it (`Talk.process`).
    needs: what the manifest must declare for the case to mean anything (`Manifest.offers`).
    compare: "bytes" when both apps must produce the same normalised bytes and ledger; "verdict" when the
    case is a race by nature (who leaves first), so that only its outcome and its notes can be compared.
    """

    id: str
    sentence: str
    conversation: Conversation
    level: Level
    requirement: str
    anchor: str
    tier: Tier
    settings: str
    needs: frozenset[str]
    compare: Compare
    deadline_s: float
    file: str
    line: int
    alone: bool = False

    @property
    def family(self) -> str:
        return self.id[:3]

    def __str__(self) -> str:
        return f"{self.id} [{self.level}] {self.sentence} ({self.requirement})"


REGISTRY: dict[str, Case] = {}


def case(
    id: str,  # noqa: A002 - the word that the contract's table uses
    *,
    requirement: str,
    level: Level = "M",
    anchor: str = "",
    tier: Tier = "quick",
    settings: str = "plain",
    needs: tuple[str, ...] = (),
    compare: Compare = "bytes",
    deadline_s: float = 20.0,
    alone: bool = False,
) -> Callable[[Conversation], Case]:
    """Declare a case.

    Raises: ValueError for a malformed or doubled id, or a conversation without its sentence.
    """

    def declare(conversation: Conversation) -> Case:
        if not _ID.fullmatch(id):
            raise ValueError(f"{id!r} is not a case id")
        code = inspect.unwrap(conversation).__code__
        known = REGISTRY.get(id)
        if known is not None and (known.file, known.line) != (code.co_filename, code.co_firstlineno):
            raise ValueError(f"{id} is declared twice: {known.file}:{known.line} and {code.co_filename}")
        sentence = inspect.getdoc(conversation)
        if not sentence:
            raise ValueError(f"{id} has no sentence: write it as the docstring")
        REGISTRY[id] = declared = Case(
            id=id,
            sentence=" ".join(sentence.split()),
            conversation=conversation,
            level=level,
            requirement=requirement,
            anchor=anchor,
            tier=tier,
            settings=settings,
            needs=frozenset(needs),
            compare=compare,
            deadline_s=deadline_s,
            file=code.co_filename,
            line=code.co_firstlineno,
            alone=alone,
        )
        return declared

    return declare


def load() -> dict[str, Case]:
    """Import every family's file and return the registry, by id."""
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")
    return dict(sorted(REGISTRY.items()))
