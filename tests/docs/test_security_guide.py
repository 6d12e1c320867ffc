"""docs/security.md: the files and tests that it names are there, and what no other test shows."""

import re
from pathlib import Path
from typing import get_args

import pytest

from core.errors import UsageError
from core.settings import Settings
from core.wire.commands import Pause, Quit, Record, SetModel, WireCommand
from monitor.consent import Consent
from monitor.live import _open_microphone

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_claim_names_a_test_that_there_is():
    claims = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", GUIDE)
    assert len(claims) > 50
    assert GUIDE.count("[`test_") == len(claims)
    for name, file in claims:
        assert re.search(rf"def {name}\(", (REPOSITORY / file).read_text(encoding="utf-8")), f"{name} in {file}"


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (REPOSITORY / "docs" / target).exists(), target


async def test_the_wire_can_open_no_file_and_no_model():
    assert Pause in get_args(WireCommand)
    assert not {Quit, SetModel, Record} & set(get_args(WireCommand))
    for source in ("file:/etc/passwd", "stdin", "ws://0.0.0.0:1", "auto", "micro"):
        with pytest.raises(UsageError, match="is no microphone"):
            await _open_microphone(source, Consent(Settings(), ask=None, say=print))
