"""emotion-eval synthetic: a tree in the shape of IEMOCAP, with nothing of it inside."""

import argparse
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "write a tree in the shape of IEMOCAP: invented votes and words, tones in place of speech"
    parser = commands.add_parser("synthetic", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is empty or absent")
    parser.add_argument(
        "--scale",
        choices=("small", "full"),
        default="small",
        help="full: 10,039 utterances, some 170 MB; small: 10 dialogues (default %(default)s)",
    )
    parser.add_argument("--no-sound", action="store_true", help="the annotation alone")


def run(arguments: argparse.Namespace) -> int:
    """Writes the tree, and says how to read it."""
    from offline_eval.synthetic.tree import write_tree

    number = write_tree(arguments.out, arguments.scale, sound=not arguments.no_sound)
    print(f"{arguments.out}: {number:,} utterances; try `emotion-eval run --dataset synthetic --root {arguments.out}`")
    return 0
