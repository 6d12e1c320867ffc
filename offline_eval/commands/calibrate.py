"""emotion-eval calibrate: the calibration of a finished model, fitted on speakers that it did not learn from."""

import argparse
from pathlib import Path
from typing import Any

from core.command_line import whole_number
from offline_eval.commands.arguments import add_data, add_left_out, add_neutral_odds
from offline_eval.commands.progress import say


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "fit the calibration of a finished model on its dev speakers, and say what it is worth"
    parser = commands.add_parser("calibrate", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    parser.add_argument("--model", required=True, metavar="NAME|DIR", help="a finished model")
    add_data(parser)
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
    import torch

    from core.speech_llm.folder import model_path
    from offline_eval.calibration.calibrate import Job, calibrate
    from offline_eval.calibration.card import add_to_card
    from offline_eval.calibration.report import report

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
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
    )
    outcome = calibrate(job, progress=say)
    if arguments.out is None:
        add_to_card(job.model, outcome)
    print(report(outcome))
    print(f"\n{outcome.path}: {len(outcome.calibration.entries)} corrections and the thresholds above")
    return 0
