"""Columns named by their groups: a person reads who is meant, and nobody is lost."""

import pytest

from tests.contract.named import named

GROUPS = {
    **dict.fromkeys(("ours on a", "ours on b", "ours on c", "ours on d", "ours on e"), "ours"),
    **dict.fromkeys(("nginx", "Caddy"), ""),
    **dict.fromkeys(("one", "two", "three"), "the recipes"),
}
OURS, RECIPES = (
    [name for name, group in GROUPS.items() if group == wanted] for wanted in ("ours", "the recipes")
)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (list(GROUPS), "all"),
        (["nginx"], "nginx"),
        ([*OURS, "nginx"], "all of ours, nginx"),
        (OURS[:3], "ours but d and e"),
        (OURS[:2], "ours (a, b)"),
        ([*OURS[:1], "Caddy"], "ours (a), Caddy"),
        (RECIPES, "all of the recipes"),
        (RECIPES[1:], "the recipes but one"),
        (["Caddy", *RECIPES[:1]], "Caddy, one"),
        (["nginx", "Caddy", *RECIPES], "nginx, Caddy, all of the recipes"),
    ],
)
def test_a_group_is_named_once_and_who_is_left_out_by_name(names: list[str], told: str) -> None:
    assert named(names, GROUPS) == told


def test_one_column_alone_is_itself() -> None:
    assert named(["nginx"], {"nginx": ""}) == "nginx"
