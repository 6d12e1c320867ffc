"""The script that paints the README's pictures."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_picture_of_a_scene_needs_no_font_from_the_web(tmp_path):
    command = [sys.executable, ROOT / "docs" / "screenshots.py", "mixed", "--size", "80x24", "--out", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    svg = (tmp_path / "mixed.svg").read_text(encoding="utf-8")
    assert "sadness" in svg
    assert "@font-face" not in svg
    assert "url(http" not in svg
    assert (tmp_path / "mixed.png").read_bytes().startswith(b"\x89PNG")
