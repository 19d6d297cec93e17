"""Kinds of difference that are known, by rule (explained.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .compare import Difference

FILE = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True)
class Kind:
    """A known difference; without columns it is one in any column of its fact."""

    reason: str
    fact: str
    traits: frozenset[str]
    columns: frozenset[str] = frozenset()

    def explains(self, difference: Difference) -> bool:
        return (
            difference.fact == self.fact
            and (not self.columns or difference.column in self.columns)
            and self.traits <= difference.traits
        )


def kinds(file: Path = FILE) -> list[Kind]:
    """The kinds of the file; one without traits would explain everything and is refused."""
    found = []
    for entry in tomllib.loads(file.read_text())["kind"]:
        traits, columns = frozenset(entry.pop("traits")), frozenset(entry.pop("columns", []))
        if not traits:
            raise ValueError(f"{entry['reason']} has no traits.")
        found.append(Kind(**entry, traits=traits, columns=columns))
    return found


def reason(difference: Difference, known: list[Kind]) -> str | None:
    return next((kind.reason for kind in known if kind.explains(difference)), None)
