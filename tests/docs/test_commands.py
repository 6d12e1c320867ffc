"""Every command that README and the first hour show is one that the programs take."""

import re
import shlex
from pathlib import Path

import pytest

from monitor.cli import _parser as monitor_parser
from offline_eval.cli import _parser as eval_parser

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/first_hour.md", "docs/read.md")
PROGRAMS = {"emotion-monitor": monitor_parser, "emotion-eval": eval_parser}
SHOWN = re.compile(r"(?:^|`|\| )((?:emotion-monitor|emotion-eval) [a-z][^`|\n]*)", re.MULTILINE)


def commands() -> list[str]:
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES).replace("\\\n", " ")
    return sorted({found.partition(" #")[0].partition(" > ")[0].strip() for found in SHOWN.findall(text)})


def test_some_are_shown():
    assert len(commands()) > 20


@pytest.mark.parametrize("command", commands())
def test_a_command_that_is_shown_is_taken(command):
    program, *arguments = shlex.split(command)
    if {"bench", "datasets"} & {*arguments[:1]} and len(arguments) == 1:
        return  # asks which
    assert PROGRAMS[program]().parse_args(arguments).command
