"""The Python of README and docs, run as a user would: in a folder of theirs, each block a program of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from tests.program import SAMPLE, run

REPOSITORY = Path(__file__).parents[2]
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPETS = {
    f"{page.stem}-{number}.py": block
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
}
LENGTH_S = 12
"""Long enough for more than one utterance."""

ONE_AFTER_THE_OTHER = """
import runpy, sys
for name in sys.argv[1:]:
    print("snippet", name, flush=True)
    runpy.run_path(name, run_name="__main__")
"""
"""Each is a program of its own, but torch is imported once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the pages talk of: talk.wav, and the tables that the program makes of it."""
    folder = tmp_path_factory.mktemp("mine")
    soundfile.write(folder / "talk.wav", read_audio(SAMPLE)[: LENGTH_S * SAMPLE_RATE_HZ], SAMPLE_RATE_HZ)
    play = ("run", "--source", f"file:{folder / 'talk.wav'}", "--speed", "max", "--headless", "--mqtt", "off")
    assert run(*play, "--sink", f"jsonl:{folder / 'talk.jsonl'}", "--model", "fake").code == 0
    assert run("export", str(folder / "talk.jsonl"), "--format", "csv", "--out", str(folder)).code == 0
    assert run("read", str(folder / "talk.wav"), "--out", str(folder / "table.csv"), "--model", "fake").code == 0
    return folder


def test_there_is_python_in_the_readme_and_in_the_pages_on_it():
    assert {name.split("-")[0] for name in SNIPPETS} >= {"README", "python", "read", "dashboard"}


@pytest.mark.slow
def test_every_snippet_runs_from_a_folder_of_the_users(folder):
    for name, snippet in SNIPPETS.items():
        (folder / name).write_text(snippet, encoding="utf-8")
    (folder / "all.py").write_text(ONE_AFTER_THE_OTHER, encoding="utf-8")
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "all.py", *SNIPPETS], cwd=folder, env=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = dict(part.split("\n", 1) for part in done.stdout.split("snippet ")[1:])
    assert list(said) == list(SNIPPETS)
    for name, snippet in SNIPPETS.items():
        assert bool(said[name].strip()) == ("print(" in snippet), name
