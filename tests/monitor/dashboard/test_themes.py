"""Colours that everyone can tell apart."""

import itertools

import pytest
from textual.color import Color, Lab, rgb_to_lab

from core.distribution import EMOTIONS
from monitor.dashboard import themes

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
BLINDNESS = {
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
THEMES = pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT], ids=lambda theme: theme.name)


def linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def encoded(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    return round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))


def as_seen(colour: str, blindness: str) -> Lab:
    channels = [linear(channel) for channel in Color.parse(colour).rgb]
    rows = BLINDNESS[blindness]
    seen = [encoded(sum(weight * value for weight, value in zip(row, channels, strict=True))) for row in rows]
    return rgb_to_lab(Color(*seen))


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        red, green, blue = (linear(channel) for channel in Color.parse(colour).rgb)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@THEMES
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_four_colours_stay_apart_for_every_kind_of_colour_vision(theme, blindness):
    for one, other in itertools.combinations(EMOTIONS, 2):
        a, b = (as_seen(theme.variables[name], blindness) for name in (one, other))
        distance = ((a.L - b.L) ** 2 + (a.a - b.a) ** 2 + (a.b - b.b) ** 2) ** 0.5
        assert distance > 15, f"{one} and {other} look alike"


@THEMES
@pytest.mark.parametrize("name", [*EMOTIONS, "quiet", "voice"])
def test_text_in_every_colour_is_readable_on_the_background(theme, name):
    assert contrast(theme.variables[name], theme.background) >= 4.5


@THEMES
@pytest.mark.parametrize("name", ["error", "warning", "foreground"])
def test_messages_are_readable_on_the_background(theme, name):
    assert contrast(getattr(theme, name), theme.background) >= 4.5


def test_both_themes_name_the_same_colours():
    assert themes.DARK_COLOURS.keys() == themes.LIGHT_COLOURS.keys()
