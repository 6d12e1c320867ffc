"""Calibrates a finished model folder on its dev speakers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from core.errors import UsageError
from core.ltu_as.abstention import Abstention, active_sound
from core.ltu_as.calibration import CALIBRATION_NAME, Calibration
from core.ltu_as.config import CONFIG_NAME, Defaults, LTUASConfig
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.readout import Kind
from core.ltu_as.wordings import members
from core.settings import Ensemble
from core.speech_llm.folder import is_hugging_face
from offline_eval.calibration.hearing import Sound, content_free, disturbed, listener_of, marked, recorded
from offline_eval.calibration.states import read_in_states
from offline_eval.calibration.thresholds import Heard, fit_abstention, fit_outlier
from offline_eval.calibration.worth import Fitted, HeldOut, Refused, fit_readout, refused
from offline_eval.datasets.kinds import load_datasets
from offline_eval.labels.clips import UNLABELLED, Clip, OtherClip, Recording, in_split, require_distinct

READOUTS: tuple[Kind, ...] = (
    "seq_logprob", "first_piece", "softmax_mean", "mean_softmax", "vocab_prob", "paper_linear",
)  # fmt: skip
"""What is calibrated besides the folder's default, pooled by the mean over all steps."""

_CLEAN, _DISTURBED = "dev speech", "dev speech, disturbed"
_NOISE = "content-free, to fit"
_ORDINARY = "ordinary speech"
FIT_SEED, _UNSEEN_SEED = 1, 2
"""Of the sounds without content that a correction is made of, and of those that thresholds are tried on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to calibrate, and on what.

    Attributes:
        model: The model folder.
        data: See `open_dataset`; its dev speakers must not have been trained on.
        left_out: Corpora of the data, and for each a model that was trained alike but without it; the model itself
            where it learned from neither. Corrections are then fitted on what these models read in all clips of the
            corpora, and judged by leaving one corpus out at a time: certainty that is earned on voices and rooms like
            those of the training does not hold for others.
        out: Where to write; None: the model folder's calibration.json.
        dev_speakers: Exactly who is held out, as in training; empty for what the data states.
        without: Corpora of the data that are left out.
        vad: A folder of hand-marked speech and non-speech to try the thresholds on; see `marked`.
        seed: Of the disturbances and the content-free sounds. The thresholds are tried on other such sounds than they
            are fitted on, and both are others than those of the training.
        training_clips: At most so many clips of the train speakers say what training speech is like.
        device: Where the model runs.
        neutral_odds: Written into the calibration, see there; nothing here is fitted or judged with it.
        ensembles: In which ways the prompts are asked, a correction for each.
    """

    model: Path
    data: tuple[str | Path, ...]
    left_out: Mapping[str, Path] = field(default_factory=dict)
    out: Path | None = None
    dev_speakers: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    vad: Path | None = None
    seed: int = 0
    training_clips: int = 1000
    device: str = "cpu"
    neutral_odds: float = 1.0
    ensembles: tuple[Ensemble, ...] = ("off",)


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

    Corrections are fitted on the dev clips as they are, or on those of corpora that were left out; for a model that
    gets to know voices also on these clips when HEARD others were heard before. Thresholds are fitted on the dev
    clips, on a disturbed variant of each, nearer to what a live microphone hears, and on ordinary speech of the dev
    speakers, where there is such. What is written is fitted on all of them; what it is said to be worth to each
    speaker, or corpus, is what the fit to the others is.

    Raises:
        UsageError: The data cannot be used.
        ModelError: The folder cannot be used.
        AudioError: A clip cannot be decoded.
    """
    defaults = Defaults() if is_hugging_face(job.model) else LTUASConfig.from_json(job.model / CONFIG_NAME).defaults
    prompts = tuple(dict.fromkeys((*PROMPTS, defaults.prompt)))
    kinds = tuple(dict.fromkeys((*READOUTS, defaults.readout)))
    ways = ways_of(prompts, job.ensembles)
    asked = questions_of(ways)
    material = _material(job)
    clips, ordinary, training = material.dev, material.ordinary, material.training
    unseen = {f"content-free: {kind}": sounds for kind, sounds in content_free(job.seed, _UNSEEN_SEED).items()}
    if job.vad is not None:
        unseen |= {f"marked as {label}": sounds for label, sounds in marked(job.vad).items()}
    sounds: dict[str, Sequence[Sound]] = {
        **({_CLEAN: recorded(clips)} if job.left_out else {}),
        _DISTURBED: disturbed(clips, job.seed),
        **({_ORDINARY: recorded(ordinary)} if ordinary else {}),
        _NOISE: [sound for made in content_free(job.seed, FIT_SEED).values() for sound in made],
        **unseen,
    }
    listener = listener_of(job.model, device=job.device)
    progress(f"hearing {sum(map(len, sounds.values()))} sounds")
    spoken: dict[str, Sequence[Recording]] = {_CLEAN: clips, _DISTURBED: clips}
    if ordinary:
        spoken[_ORDINARY] = ordinary
    heard = {
        name: [
            *map(
                Heard, (active_sound(one()) for one in some), listener.read(some, asked if name == _NOISE else prompts)
            )
        ]
        for name, some in sounds.items()
    }
    outlier = None
    if training:
        progress(f"hearing {len(training)} training clips, as they are and disturbed")
        outlier = fit_outlier(listener.feature_means([*recorded(training), *disturbed(training, job.seed)]))
    held_out: HeldOut = "corpus" if job.left_out else "speaker"
    labelled = [clip for _, some in material.labelled for clip in some]
    readers = [
        (listener if model == job.model else listener_of(model, device=job.device), some)
        for model, some in material.labelled
    ]
    progress(f"hearing {len(labelled)} clips that corrections are fitted on")
    states = read_in_states(readers, asked, heard[_NOISE], held_out=held_out, seed=job.seed, progress=progress)
    if not job.left_out:
        alone = (
            {prompt: steps[prompt] for prompt in prompts} for steps in states[0].steps
        )  # thresholds know no others
        heard[_CLEAN] = [*map(Heard, (active_sound(one()) for one in recorded(clips)), alone)]

    progress("fitting")

    @cache
    def thresholds(without_speaker: str | None = None) -> Abstention:
        speech = [
            one
            for name, some in spoken.items()
            for clip, one in zip(some, heard[name], strict=True)
            if clip.speaker != without_speaker
        ]
        return fit_abstention(speech, heard[_NOISE], outlier)

    def judged(name: str) -> Iterator[tuple[Heard, Abstention]]:
        speakers = [clip.speaker for clip in spoken[name]] if name in spoken else [None] * len(heard[name])
        return ((one, thresholds(speaker)) for one, speaker in zip(heard[name], speakers, strict=True))

    fitted = [
        fit_readout(prompt, kind, labelled, states, heard[_NOISE], ensemble=ensemble, held_out=held_out)
        for prompt, ensemble in ways
        for kind in kinds
    ]
    calibration = Calibration(
        model_sha256=listener.reader.stamp.sha256,
        fitted_on=_fitted_on(labelled, held_out),
        entries=tuple(row.entry for row in fitted if row.entry),
        abstention=thresholds(),
        neutral_odds=job.neutral_odds,
    )
    path = job.out or job.model / CALIBRATION_NAME
    calibration.to_json(path)
    return Outcome(
        path=path,
        held_out=held_out,
        default_readout=defaults.readout,
        calibration=calibration,
        fitted=fitted,
        refused=[refused(name, prompt, judged(name)) for prompt in prompts for name in (*spoken, *unseen)],
    )


def ways_of(prompts: Sequence[str], ensembles: Sequence[Ensemble]) -> list[tuple[str, Ensemble]]:
    """Each prompt in each ensemble that there is of it; without one in any case."""
    found = [(prompt, ensemble) for prompt in prompts for ensemble in dict.fromkeys(("off", *ensembles))]
    return [(prompt, ensemble) for prompt, ensemble in found if ensemble == "off" or prompt in PROMPTS]


def questions_of(ways: Sequence[tuple[str, Ensemble]]) -> tuple[str, ...]:
    """Everything that must be asked for them, each once."""
    return tuple(dict.fromkeys(name for prompt, ensemble in ways for name in members(prompt, ensemble)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """What a calibration is made of.

    Attributes:
        dev: Clips of dev speakers.
        ordinary: Ordinary speech of dev speakers.
        training: Train clips, which say what training speech is like.
        labelled: Clips that corrections are fitted on, and the model that reads them and did not learn from them.
    """

    dev: Sequence[Clip]
    ordinary: Sequence[OtherClip]
    training: Sequence[Recording]
    labelled: Sequence[tuple[Path, Sequence[Clip]]]


def _material(job: Job) -> _Material:
    datasets = load_datasets(job.data, without=job.without, dev_speakers=job.dev_speakers)
    clips = [clip for dataset in datasets for clip in dataset.clips]
    unlabelled = [clip for dataset in datasets for clip in dataset.others if clip.label == UNLABELLED]
    require_distinct(clips)
    dev, train = in_split(clips, "dev"), [*in_split(clips, "train"), *in_split(unlabelled, "train")]
    speakers = {clip.speaker for clip in dev}
    if len(speakers) < 2:  # noqa: PLR2004 - one is left out at a time
        msg = f"{len(speakers)} dev speaker(s) in the data"
        raise UsageError(msg, hint="a calibration is fitted and judged on at least two that were not trained on")
    if both := sorted(speakers & {clip.speaker for clip in train}):
        msg = f"{len(both)} speaker(s) are both in train and in dev, first {both[0]}"
        raise UsageError(msg, hint="put all clips of a speaker into one split")
    if len(job.left_out) == 1:
        msg = "one corpus was left out"
        raise UsageError(msg, hint="a correction for strangers is judged on a corpus that it was not fitted on")
    if missing := sorted(job.left_out.keys() - {clip.corpus for clip in clips}):
        msg = f"no clips of {missing[0]}"
        raise UsageError(msg, hint=f"corpora of the data: {', '.join(sorted({clip.corpus for clip in clips}))}")
    strangers = [
        (model, [clip for clip in clips if clip.corpus == corpus]) for corpus, model in sorted(job.left_out.items())
    ]
    return _Material(
        dev=dev,
        ordinary=in_split(unlabelled, "dev"),
        training=train[:: -(-len(train) // job.training_clips)] if train and job.training_clips else [],
        labelled=strangers or [(job.model, dev)],
    )


def _fitted_on(clips: Sequence[Clip], held_out: HeldOut) -> str:
    corpora, speakers = ", ".join(sorted({clip.corpus for clip in clips})), len({clip.speaker for clip in clips})
    if held_out == "corpus":
        return f"{len(clips)} clips of {speakers} speakers of corpora that it did not learn from ({corpora})"
    return f"{len(clips)} clips of {speakers} dev speakers ({corpora})"
