"""emotion-eval run as its users run it: other processes, which may be killed."""

import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offline_eval.synthetic.tree import write_tree
from tests.offline_eval.rated_tones import contents
from tests.program import PATIENCE_S, Finished, environment

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
    out, command = tmp_path / "run", words(*synthetic, "--out", str(tmp_path / "run"))
    for _ in range(KILLS):
        killed_while_answering(command, out, rng.uniform(0, 0.3))
    assert subprocess.run(command, capture_output=True, env=environment(), check=False).returncode == 0
    assert contents(out) == contents(whole[0])


def killed_while_answering(command: list[str], out: Path, after_s: float) -> None:
    """Starts the run, and kills it some time after it has written an answer more."""
    before = number_of_blocks(out)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()) as process:
        while number_of_blocks(out) == before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(after_s)
        assert process.poll() is None, "it ended before it was killed: give it more to do"
        process.kill()


def number_of_blocks(out: Path) -> int:
    return len(list(out.glob("answers/*/*.parquet")))


def test_a_reader_of_the_guides_who_has_enough_gets_no_traceback():
    text = f"{shlex.join(words('datasets'))} | head -n 1"
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout.startswith("iemocap: English")
    assert done.stderr == ""
