"""Systems against each other, on the same utterances and the same draws."""

import math
from collections.abc import Sequence

from offline_eval.report.document import Cell, Group, Listing, Row, Table
from offline_eval.report.words import NOTHING, column, interval, number
from offline_eval.scoring.metrics.measures import MEASURE
from offline_eval.scoring.trial import Difference

LEVEL = 0.05
"""Of the corrected p-value, below which a difference is told from none."""

_COLUMNS = ("difference", "95 % interval", "p", "p, Holm", "verdict")


def verdict(difference: Difference) -> str:
    """Better, worse, or not told apart."""
    if difference.p_holm is None or math.isnan(difference.estimate.value):
        return NOTHING
    if difference.p_holm >= LEVEL:
        return "not told apart"
    lower_is_better = MEASURE[difference.measure].better == "lower"
    return "better" if (difference.estimate.value < 0) == lower_is_better else "worse"


def difference_table(caption: str, differences: Sequence[Difference]) -> Table:
    """Grouped by pair, in the order given."""
    pairs = dict.fromkeys((one.first, one.other) for one in differences)
    return Table(
        caption=caption,
        corner="measure",
        columns=_COLUMNS,
        groups=tuple(_group(pair, [one for one in differences if (one.first, one.other) == pair]) for pair in pairs),
    )


def difference_notes(differences: Sequence[Difference], draws: int) -> Listing:
    """How to read such a table."""
    tested = sum(one.p is not None for one in differences)
    powerless = tested / (draws + 1) >= LEVEL
    warning = (f"Too few draws for so many: no corrected p can be below {LEVEL}.",) if powerless else ()
    return Listing(
        (
            *warning,
            f"Paired: both systems in the same {draws:,} draws, on the utterances that both read.",
            f"p: two-sided, by bootstrap, at least 1/{draws + 1:,}. Holm: corrected for all {tested} of the table.",
            f"Verdict: of the first, at a corrected p below {LEVEL}; not told apart is not the same as equal.",
        )
    )


def _group(pair: tuple[str, str], differences: Sequence[Difference]) -> Group:
    common = f"{differences[0].n_common:,} utterances"
    return Group(f"{pair[0]} minus {pair[1]}, {common}", tuple(map(_row, differences)))


def _row(one: Difference) -> Row:
    cells = (
        Cell(number(one.estimate.value, signed=True)),
        Cell(interval(one.estimate, signed=True) or NOTHING),
        Cell(_p(one.p)),
        Cell(_p(one.p_holm)),
        Cell(verdict(one)),
    )
    return Row(column(one.measure), cells)


def _p(p: float | None) -> str:
    return NOTHING if p is None else f"{p:.4f}"
