"""emotion-eval compare: a model beside the baselines, on speakers that none of them learned from."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.command_line import whole_number
from core.errors import UsageError
from offline_eval.commands.arguments import add_data, add_left_out, add_neutral_odds, add_recipe, names
from offline_eval.commands.compare_folders import compare_folders
from offline_eval.commands.progress import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offline_eval.calibration.streams import Stream
    from offline_eval.comparison.predictions import Fold
    from offline_eval.comparison.system import System
    from offline_eval.datasets.dataset import Dataset

_FOLDS = 5
_READINGS = "readings"
_CONDITIONS = ("telephone", "noise", "cut", "joined")


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "score a model beside baselines on the same unheard speakers, or two runs beside each other"
    parser = commands.add_parser(
        "compare",
        help=text,
        description="Score a model beside baselines on the same unheard speakers, with intervals by speaker; or, given "
        "the folders of two runs, one against the other on the utterances of both.",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="folders of two runs; then only --out and --seed may follow"
    )
    add_data(parser, required=False)
    parser.add_argument(
        "--whisper", type=Path, metavar="DIR", help="Whisper in the Hugging Face layout, for systems that need it"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--folds",
        type=whole_number(2),
        default=_FOLDS,
        metavar="K",
        help="cross-validation by speaker over all the data (default %(default)s)",
    )
    how.add_argument("--split", action="store_true", help="learn from the train speakers, score on the dev speakers")
    add_left_out(
        how, "each corpus is scored by its model, to judge before --systems, which learn from the other corpora anew"
    )
    parser.add_argument(
        "--systems",
        type=names,
        metavar="A,B",
        help="what to compare, the one to judge first (default: all baselines)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME|DIR",
        help="a finished model, to judge before --predictions and --systems; with --split, and trained on that split",
    )
    parser.add_argument(
        "--heard",
        type=_streams,
        default="0",
        metavar="N[:EMOTION][:readings],..",
        help="score a finished model that gets to know voices once for each of these: after it has heard N other clips "
        "of the speaker, of which 70 %% are neutral, or 60 %% of an emotion; with :readings any model, over the "
        "mean of its readings of these (default 0)",
    )
    add_neutral_odds(parser, default=1.0, meaning="how finished models read (default 1: corpora hold emotions alike)")
    parser.add_argument(
        "--condition",
        choices=list(_CONDITIONS),
        help="every system hears the clips that it is scored on through a telephone line, in noise, cut or joined",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="answers made elsewhere, as in predictions.csv, to judge before --systems; may repeat",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/compare"),
        metavar="DIR",
        help="where features and finished folds are kept between runs (default %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write compare.md, compare.json and predictions.csv into this folder"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of folds and draws (default 0)")
    parser.add_argument(
        "--temper",
        action="store_true",
        help="correct every system's answers of a fold by a temperature fitted on its answers of the other folds",
    )
    add_recipe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the comparison as Markdown."""
    if arguments.runs:
        return compare_folders(arguments)
    if not arguments.data:
        msg = "there is nothing to compare"
        raise UsageError(msg, hint="give --data, or the folders of two runs")
    try:
        from offline_eval.comparison.compare import compare
        from offline_eval.comparison.predictions import out_of_fold, read_predictions, write_predictions
        from offline_eval.comparison.report import as_json, as_markdown

        datasets = _datasets(arguments)
        folds, about = _folds(arguments, datasets)
        if arguments.condition:
            folds, about = _in_condition(arguments, folds, about)
        clips = [clip for _, held_out in folds for clip in held_out]
        predictions = [made for path in arguments.predictions for made in read_predictions(path, clips)]
        finished, others = _systems(arguments, datasets)
    except ModuleNotFoundError as error:
        msg = f"comparing needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    answer = partial(out_of_fold, clips=clips, folds=folds, cache=arguments.cache / "folds", progress=say)
    predictions = [*map(answer, finished), *predictions, *map(answer, others)]
    if arguments.temper:
        from offline_eval.comparison.crossfit import tempered

        predictions = [tempered(clips, made) for made in predictions]
        about += " Each fold's answers at a temperature fitted on the other folds, for every system."
    comparison = compare(clips, predictions, seed=arguments.seed)
    report = as_markdown(comparison, about=about)
    print(report, end="")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "compare.md").write_text(report, encoding="utf-8")
        (arguments.out / "compare.json").write_text(as_json(comparison, about=about), encoding="utf-8")
        write_predictions(arguments.out / "predictions.csv", clips, predictions)
    return 0


def _datasets(arguments: argparse.Namespace) -> "list[Dataset]":
    from offline_eval.datasets.kinds import load_datasets

    datasets = load_datasets(arguments.data, without=arguments.without, dev_speakers=arguments.dev_speakers)
    for line in (line for dataset in datasets for line in dataset.summary()):
        say(line)
    return datasets


def _folds(arguments: argparse.Namespace, datasets: "Sequence[Dataset]") -> "tuple[list[Fold], str]":
    """What is learned from and what is held out, and that in words."""
    from offline_eval.labels.clips import in_split, require_distinct, require_trainable
    from offline_eval.labels.folds import corpus_folds, speaker_folds

    clips = [clip for dataset in datasets for clip in dataset.clips]
    if arguments.split:
        require_trainable(clips)
        train, dev = in_split(clips, "train"), in_split(clips, "dev")
        return [(train, dev)], f"Learned from {len(train)} train clips, scored on {len(dev)} dev clips."
    require_distinct(clips)
    if arguments.left_out:
        corpora = [corpus for corpus, _ in arguments.left_out]
        about = f"Each corpus of {', '.join(corpora)} by what learned from the other corpora only."
        return [*corpus_folds(clips, corpora)], about
    folds: list[Fold] = [*speaker_folds(clips, arguments.folds, arguments.seed)]
    return folds, f"Cross-validated by speaker: {len(folds)} folds of {len(clips)} clips, seed {arguments.seed}."


def _in_condition(arguments: argparse.Namespace, folds: "Sequence[Fold]", about: str) -> "tuple[list[Fold], str]":
    """The folds with what is held out as it is heard in the condition."""
    from offline_eval.comparison.conditions import CONDITIONS, heard_in

    folder = arguments.cache / "conditions"
    heard: list[Fold] = [(train, heard_in(arguments.condition, held_out, folder)) for train, held_out in folds]
    return heard, f"{about} What is scored is heard {CONDITIONS[arguments.condition].words}."


def _systems(arguments: argparse.Namespace, datasets: "Sequence[Dataset]") -> "tuple[list[System], list[System]]":
    """The finished model, if one is given, and the named systems."""
    from offline_eval.comparison.systems import BASELINES, Workshop, make_systems

    workshop = Workshop(
        cache=arguments.cache,
        seed=arguments.seed,
        progress=say,
        whisper=arguments.whisper,
        others=[clip for dataset in datasets for clip in dataset.others],
        labelled=frozenset(clip.speaker for dataset in datasets for clip in dataset.clips),
        choices=arguments.set,
    )
    finished = _finished(arguments)
    return finished, make_systems(BASELINES if arguments.systems is None else arguments.systems, workshop)


def _finished(arguments: argparse.Namespace) -> "list[System]":
    """Models that have learned already, in every stream that they are to be scored in."""
    if arguments.model and not arguments.split:
        msg = "--model is a model that has learned already, perhaps from speakers of every fold"
        raise UsageError(msg, hint="add --split, or give predictions made fold by fold with --predictions")
    named = [("", arguments.model)] if arguments.model else arguments.left_out
    if not named:
        return []
    from core.speech_llm.folder import model_path
    from offline_eval.comparison.finished_model import FinishedModel, Listening

    odds = arguments.neutral_odds
    models = {
        corpus: Listening(model_path(model), calibrate=bool(arguments.model), neutral_odds=odds)
        for corpus, model in named
    }
    return [FinishedModel(models, stream, arguments.seed) for stream in arguments.heard]


def _streams(text: str) -> "tuple[Stream, ...]":
    """An argparse type: numbers of utterances between commas, each with an emotion behind a colon or without."""
    from core.distribution import EMOTIONS
    from offline_eval.calibration.streams import Stream, mostly

    streams = []
    for name in names(text):
        number, *parts = name.split(":")
        by_readings = parts[-1:] == [_READINGS]
        emotions = parts[:-1] if by_readings else parts
        if not number.isdecimal() or len(emotions) > 1 or not {*emotions} <= {*EMOTIONS}:
            msg = f"{name!r} is neither a number of utterances nor one with an emotion, such as 20:anger"
            raise argparse.ArgumentTypeError(msg)
        shares = mostly(emotions[0], 0.6) if emotions else mostly("neutral", 0.7)
        streams.append(Stream(heard=int(number), shares=shares, by_readings=by_readings))
    return tuple(streams)
