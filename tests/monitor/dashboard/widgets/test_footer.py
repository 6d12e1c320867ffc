"""The footer: the first keys, whole words only."""

import pytest

from monitor.dashboard import keys
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import running


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
async def test_the_footer_ends_with_a_whole_word(width):
    async with running(scenes.events("clear"), (width, 24)) as driven:
        last = driven.text.splitlines()[-1].rstrip()
        names = {binding.description for binding in keys.BINDINGS}
        assert any(last.endswith(name) for name in names)
        assert last.startswith(" q quit")
