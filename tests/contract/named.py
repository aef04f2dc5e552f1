"""Many columns named in a few words: by their groups, where all of one are meant, or all but a few."""

from collections.abc import Mapping, Sequence

__all__ = ["named"]

_FEW = 2  # so many can be left out of a group, and it is still the easier word


def named(names: Sequence[str], groups: Mapping[str, str]) -> str:
    """Return `names` as they stand in a sentence. groups: the group of every column there is, by its name and
    in their order; empty for one that stands for itself.
    """
    if len(names) == len(groups) > 1:
        return "all"
    told: dict[str, list[str]] = {}
    for name in names:
        told.setdefault(groups[name] or name, []).append(name)
    every: dict[str, list[str]] = {}
    for name, group in groups.items():
        every.setdefault(group or name, []).append(name)
    return ", ".join(_group(group, members, every[group]) for group, members in told.items())


def _group(group: str, members: Sequence[str], every: Sequence[str]) -> str:
    left_out = [name for name in every if name not in members]
    begin = f"{group} on "  # said once for all
    if len(every) > 1 and len(left_out) <= min(_FEW, len(members) - 1):
        but = " and ".join(name.removeprefix(begin) for name in left_out)
        return f"{group} but {but}" if but else f"all of {group}"
    told = ", ".join(name.removeprefix(begin) for name in members)
    return f"{group} ({told})" if members[0].startswith(begin) else told
