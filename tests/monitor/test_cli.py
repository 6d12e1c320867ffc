"""What the command line says of itself."""

import pytest

from monitor.cli import main


def said(capsys, *words: str) -> str:
    """The one line about arguments that are wrong."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_bench_without_a_name_names_what_can_be_measured(capsys):
    assert "{latency,soak}" in said(capsys, "bench")


def test_a_speed_that_is_none_is_told_with_those_that_can_be(capsys):
    assert "source.speed = 'fast': input should be 'max' or a valid number" in said(capsys, "run", "--speed", "fast")
