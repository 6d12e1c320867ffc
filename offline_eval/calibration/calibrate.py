"""Calibrates a finished model folder on its dev speakers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import UsageError
from core.ltu_as.abstention import Abstention
from core.ltu_as.calibration import CALIBRATION_NAME, Calibration
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.config import CONFIG_NAME, LTUASConfig
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.readout import Kind
from offline_eval.calibration.hearing import Sound, content_free, disturbed, feature_means, hear, marked, recorded
from offline_eval.calibration.thresholds import Heard, fit_abstention, fit_outlier
from offline_eval.calibration.worth import Fitted, HeldOut, Refused, fit_readout, refused
from offline_eval.datasets.kinds import load_datasets
from offline_eval.labels.clips import Clip, in_split, require_distinct

READOUTS: tuple[Kind, ...] = (
    "seq_logprob", "first_piece", "softmax_mean", "mean_softmax", "vocab_prob", "paper_linear",
)  # fmt: skip
"""What is calibrated besides the folder's default, pooled by the mean over all steps."""

_CLEAN, _DISTURBED = "dev speech", "dev speech, disturbed"
_NOISE = "content-free, to fit"
_STRANGERS = "corpora it did not learn from"
_FIT_SEED, _UNSEEN_SEED = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to calibrate, and on what.

    Attributes:
        model: The model folder.
        data: See `open_dataset`; its dev speakers must not have been trained on.
        strangers: Data whose corpora the model did not learn from. Corrections are then fitted on all of their clips,
            and judged by leaving one corpus out at a time: certainty that is earned on voices and rooms like those of
            the training does not hold for others.
        out: Where to write; None: the model folder's calibration.json.
        dev_speakers: Exactly who is held out, as in training; empty for what the data states.
        without: Corpora of the data that are left out.
        vad: A folder of hand-marked speech and non-speech to try the thresholds on; see `marked`.
        seed: Of the disturbances and the content-free sounds. The thresholds are tried on other such sounds than they
            are fitted on, and both are others than those of the training.
        training_clips: At most so many clips of the train speakers say what training speech is like.
        device: Where the model runs.
    """

    model: Path
    data: tuple[str | Path, ...]
    strangers: tuple[str | Path, ...] = ()
    out: Path | None = None
    dev_speakers: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    vad: Path | None = None
    seed: int = 0
    training_clips: int = 1000
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A calibration, where it was written, what it is worth, and the read-out that the folder uses by default.

    `held_out` says whose clips were left out at a time.
    """

    path: Path
    held_out: HeldOut
    default_readout: Kind
    calibration: Calibration
    fitted: Sequence[Fitted]
    refused: Sequence[Refused]


def calibrate(job: Job, *, progress: Callable[[str], None]) -> Outcome:
    """Fits temperatures, priors and thresholds, and writes them.

    Corrections are fitted on the dev clips as they are, or on those of strangers; thresholds on the dev clips and on a
    disturbed variant of each, nearer to what a live microphone hears. What is written is fitted on all of them; what it
    is said to be worth to each speaker, or corpus, is what the fit to the others is.

    Raises:
        UsageError: The data cannot be used.
        ModelError: The folder cannot be used.
        AudioError: A clip cannot be decoded.
    """
    defaults = LTUASConfig.from_json(job.model / CONFIG_NAME).defaults
    prompts = tuple(dict.fromkeys((*PROMPTS, defaults.prompt)))
    kinds = tuple(dict.fromkeys((*READOUTS, defaults.readout)))
    clips, training, strangers = _clips(job)
    unseen = {f"content-free: {kind}": sounds for kind, sounds in content_free(job.seed, _UNSEEN_SEED).items()}
    if job.vad is not None:
        unseen |= {f"marked as {label}": sounds for label, sounds in marked(job.vad).items()}
    sounds: dict[str, Sequence[Sound]] = {
        _CLEAN: recorded(clips),
        _DISTURBED: disturbed(clips, job.seed),
        **({_STRANGERS: recorded(strangers)} if strangers else {}),
        _NOISE: [sound for made in content_free(job.seed, _FIT_SEED).values() for sound in made],
        **unseen,
    }
    heard = hear(job.model, prompts, sounds, device=job.device, progress=progress)
    outlier = None
    if training:
        progress(f"hearing {len(training)} training clips, as they are and disturbed")
        both = [*recorded(training), *disturbed(training, job.seed)]
        outlier = fit_outlier(feature_means(job.model, both, device=job.device))

    progress("fitting")

    @cache
    def thresholds(without_speaker: str | None = None) -> Abstention:
        spoken = [*zip(clips, heard[_CLEAN], strict=True), *zip(clips, heard[_DISTURBED], strict=True)]
        speech = [one for clip, one in spoken if clip.speaker != without_speaker]
        return fit_abstention(speech, heard[_NOISE], outlier)

    def judged(name: str) -> Iterator[tuple[Heard, Abstention]]:
        speakers = [clip.speaker for clip in clips] if name in {_CLEAN, _DISTURBED} else [None] * len(heard[name])
        return ((one, thresholds(speaker)) for one, speaker in zip(heard[name], speakers, strict=True))

    held_out: HeldOut = "corpus" if strangers else "speaker"
    labelled, speech = (strangers, heard[_STRANGERS]) if strangers else (clips, heard[_CLEAN])
    fitted = [
        fit_readout(p, kind, labelled, speech, heard[_NOISE], held_out=held_out) for p in prompts for kind in kinds
    ]
    calibration = Calibration(
        model_sha256=folder_sha256(job.model),
        fitted_on=_fitted_on(labelled, held_out),
        entries=tuple(row.entry for row in fitted if row.entry),
        abstention=thresholds(),
    )
    told = (_CLEAN, _DISTURBED, *([_STRANGERS] if strangers else []), *unseen)
    path = job.out or job.model / CALIBRATION_NAME
    calibration.to_json(path)
    return Outcome(
        path=path,
        held_out=held_out,
        default_readout=defaults.readout,
        calibration=calibration,
        fitted=fitted,
        refused=[refused(name, prompt, judged(name)) for prompt in prompts for name in told],
    )


def _clips(job: Job) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """The dev clips, the train clips that say what training speech is like, and the clips of strangers."""
    specs = (*job.data, *job.strangers)
    datasets = load_datasets(specs, without=job.without, dev_speakers=job.dev_speakers)
    clips, strangers = (
        [clip for dataset in part for clip in dataset.clips]
        for part in (datasets[: len(job.data)], datasets[len(job.data) :])
    )
    require_distinct([*clips, *strangers])
    dev, train = in_split(clips, "dev"), in_split(clips, "train")
    speakers = {clip.speaker for clip in dev}
    if len(speakers) < 2:  # noqa: PLR2004 - one is left out at a time
        msg = f"{len(speakers)} dev speaker(s) in the data"
        raise UsageError(msg, hint="a calibration is fitted and judged on at least two that were not trained on")
    if both := sorted(speakers & {clip.speaker for clip in train}):
        msg = f"{len(both)} speaker(s) are both in train and in dev, first {both[0]}"
        raise UsageError(msg, hint="put all clips of a speaker into one split")
    if job.strangers and len({clip.corpus for clip in strangers}) < 2:  # noqa: PLR2004 - one is left out at a time
        msg = "the strangers are of fewer than two corpora"
        raise UsageError(msg, hint="a correction for strangers is judged on a corpus that it was not fitted on")
    if known := sorted({clip.corpus for clip in strangers} & {clip.corpus for clip in clips}):
        msg = f"{known[0]} is no stranger: it is in the data too"
        raise UsageError(msg, hint="leave it out with --without, or out of --strangers")
    return dev, train[:: -(-len(train) // job.training_clips)] if train and job.training_clips else [], strangers


def _fitted_on(clips: Sequence[Clip], held_out: HeldOut) -> str:
    corpora, speakers = ", ".join(sorted({clip.corpus for clip in clips})), len({clip.speaker for clip in clips})
    if held_out == "corpus":
        return f"{len(clips)} clips of {speakers} speakers of corpora that it did not learn from ({corpora})"
    return f"{len(clips)} clips of {speakers} dev speakers ({corpora})"
