"""Chance: how likely it is that values which mean something else pass a check digit all the same."""

import math
from typing import Final

NEVER: Final = 1e-9
"""Above this probability something may be chance; a database has many columns, and there are many nights."""


def by_chance(passed: int, tried: int, probability: float) -> float:
    """Return a bound on the probability that ``passed`` or more of ``tried`` values pass by chance.

    It is Chernoff's: exp(-n D(k/n || p)), for k/n above p.
    """
    if not tried or passed / tried <= probability:
        return 1.0
    share, rest = passed / tried, 1 - passed / tried
    divergence = share * math.log(share / probability)
    if rest:
        divergence += rest * math.log(rest / (1 - probability))
    return math.exp(-tried * divergence)
