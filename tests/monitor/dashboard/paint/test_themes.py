"""Colours that everyone can tell apart."""

import itertools
import math
from typing import get_args

import pytest
from rich.color import Color as RichColor
from textual.color import Color, Lab, rgb_to_lab

from core.distribution import EMOTIONS
from core.settings import Theme
from monitor.dashboard.paint import few_colours, themes
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import running

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
BLINDNESS = {
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
THEMES = pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
APART = {"emotion-dark": 20, "emotion-light": 17}
"""CIE76 distance that two emotions' colours keep for every kind of colour vision; 2.3 is just noticeable."""
FAR_APART = 25
"""The same in the themes made for it."""
FROM_GROUND = 30
FAINT = 55
"""Percent of a colour over the ground that bars of long ago have; only tokens have less, and those may be grey."""
TEXT, TEXT_HIGH, GRAPHICS = 4.5, 7.0, 3.0
"""WCAG 2.2: contrast of text, of text in the high-contrast themes, and of graphics."""


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


def distance(one: str, other: str, blindness: str) -> float:
    a, b = as_seen(one, blindness), as_seen(other, blindness)
    return ((a.L - b.L) ** 2 + (a.a - b.a) ** 2 + (a.b - b.b) ** 2) ** 0.5


@THEMES
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_four_colours_stay_apart_for_every_kind_of_colour_vision(theme, blindness):
    for one, other in itertools.combinations(EMOTIONS, 2):
        apart = distance(theme.variables[one], theme.variables[other], blindness)
        assert apart > APART.get(theme.name, FAR_APART), f"{one} and {other} look alike"


@THEMES
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_four_colours_stay_apart_from_the_background(theme, blindness):
    for name in EMOTIONS:
        for ground in (theme.background, theme.variables["track"]):
            assert distance(theme.variables[name], ground, blindness) > FROM_GROUND


@THEMES
@pytest.mark.parametrize("name", [*EMOTIONS, "quiet", "voice", "mark"])
def test_text_in_every_colour_is_readable_on_the_background(theme, name):
    least = TEXT_HIGH if "high-contrast" in theme.name else TEXT
    assert contrast(theme.variables[name], theme.background) >= least


@THEMES
@pytest.mark.parametrize("name", ["error", "warning", "foreground", "accent", "primary", "success"])
def test_messages_are_readable_on_the_background(theme, name):
    least = TEXT_HIGH if "high-contrast" in theme.name else TEXT
    assert contrast(getattr(theme, name), theme.background) >= least


@THEMES
@pytest.mark.parametrize("name", ["foreground", "accent"])
def test_the_chosen_row_and_what_has_focus_are_readable(theme, name):
    assert contrast(getattr(theme, name), theme.panel) >= TEXT
    assert contrast(theme.background, theme.accent) >= TEXT


@THEMES
@pytest.mark.parametrize("name", [*EMOTIONS, "voice"])
def test_bars_stand_out_from_their_track(theme, name):
    assert contrast(theme.variables[name], theme.variables["track"]) >= GRAPHICS


@pytest.mark.parametrize("theme", [themes.HIGH_CONTRAST_DARK, themes.HIGH_CONTRAST_LIGHT], ids=lambda theme: theme.name)
def test_frames_are_seen_where_contrast_is_high(theme):
    assert contrast(theme.variables["edge"], theme.background) >= GRAPHICS


def test_all_themes_name_the_same_colours():
    assert len({frozenset(theme.variables) for theme in themes.THEMES}) == 1


def test_the_settings_know_every_theme():
    assert get_args(Theme) == ("auto", *themes.NAMES)


def test_the_themes_follow_each_other_in_a_ring():
    names = [themes.NAMES[0]]
    for _ in themes.NAMES[1:]:
        names.append(themes.following(f"emotion-{names[-1]}"))
    assert tuple(names) == themes.NAMES
    assert themes.following(names[-1]) == names[0]
    assert themes.following("nord") == names[0]


def in_few(colour: Color, system: str) -> Color:
    return Color(*few_colours.of_number(few_colours.nearest(*colour.rgb, system)))


def hue_and_chroma(colour: Color) -> tuple[float, float]:
    lab = rgb_to_lab(colour)
    return math.degrees(math.atan2(lab.b, lab.a)), math.hypot(lab.a, lab.b)


@THEMES
@pytest.mark.parametrize("name", ["anger", "happiness", "sadness"])
@pytest.mark.parametrize(("system", "turned"), [("256", 30), ("standard", 55)])
def test_with_few_colours_no_emotion_takes_another_hue_however_pale_it_is(theme, name, system, turned):
    ground = Color.parse(theme.background)
    for percent in range(5, 101, 5):
        wanted = ground.blend(Color.parse(theme.variables[name]), percent / 100)
        (hue, _), (shown, chroma) = hue_and_chroma(wanted), hue_and_chroma(in_few(wanted, system))
        assert chroma < 5 or abs((hue - shown + 180) % 360 - 180) < turned, f"{percent}%: {wanted.hex}"
        assert chroma >= 5 or percent < FAINT, f"{percent}%: grey is neutral's"


@THEMES
@pytest.mark.parametrize("system", few_colours.FEW)
def test_with_few_colours_the_four_stay_apart_from_each_other_and_from_their_track(theme, system):
    colours = [theme.variables[name] for name in (*EMOTIONS, "track")]
    shown = {few_colours.nearest(*Color.parse(colour).rgb, system) for colour in colours}
    assert len(shown) == len(colours)


@pytest.mark.parametrize(("term", "numbers"), [("xterm-256color", range(16, 256)), ("xterm", range(16))])
async def test_a_terminal_of_few_colours_gets_only_those(monkeypatch, term, numbers):
    for name, value in {"COLORTERM": "", "TERM": term}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with running(scenes.events("explained")) as driven:
        strips = driven.app.screen._compositor.render_strips()
        styles = {segment.style for strip in strips for segment in strip if segment.style}
    colours = {colour for style in styles for colour in (style.color, style.bgcolor) if colour}
    assert len(colours) > 4
    assert {colour.number for colour in colours} <= set(numbers)


async def test_a_terminal_of_all_colours_gets_them_as_they_are(monkeypatch):
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with running(scenes.events("explained")) as driven:
        strips = driven.app.screen._compositor.render_strips()
        colours = {
            segment.style.color for strip in strips for segment in strip if segment.style and segment.style.color
        }
    assert RichColor.from_rgb(*Color.parse(themes.DARK_COLOURS["anger"]).rgb) in colours
