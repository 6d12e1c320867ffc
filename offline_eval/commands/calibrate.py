"""emotion-eval calibrate: the calibration of a finished model, fitted on speakers that it did not learn from."""

import argparse
from pathlib import Path
from typing import Any, get_args

from core.command_line import whole_number
from core.errors import UsageError
from core.settings import Ensemble
from offline_eval.commands.arguments import add_data, add_left_out, add_neutral_odds, some_of
from offline_eval.commands.progress import say


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "fit the calibration of a finished model on its dev speakers, and say what it is worth"
    parser = commands.add_parser(
        "calibrate",
        help=text,
        description=text[0].upper() + text[1:] + "; or, without any labelled speech, take off what any model says "
        "without hearing anything (--content-free).",
    )
    parser.set_defaults(command=run)
    parser.add_argument("--model", required=True, metavar="NAME|DIR", help="a finished model")
    parser.add_argument(
        "--content-free",
        action="store_true",
        help="needs no data: only what the model says to silence and noise is taken off (temperature 1); readings stay "
        "uncalibrated, and events name the prior; of the other options --out, --ensemble, --seed, --device and "
        "--threads count",
    )
    parser.add_argument(
        "--ensemble",
        type=some_of(get_args(Ensemble)),
        default=("off",),
        metavar="A,B",
        help="also for prompts asked in several ways, as model.ensemble (default off)",
    )
    add_data(parser, required=False)
    add_left_out(
        parser,
        "corrections are fitted on what such models read, for voices and rooms like none of the training; thresholds "
        "still on the dev speakers; two or more",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write (default: calibration.json in the model folder)"
    )
    parser.add_argument(
        "--vad",
        type=Path,
        metavar="DIR",
        help="also try the thresholds on hand-marked sound: segments.csv (clip_id, start_s, end_s, label) and "
        "CLIP_ID.flac",
    )
    parser.add_argument(
        "--training-clips",
        type=whole_number(0),
        default=1000,
        metavar="N",
        help="at most so many train clips say what training speech is like (default %(default)s; 0: no such check)",
    )
    add_neutral_odds(parser, default=1.0, meaning="written into the calibration, nothing is fitted with it (default 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the content-free sounds (default 0)")
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda", help="where the model runs (default cpu)")
    parser.add_argument("--threads", type=whole_number(1), metavar="N", help="CPU threads (default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Calibrates, and prints what that did as Markdown."""
    _check(arguments)
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    return _content_free(arguments) if arguments.content_free else _labelled(arguments)


def _check(arguments: argparse.Namespace) -> None:
    labelled = {"--data": arguments.data, "--left-out": arguments.left_out, "--vad": arguments.vad}
    given = [name for name, value in labelled.items() if value]
    if arguments.content_free and given:
        msg = f"--content-free, and {given[0]}: a calibration is of sounds without content, or of labelled speech"
        raise UsageError(msg, hint="with labelled speech, leave --content-free out: the prior is part of it anyway")
    if not arguments.content_free and not arguments.data:
        msg = "there is nothing to calibrate on"
        raise UsageError(msg, hint="give --data, or --content-free where there is no labelled speech")


def _content_free(arguments: argparse.Namespace) -> int:
    from core.speech_llm.folder import model_path
    from offline_eval.calibration.hearing import listener_of
    from offline_eval.calibration.prior_only import calibrate_prior, place_of, report

    folder = model_path(arguments.model)
    path = place_of(folder, arguments.out)  # first of all: what cannot be written is told at once
    listener = listener_of(folder, device=arguments.device)
    calibration = calibrate_prior(listener, ensembles=arguments.ensemble, seed=arguments.seed, progress=say)
    calibration.to_json(path)
    print(report(calibration))
    print(f"\n{path}: {len(calibration.entries)} corrections by the prior alone")
    return 0


def _labelled(arguments: argparse.Namespace) -> int:
    from core.speech_llm.folder import model_path
    from offline_eval.calibration.calibrate import Job, calibrate
    from offline_eval.calibration.card import add_to_card
    from offline_eval.calibration.report import report

    job = Job(
        model=model_path(arguments.model),
        data=tuple(arguments.data),
        left_out={corpus: model_path(model) for corpus, model in arguments.left_out},
        out=arguments.out,
        dev_speakers=arguments.dev_speakers,
        without=arguments.without,
        vad=arguments.vad,
        seed=arguments.seed,
        training_clips=arguments.training_clips,
        device=arguments.device,
        neutral_odds=arguments.neutral_odds,
        ensembles=arguments.ensemble,
    )
    outcome = calibrate(job, progress=say)
    if arguments.out is None:
        add_to_card(job.model, outcome)
    print(report(outcome))
    print(f"\n{outcome.path}: {len(outcome.calibration.entries)} corrections and the thresholds above")
    return 0
