"""Keys: each with a name and a sentence."""

import pytest

from monitor.dashboard import keys


def test_every_key_of_the_main_screen_has_an_id_a_name_and_a_tooltip():
    assert all(binding.id and binding.description and binding.tooltip for binding in keys.BINDINGS)
    ids = [binding.id for binding in keys.BINDINGS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("screen", keys.MOVABLE, ids=["main", "replay", "details", "health", "tokens"])
def test_every_key_that_can_be_moved_has_a_name_and_a_tooltip(screen):
    assert all(binding.id and binding.tooltip for binding in screen)
