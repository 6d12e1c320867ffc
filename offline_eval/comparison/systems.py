"""The systems that a comparison may name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError
from offline_eval.comparison.system import System

if TYPE_CHECKING:
    from offline_eval.comparison.baselines.clip_vectors import ClipVectors
    from offline_eval.labels.clips import OtherClip
    from offline_eval.training.learn import School


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What systems are made with.

    Attributes:
        cache: Folder of what is computed once.
        seed: Of everything random.
        progress: Told about long work.
        whisper: Whisper in the Hugging Face layout, for the systems that hear through it.
        others: Clips of other emotions and unlabelled ones, for systems that learn from them too.
        labelled: The speakers of the four emotions: whose of the others' clips may be heard depends on the fold.
        choices: Other choices than those of the shipped model's recipe, `key=value`.
    """

    cache: Path
    seed: int
    progress: Callable[[str], None]
    whisper: Path | None = None
    others: Sequence["OtherClip"] = ()
    labelled: frozenset[str] = frozenset()
    choices: Sequence[str] = ()

    def encoder_folder(self) -> Path:
        """The Whisper folder.

        Raises:
            UsageError: There is none.
        """
        if self.whisper is None:
            msg = "a system hears through Whisper, and no Whisper is given"
            raise UsageError(msg, hint="add --whisper DIR")
        return self.whisper


def make_systems(names: Sequence[str], workshop: Workshop) -> list[System]:
    """The named systems, in order.

    Raises:
        UsageError: A name is unknown, or what a system needs is not there.
        ModelError: The Whisper folder cannot be used.
    """
    for name in names:
        if name not in SYSTEMS:
            msg = f"there is no system {name!r}"
            raise UsageError(msg, hint=f"systems: {', '.join(SYSTEMS)}")
    return [SYSTEMS[name](workshop) for name in names]


def _uniform(workshop: Workshop) -> System:  # noqa: ARG001
    from offline_eval.comparison.baselines.floor import Uniform

    return Uniform()


def _class_prior(workshop: Workshop) -> System:  # noqa: ARG001
    from offline_eval.comparison.baselines.floor import ClassPrior

    return ClassPrior()


def _egemaps_svm(workshop: Workshop) -> System:
    from offline_eval.comparison.baselines.linear import LinearSystem

    return LinearSystem("egemaps-svm", _egemaps(workshop), "svm", seed=workshop.seed)


def _egemaps_lr(workshop: Workshop) -> System:
    from offline_eval.comparison.baselines.linear import LinearSystem

    return LinearSystem("egemaps-lr", _egemaps(workshop), "lr", seed=workshop.seed)


def _egemaps(workshop: Workshop) -> "ClipVectors":
    from offline_eval.comparison.baselines.clip_vectors import ClipVectors
    from offline_eval.comparison.baselines.egemaps import Egemaps

    return ClipVectors(workshop.cache / "egemaps", Egemaps(), workshop.progress)


def _whisper_lr(workshop: Workshop) -> System:
    from offline_eval.comparison.baselines.clip_vectors import ClipVectors
    from offline_eval.comparison.baselines.linear import LinearSystem
    from offline_eval.comparison.baselines.whisper_mean import WhisperMean

    heard = WhisperMean(workshop.encoder_folder())
    vectors = ClipVectors(workshop.cache / f"whisper-mean-{heard.encoder}", heard, workshop.progress)
    return LinearSystem(f"whisper-lr-{heard.encoder}", vectors, "lr", seed=workshop.seed)


def _mini_features_lr(workshop: Workshop) -> System:
    from offline_eval.comparison.baselines.same_features import SameFeatures

    return SameFeatures(name="mini-features-lr", school=_school(workshop))


def _mini(workshop: Workshop) -> System:
    from offline_eval.comparison.recipe import TrainedAnew

    return TrainedAnew(name="ltu-as-mini", school=_school(workshop), others=workshop.others, labelled=workshop.labelled)


def _school(workshop: Workshop) -> "School":
    from offline_eval.training.encoder import load_encoder
    from offline_eval.training.learn import School
    from offline_eval.training.recipe import Recipe, chosen

    recipe = chosen(Recipe(seed=workshop.seed), workshop.choices)
    encoder = load_encoder(workshop.encoder_folder(), recipe.audio, layers=recipe.encoder_layers)
    return School(encoder=encoder, recipe=recipe, cache=workshop.cache / "features", progress=workshop.progress)


_BASELINES: Mapping[str, Callable[[Workshop], System]] = {
    "egemaps-svm": _egemaps_svm,
    "egemaps-lr": _egemaps_lr,
    "whisper-lr": _whisper_lr,
    "mini-features-lr": _mini_features_lr,
    "class-prior": _class_prior,
    "uniform": _uniform,
}
"""Name to what makes the system; libraries are imported only for those that are made."""

SYSTEMS: Mapping[str, Callable[[Workshop], System]] = {"ltu-as-mini": _mini, **_BASELINES}
"""Name to what makes the system."""

BASELINES = tuple(_BASELINES)
"""What a model is compared with unless told otherwise."""
