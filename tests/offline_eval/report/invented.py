"""Findings on invented votes and readings, without a run."""

from collections.abc import Sequence

import numpy as np

from core.distribution import EMOTIONS
from core.ltu_as.prompt import PROMPTS
from offline_eval.labels.rated import RatedUtterance, humans_of
from offline_eval.report.findings import Findings, Heard, findings_of
from offline_eval.runs.folder import Question, RunRecord
from offline_eval.runs.items import Item
from offline_eval.runs.outputs import Readings
from offline_eval.runs.views import View
from offline_eval.scoring.evaluation import SystemOutput

SINGLE = View(prompt="single", readout="seq_logprob")
AMBIGUOUS = View(prompt="ambiguous")
TEXT = View(prompt="ambiguous", readout=None)
SILENT = View(prompt="single", readout="seq_logprob", input="silence")


def record(number: int, views: Sequence[View], **changes) -> RunRecord:
    asked = dict.fromkeys((view.prompt, view.input) for view in views)
    return RunRecord(
        **{
            "dataset": "invented",
            "root": None,
            "limit": None,
            "n_utterances": number,
            "items_sha256": "0" * 64,
            "policy": {"subset": "four_only"},
            "policy_lines": (f"kept: {number} of {number} utterances | all of them",),
            "notes": ("votes are <invented>",),
            "licences": {"invented": "none"},
            "model": {"name": "invented-model", "sha256": "a" * 64, "device": "cpu", "dtype": "float32"},
            "verbalizer": {},
            "decoding": {"max_new_tokens": 1},
            "batch": 8,
            "questions": tuple(Question(prompt=p, text=PROMPTS[p], input=given) for p, given in asked),
            "presets": (),
            "views": tuple(views),
            "versions": {"numpy": "2"},
            **changes,
        }
    )


def readings(view: View, rated: Sequence[RatedUtterance], *, hears: float, invalid: float = 0.0) -> Readings:
    """Between what people heard (hears 1) and noise (0), a share of them invalid."""
    rng = np.random.default_rng([len(view.name), len(rated)])
    noise = rng.dirichlet(np.full(len(EMOTIONS), 2.0), len(rated))
    probabilities = hears * humans_of(rated) + (1 - hears) * noise
    missed = rng.random(len(rated)) < invalid
    probabilities[missed] = np.nan
    why = {"no digits": int(missed.sum())} if missed.any() else {}
    return Readings(view, SystemOutput(view.name, probabilities), why)


def invented_findings(rated: Sequence[RatedUtterance], *made: Readings, draws: int = 60, **changes) -> Findings:
    """Findings of readings, the first of them judged; some more than a tenth of the recordings are cut off."""
    return findings_of(
        record(len(rated), [one.view for one in made], **changes),
        [Item(one, 2.0 + n % 10) for n, one in enumerate(rated)],
        made,
        judged=made[0].view,
        heard=[Heard(max(0.0, n % 10 - 8.0), f"said in {n}") for n in range(len(rated))],
        draws=draws,
    )
