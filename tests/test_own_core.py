"""A user's own folder or file called `core`: what happened is said, and what does not matter does no harm."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = {"monitor": "emotion-monitor", "offline_eval": "emotion-eval"}
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(params=["core/__init__.py", "core.py"])
def own(request, tmp_path):
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    path.write_text("ANSWER = 42\n", encoding="utf-8")
    return path


def python(*arguments, folder, path=()):
    """Python as a user starts it in a folder, with some folders before those where packages are installed."""
    found = [*path, str(REPOSITORY)]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": ":".join(map(str, found))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("package", PROGRAMS)
def test_the_programs_say_in_one_line_which_file_hides_ours(package, own, tmp_path):
    done = python("-m", package, "--version", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{PROGRAMS[package]}: {own} is found in place of emotion-monitor's package")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("package", PROGRAMS)
def test_so_do_the_installed_commands(package, own, tmp_path):
    command = shutil.which(PROGRAMS[package], path=Path(sys.executable).parent)
    if command is None:
        pytest.skip(f"{PROGRAMS[package]} is not installed")
    done = python(command, "--version", folder=tmp_path, path=[tmp_path])
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(own) in done.stderr


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_users_program_gets_an_import_error_that_says_so(package, own, tmp_path):
    (tmp_path / "mine.py").write_text(f"import {package}.cli\n", encoding="utf-8")
    done = python("mine.py", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: {own} is found in place of")


@pytest.mark.parametrize("package", PROGRAMS)
def test_left_out_of_the_path_or_without_modules_in_it_such_a_folder_does_no_harm(package, own, tmp_path):
    assert python("-P", "-m", package, "--version", folder=tmp_path).returncode == 0
    own.unlink()
    (tmp_path / "core").mkdir(exist_ok=True)
    (tmp_path / "core" / "notes.txt").touch()
    assert python("-m", package, "--version", folder=tmp_path).returncode == 0
