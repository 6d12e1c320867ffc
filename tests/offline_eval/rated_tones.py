"""Rated utterances of tones, and runs of the tiny model over them."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from core.distribution import EMOTIONS, EmotionDistribution
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance
from offline_eval.labels.rated import RatedUtterance
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.items import items_of
from offline_eval.runs.run import RunJob, carry_out, model_folder
from offline_eval.runs.views import INPUTS, View, all_views
from offline_eval.runs.work import Engine


def rated_tones(folder: Path, number: int, *, seed: int = 0) -> list[RatedUtterance]:
    """As many utterances of 0.05 to 0.4 s, by five speakers, with invented words and votes."""
    rng = np.random.default_rng(seed)
    rated = []
    for n in range(number):
        path = folder / f"utt_{n:03d}.wav"
        sound = rng.standard_normal(int(rng.uniform(0.05, 0.4) * 16_000)) * 0.05
        soundfile.write(path, sound.astype(np.float32), 16_000, subtype="PCM_16")
        votes = tuple(tuple(map(float, np.eye(4)[rng.integers(4)])) for _ in range(3))
        human = EmotionDistribution.from_weights(np.sum(votes, axis=0).tolist())
        utterance = AnnotatedUtterance(
            utterance_id=path.stem,
            corpus="tones",
            path=path,
            speaker=f"tones_{n % 5}",
            ratings=(),
            dialogue=f"d{n % 7}",
            session=str(n % 2),
            transcript=f"a tone of number {n}",
        )
        agreement = "unanimous" if max(human) == 1 else "majority" if max(human) > 0.5 else "tie"
        rated.append(
            RatedUtterance(
                utterance=utterance,
                human=human,
                votes=votes,
                hard_label=None if agreement == "tie" else EMOTIONS[int(np.argmax(list(human)))],
                agreement=agreement,
            )
        )
    return rated


def views(**options) -> tuple[View, ...]:
    usual = {
        "prompts": ["single", "ambiguous"],
        "inputs": INPUTS,
        "levels": ["token", "text"],
        "readouts": ["paper_linear", "seq_logprob"],
        "pools": ["mean"],
        "scopes": ["all"],
    }
    return all_views(**(usual | options))


def carried_out(rated: list[RatedUtterance], out: Path, *, engine: Engine | None = None, **options) -> RunFolder:
    """A run of `tiny`, with answers of at most four tokens."""
    with model_folder("tiny") as weights:
        job = RunJob(
            **{
                "out": out,
                "dataset": "tones",
                "root": None,
                "corpus": AnnotatedCorpus(utterances=tuple(one.utterance for one in rated)),
                "policy": {"subset": "all"},
                "policy_lines": (f"kept {len(rated)}",),
                "items": items_of(rated, options.get("limit")),
                "weights": weights,
                "max_new_tokens": 4,
                "views": views(),
                **options,
            }
        )
        return carry_out(job, no_progress, engine)


@contextmanager
def no_progress(_: int):
    yield [].append


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
