"""pytest's hooks for the contract suite; what they do is in tests/contract/{options,items,count}.py."""

import pathlib
from typing import Any

import pytest

from tests.contract import options
from tests.contract.case import Case
from tests.contract.count import Count
from tests.contract.items import ENTRANTS, STAGE, items_of, shuffled, sorted_for_stage

_CONTRACT = pathlib.Path(__file__).parent / "contract"


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    options.quieten(config)
    config.stash[ENTRANTS] = entrants = options.entrants(config)
    versions = {entrant.id: entrant.version() for entrant in entrants}
    config.pluginmanager.register(Count(versions, options.results(config)), "contract-count")
    # Items of one group have to meet in one worker; what `-n 2` alone means would scatter them.
    if config.getoption("dist", "no") == "load":
        config.option.dist = "loadgroup"


def pytest_unconfigure(config: pytest.Config) -> None:
    if STAGE in config.stash:
        config.stash[STAGE].close()


def pytest_pycollect_makeitem(collector: Any, obj: object) -> list[pytest.Item] | None:
    """Each case of a family's file becomes its items; a case that was merely imported does not."""
    if isinstance(obj, Case) and collector.path.parent == _CONTRACT and obj.file == str(collector.path):
        return list(items_of(collector, obj, collector.config.stash[ENTRANTS]))
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    options.known_cases(config, config.stash[ENTRANTS])
    seed = config.getoption("shuffle")
    items[:] = sorted_for_stage(items if seed is None else shuffled(items, seed))
