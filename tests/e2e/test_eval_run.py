"""emotion-eval run as its users run it: other processes, which may be killed."""

import random
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offline_eval.synthetic.tree import write_tree
from tests.offline_eval.rated_tones import contents
from tests.patience import PATIENCE_S
from tests.program import Finished, environment

KILLS = 4
SMALL = ("--model", "tiny", "--max-new-tokens", "3", "--threads", "1", "--device", "cpu")


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "offline_eval", *arguments]


def emotion_eval(*arguments: str) -> Finished:
    done = subprocess.run(
        words(*arguments), capture_output=True, text=True, timeout=PATIENCE_S, env=environment(), check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> list[str]:
    """What names the generated corpus."""
    root = tmp_path_factory.mktemp("synthetic") / "tree"
    write_tree(root)
    return ["run", "--dataset", "synthetic", "--root", str(root), *SMALL]


@pytest.fixture(scope="module")
def whole(synthetic, tmp_path_factory) -> tuple[Path, Finished]:
    """The folder of an undisturbed run, and what was printed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return out, emotion_eval(*synthetic, "--out", str(out))


def test_it_prints_what_every_rule_keeps_and_a_table_beside_baselines(whole):
    out, done = whole
    assert done.code == 0, done.err
    assert "by subset: four_only" in done.out
    for row in (
        "uniform",
        "vote prior",
        "piece count",
        "token single paper_linear",
        "token single paper_linear (silence)",
    ):
        assert f"\n| {row} |" in done.out
    assert {"run.json", "items.parquet", "answers"} == {file.name for file in out.iterdir()}
    assert done.err.count("answers") == 1


@pytest.mark.slow
def test_killed_at_any_moment_and_started_again_it_gives_the_same_bytes(synthetic, whole, tmp_path: Path):
    rng = random.Random(0)  # noqa: S311 - not for secrets
    command = (*synthetic, "--out", str(tmp_path / "run"))
    for _ in range(KILLS):
        run_and_die(command, tmp_path / "run", after=rng.randint(1, 18))
    assert emotion_eval(*command).code == 0
    assert contents(tmp_path / "run") == contents(whole[0])


DYING = """
import os, signal, sys
from offline_eval.cli import main

folder, left = sys.argv.pop(1), int(sys.argv.pop(1))

def die(event, arguments):
    global left
    if event in {"open", "os.mkdir", "os.rename", "os.remove"} and str(arguments[0]).startswith(folder):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
main()
"""


def run_and_die(arguments: tuple[str, ...], out: Path, *, after: int) -> None:
    """Starts the run, which kills itself just before it has touched so many files of its folder."""
    words = (sys.executable, "-c", DYING, str(out), str(after), *arguments)
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S, check=False)
    assert done.returncode == -signal.SIGKILL, "it ended before it was killed: give it more to do"


def test_a_reader_of_the_guides_who_has_enough_gets_no_traceback():
    text = f"{shlex.join(words('datasets'))} | head -n 1"
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout.startswith("iemocap: English")
    assert done.stderr == ""
