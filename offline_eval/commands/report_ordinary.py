"""emotion-eval report --model: what a model hears in recordings that nobody labelled."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError
from offline_eval.commands.progress import say

if TYPE_CHECKING:
    from offline_eval.ordinary.listen import Hears


def report_ordinary(arguments: argparse.Namespace) -> int:
    """Prints the report as Markdown.

    Raises:
        UsageError: There is nothing to hear, or it cannot be read.
        ModelError: The model cannot be used.
        AudioError: A file cannot be decoded.
    """
    from core.ltu_as.reader import LTUASReader
    from core.settings import ModelSettings, Settings
    from core.speech_llm.folder import is_hugging_face, model_path
    from core.speech_llm.reader import SpeechLLMReader
    from offline_eval.ordinary.listen import listen
    from offline_eval.ordinary.report import as_json, as_markdown
    from offline_eval.ordinary.shares import by_length, heard_beside

    recordings = {str(path): _recordings(path) for path in arguments.folders}
    folder = model_path(arguments.model)
    beside = _regression(arguments, folder) if arguments.data else None
    reader = (SpeechLLMReader if is_hugging_face(folder) else LTUASReader)(folder, neutral_odds=arguments.neutral_odds)
    settings = Settings(model=ModelSettings(adapt=arguments.adapt))
    findings = {}
    for name, files in recordings.items():
        say(f"{name}: {len(files)} recordings")
        said = [one for file in files for one in listen(file, reader, settings, beside=beside)]
        findings[name] = by_length(said)
        if beside:
            findings[f"{name}, logistic regression"] = by_length(heard_beside(said))
    stamp = reader.stamp
    about = (
        f"{stamp.name} ({stamp.sha256[:12]}), {stamp.prompt} prompt, {stamp.readout}, "
        f"calibration {stamp.calibration or 'none'}; each recording is a stream of its own, cut by the default "
        f"settings, to which the model {'adapts' if arguments.adapt else 'does not adapt'}."
    )
    if beside:
        about += " Beside it logistic regression on the same features, as it reads; it gets to know nobody."
    report = as_markdown(findings, about=about)
    print(report, end="")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "ordinary.md").write_text(report, encoding="utf-8")
        (arguments.out / "ordinary.json").write_text(as_json(findings, about=about), encoding="utf-8")
    return 0


def _regression(arguments: argparse.Namespace, folder: Path) -> "Hears":
    """Learned on the features of a model, from the train speakers of the data."""
    from core.distribution import EmotionDistribution
    from offline_eval.datasets.kinds import load_datasets
    from offline_eval.labels.clips import in_split
    from offline_eval.training.encoder import encoder_of
    from offline_eval.training.feature_cache import FeatureCache
    from offline_eval.training.linear import learn_linearly
    from offline_eval.training.recipe import Recipe

    datasets = load_datasets(arguments.data, without=arguments.without, dev_speakers=arguments.dev_speakers)
    recipe = Recipe()  # of which features of clips as they are do not depend
    cache = FeatureCache(
        folder=arguments.cache,
        encoder=encoder_of(folder),
        augmentation=recipe.augmentation,
        seed=recipe.variants_seed,
        progress=say,
    )
    linear = learn_linearly(in_split((clip for one in datasets for clip in one.clips), "train"), cache)
    return lambda waveform: EmotionDistribution.from_weights(linear.hear(waveform).tolist())


def _recordings(path: Path) -> list[Path]:
    """The sound files below a folder, one sound file, or the unlabelled recordings of the dev speakers of a table."""
    from offline_eval.datasets.files import TABLE_SUFFIXES, sound_files
    from offline_eval.datasets.kinds import load_datasets
    from offline_eval.labels.clips import UNLABELLED, in_split, require_distinct

    if path.suffix.lower() in TABLE_SUFFIXES:
        others = [clip for dataset in load_datasets([path]) for clip in dataset.others if clip.label == UNLABELLED]
        require_distinct(others)
        files = [clip.path for clip in in_split(others, "dev")]
    else:
        files = sound_files(path) if path.is_dir() else [path]
    if not files:
        msg = f"{path}: no recordings"
        raise UsageError(msg, hint="give sound files, folders of them, or a table with unlabelled dev speakers")
    return files
