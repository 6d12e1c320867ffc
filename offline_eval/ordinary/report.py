"""Shares of ordinary speech as Markdown for people, and as JSON for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from core.distribution import EMOTIONS
from offline_eval.ordinary.shares import SURE, Shares

SCHEMA = "emotion-eval/ordinary/1"

Findings = Mapping[str, Mapping[str, Shares]]
"""What was heard, such as a folder, to its shares by length."""


def as_markdown(findings: Findings, *, about: str) -> str:
    """One table; `about` says what was asked."""
    explained = (
        "Shares of the time that has a reading: of each emotion as the dominant one, of all but neutral together, and "
        f"of these above {SURE}. Entropy: 0 is certain, 1 says nothing. Nobody labelled this speech: these are no "
        "errors, but ordinary speech is seldom loud."
    )
    columns = ("speech", "length", "utterances", "minutes", *EMOTIONS, "not neutral", f"above {SURE}", "entropy")
    lines = ["# What is heard in ordinary speech", "", about, explained, ""]
    lines += [f"| {' | '.join(columns)} | no reading |", f"|{'---|' * (len(columns) + 1)}"]
    for name, parts in findings.items():
        lines += [_row(name, length, shares) for length, shares in parts.items() if shares.utterances]
    return "\n".join(lines) + "\n"


def as_json(findings: Findings, *, about: str) -> str:
    """Everything, with all digits."""
    speech = {
        name: {
            length: asdict(shares) | {"loud": shares.loud, "surely_loud": shares.surely_loud}
            for length, shares in parts.items()
        }
        for name, parts in findings.items()
    }
    return json.dumps({"schema": SCHEMA, "about": about, "speech": speech}, indent=1, allow_nan=False) + "\n"


def _row(name: str, length: str, shares: Shares) -> str:
    numbers = [*(shares.dominant[emotion] for emotion in EMOTIONS), shares.loud, shares.surely_loud, shares.entropy]
    cells = [f"{number:.2f}" for number in (*numbers, shares.refused)]
    return f"| {name} | {length} | {shares.utterances} | {shares.seconds / 60:.1f} | {' | '.join(cells)} |"
