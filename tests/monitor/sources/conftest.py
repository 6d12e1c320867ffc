"""Microphones and sounds for the tests of sources."""

from tests.pulse import pulse

__all__ = ["pulse"]
