"""Arguments that several commands take."""

import argparse
import difflib
from collections.abc import Callable, Sequence

from core.command_line import above_0


def add_data(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Adds `--data` (data, a list; None where it need not be given), and `--dev-speakers` and `--without`, tuples."""
    parser.add_argument(
        "--data",
        action="append",
        required=required,
        metavar="[KIND:]PATH",
        help="labelled speech: the unpacked folder of a corpus (KIND ravdess, nemo, emodb, tess or crema-d), a folder "
        "with manifest.csv, or a table whose name begins so (manifest), or a table (csv) with the columns path, "
        "speaker, and label or votes (anger, happiness, sadness, neutral), and if known split (train or dev), corpus "
        "and licence; KIND may be left out where the files show it; may repeat",
    )
    parser.add_argument(
        "--dev-speakers",
        type=names,
        default=(),
        metavar="A,B",
        help="exactly the speakers to stop and score on, such as ravdess_07, or 07 if no other corpus has one "
        "(default: what the data states, or one speaker in six of each corpus)",
    )
    parser.add_argument(
        "--without", type=names, default=(), metavar="A,B", help="corpora of the data that are left out, such as emodb"
    )


def add_left_out(parser: argparse._ActionsContainer, purpose: str) -> None:
    """Adds `--left-out` (left_out, a list of corpus and model)."""
    parser.add_argument(
        "--left-out",
        action="append",
        type=_corpus_and_model,
        default=[],
        metavar="CORPUS=MODEL",
        help=f"a corpus of the data, and a model trained alike but without it (train --without): {purpose}",
    )


def add_neutral_odds(parser: argparse.ArgumentParser, *, default: float | None, meaning: str) -> None:
    """Adds `--neutral-odds` (neutral_odds, a number above 0)."""
    parser.add_argument(
        "--neutral-odds",
        type=above_0,
        default=default,
        metavar="N",
        help=f"how much likelier neutral speech is than each other emotion, as model.neutral_odds: {meaning}",
    )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds `--set` (set, a list of KEY=VALUE)."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another choice than the default, such as epochs=4 or smoothing=0; every choice is named in "
        "offline_eval/training/recipe.py, those of the shipped model in its card; may repeat",
    )


def names(text: str) -> tuple[str, ...]:
    """An argparse type: names between commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def some_of(choices: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """An argparse type: one or more of some names between commas, each once."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(names(text)))
        for name in chosen:
            if name not in choices:
                close = difflib.get_close_matches(name, choices, n=1)
                msg = f"{name!r} is none of {', '.join(choices)}{f': did you mean {close[0]}?' if close else ''}"
                raise argparse.ArgumentTypeError(msg)
        if not chosen:
            msg = f"at least one of {', '.join(choices)} is needed"
            raise argparse.ArgumentTypeError(msg)
        return chosen

    return parse


def _corpus_and_model(text: str) -> tuple[str, str]:
    corpus, equals, model = text.partition("=")
    if not (corpus and equals and model):
        msg = f"{text!r} is not CORPUS=MODEL"
        raise argparse.ArgumentTypeError(msg)
    return corpus, model
