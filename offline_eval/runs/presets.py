"""The tables of "Token-Level Logits Matter" (arXiv 2505.18484): how each row is read here, and what was published.

`accuracy` and F1 are fractions here, where the paper prints percent for the former.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from offline_eval.runs.views import View

_DATA = (
    "published on 4,373 utterances of IEMOCAP by a rule that is not stated (all votes in the four classes: at most "
    "4,420), with a checkpoint that differs by GPU generation; LTU-AS has learned from IEMOCAP"
)
_BD = "which Bhattacharyya distance is not stated: -ln of the mean coefficient fits best"
_EPSILON = "KL of a text hangs on the epsilon behind its zeros"
_NEAR_CONSTANT = "a reading of piece counts alone, without any sound, comes to KL 1.00 and BD 0.47"
_SUMMED = "published practice sums the pieces with this prompt, equation (1) takes their mean"
_NINE = "impossible with four labels at that accuracy (bound 0.132): at least nine label strings were averaged over"
_LABELS = "how ties are labelled, and which labels F1 is a mean over, is not stated"
_OTHER_SYSTEM = "another system, quoted by the paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table.

    Attributes:
        title: As the paper calls it, or what it is.
        view: How it is read here; None for systems that are only quoted.
        published: Measure, as `offline_eval.scoring.metrics.measures` calls it, to the paper's value.
        not_comparable: Why the published values and ours differ for other reasons than the model.
    """

    title: str
    view: View | None
    published: Mapping[str, float] = field(default_factory=dict)
    not_comparable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One table or figure.

    Attributes:
        name: For `--preset`.
        title: For people.
        measures: Names of its columns.
        rows: In the paper's order.
        note: What is to be said below it.
    """

    name: str
    title: str
    measures: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def views(self) -> tuple[View, ...]:
        """What must be read, each once."""
        return tuple(dict.fromkeys(row.view for row in self.rows if row.view is not None))


_DISTRIBUTION = ("kl", "bd_log_mean", "paper_r2")
_HARD = ("accuracy", "macro_f1", "macro_f1_union")


def _distribution(kl: float | None, bd: float, r2: float) -> dict[str, float]:
    return ({} if kl is None else {"kl": kl}) | {"bd_log_mean": bd, "paper_r2": r2}


def _hard(accuracy: float, f1: float | None) -> dict[str, float]:
    return {"accuracy": accuracy} | ({} if f1 is None else {"macro_f1": f1})


_TEXT_SINGLE = View(prompt="single", readout=None)
_TEXT_AMBIGUOUS = View(prompt="ambiguous", readout=None)
_TOKEN_SINGLE = View(prompt="single")
_TOKEN_SINGLE_SUM = View(prompt="single", pool="sum")
_TOKEN_AMBIGUOUS = View(prompt="ambiguous")

TABLE1 = Preset(
    name="table1",
    title="Table 1: text level and token level",
    measures=_DISTRIBUTION,
    rows=(
        Row(
            title="Zero-shot [15]",
            view=None,
            published=_distribution(None, 0.51, 0.51),
            not_comparable=(_OTHER_SYSTEM, "that work reports the coefficient, so 0.51 may be no distance"),
        ),
        Row(
            title="Text level",
            view=_TEXT_AMBIGUOUS,
            published=_distribution(2.05, 0.51, 0.34),
            not_comparable=(_DATA, _BD, _EPSILON, "an r2 of 0.34 is chance level for four classes (1/3)"),
        ),
        Row(
            title="Token level",
            view=_TOKEN_AMBIGUOUS,
            published=_distribution(0.99, 0.47, 0.38),
            not_comparable=(_DATA, _BD, _NEAR_CONSTANT),
        ),
    ),
)
TABLE2 = Preset(
    name="table2",
    title="Table 2: token level, by prompt",
    measures=_DISTRIBUTION,
    rows=(
        Row(
            title="Ambiguous prompt",
            view=_TOKEN_AMBIGUOUS,
            published=_distribution(0.99, 0.47, 0.38),
            not_comparable=(_DATA, _BD, _NEAR_CONSTANT),
        ),
        Row(
            title="Single prompt",
            view=_TOKEN_SINGLE,
            published=_distribution(0.75, 0.31, 0.53),
            not_comparable=(_DATA, _BD, _SUMMED),
        ),
        Row(
            title="Single prompt, pieces summed",
            view=_TOKEN_SINGLE_SUM,
            published=_distribution(0.75, 0.31, 0.53),
            not_comparable=(_DATA, _BD, "a sum favours words of more pieces"),
        ),
    ),
)
TABLE3 = Preset(
    name="table3",
    title="Table 3: the likeliest emotion against the hard label",
    measures=_HARD,
    rows=(
        Row(
            title="Fine-tuned LLM [28]",
            view=None,
            published=_hard(0.6520, None),
            not_comparable=(_OTHER_SYSTEM, "of the LTU-AS family, and trained on IEMOCAP"),
        ),
        Row(title="Few-shot [15]", view=None, published=_hard(0.5875, 0.59), not_comparable=(_OTHER_SYSTEM,)),
        Row(title="Zero-shot [15]", view=None, published=_hard(0.4812, 0.49), not_comparable=(_OTHER_SYSTEM,)),
        Row(title="Zero-shot [29]", view=None, published=_hard(0.5140, None), not_comparable=(_OTHER_SYSTEM,)),
        Row(
            title="Text (single)",
            view=_TEXT_SINGLE,
            published=_hard(0.5806, 0.39),
            not_comparable=(_DATA, _LABELS),
        ),
        Row(
            title="Text (ambiguous)",
            view=_TEXT_AMBIGUOUS,
            published=_hard(0.3583, 0.06),
            not_comparable=(_DATA, _LABELS, f"F1 0.06: {_NINE}"),
        ),
        Row(
            title="Token (ambiguous)",
            view=_TOKEN_AMBIGUOUS,
            published=_hard(0.5264, 0.31),
            not_comparable=(_DATA, _LABELS),
        ),
        Row(
            title="Token (single)",
            view=_TOKEN_SINGLE,
            published=_hard(0.5590, 0.30),
            not_comparable=(_DATA, _LABELS, _SUMMED),
        ),
        Row(
            title="Token (single), pieces summed",
            view=_TOKEN_SINGLE_SUM,
            published=_hard(0.5590, 0.30),
            not_comparable=(_DATA, _LABELS, "a sum favours words of more pieces"),
        ),
    ),
    note="The most frequent emotion alone comes to an accuracy of 0.51 and a macro-F1 of 0.17 on such utterances.",
)
FIG3 = Preset(
    name="fig3",
    title="Figure 3: all tokens of the answer, or only those of emotion words",
    measures=_DISTRIBUTION,
    rows=(
        Row(title="Text and percentages (all tokens)", view=_TOKEN_AMBIGUOUS, not_comparable=(_DATA,)),
        Row(
            title="Text only (emotion words)",
            view=View(prompt="ambiguous", scope="emotion_tokens"),
            not_comparable=(_DATA,),
        ),
    ),
    note="The figure's values are not printed in the paper; its claim is that all tokens do better than emotion words.",
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (TABLE1, TABLE2, TABLE3, FIG3)}
"""By the name that `--preset` takes."""
