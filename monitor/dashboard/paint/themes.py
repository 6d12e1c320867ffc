"""Six calm themes, and colours for the four emotions that stay apart for colour-blind eyes.

The hues of the usual themes follow Okabe and Ito's palette (vermilion, yellow, blue, grey). Those of the high-contrast
and colour-blind ones were searched for: as far apart as they can be for every kind of colour vision, at their contrast.
Colours differ in lightness as well, and never stand alone: every bar has its label and number.
"""

from textual.theme import Theme

DARK_COLOURS = {
    "anger": "#e0693f",
    "happiness": "#ecc766",
    "sadness": "#4f9fd8",
    "neutral": "#a7adb8",
    "track": "#232a35",
    "edge": "#323b49",
    "quiet": "#8b95a5",
    "voice": "#6fae9e",
    "mark": "#f2f5f9",
}
LIGHT_COLOURS = {
    "anger": "#8f2413",
    "happiness": "#8f6a00",
    "sadness": "#1a5fa6",
    "neutral": "#687078",
    "track": "#dfe3e8",
    "edge": "#c3cad3",
    "quiet": "#5d6570",
    "voice": "#3b7d6c",
    "mark": "#14181d",
}
COLOUR_BLIND_DARK_COLOURS = {
    **DARK_COLOURS,
    "anger": "#fd6b63",
    "happiness": "#ffc702",
    "sadness": "#2f86cb",
    "neutral": "#e2fffa",
    "quiet": "#9aa4b4",
    "voice": "#8ec7f2",
}
COLOUR_BLIND_LIGHT_COLOURS = {
    **LIGHT_COLOURS,
    "anger": "#5a1402",
    "happiness": "#8e6b13",
    "sadness": "#3166c5",
    "neutral": "#494752",
    "track": "#e3e7ec",
    "voice": "#1d5c96",
}
HIGH_CONTRAST_DARK_COLOURS = {
    "anger": "#fd6261",
    "happiness": "#ffbd00",
    "sadness": "#6eb3fb",
    "neutral": "#f5fff8",
    "track": "#1c1c1c",
    "edge": "#8a8a8a",
    "quiet": "#c8c8c8",
    "voice": "#7fe0c0",
    "mark": "#ffffff",
}
HIGH_CONTRAST_LIGHT_COLOURS = {
    "anger": "#4d0000",
    "happiness": "#755100",
    "sadness": "#2252b0",
    "neutral": "#48464d",
    "track": "#ededed",
    "edge": "#707070",
    "quiet": "#3c3c3c",
    "voice": "#00513f",
    "mark": "#000000",
}


def _dark(name: str, colours: dict[str, str], **own: str) -> Theme:
    return _theme(
        name,
        colours,
        dark=True,
        usual={
            "primary": "#86a9cc",
            "secondary": "#6f87a3",
            "accent": "#9fc1e0",
            "foreground": "#d6dce5",
            "background": "#12161d",
            "surface": "#171c24",
            "panel": "#1d232d",
            "success": "#7fb8a4",
            "warning": "#dfb062",
            "error": "#e58a7b",
        },
        own=own,
    )


def _light(name: str, colours: dict[str, str], **own: str) -> Theme:
    return _theme(
        name,
        colours,
        dark=False,
        usual={
            "primary": "#2f5f8c",
            "secondary": "#57718c",
            "accent": "#24588a",
            "foreground": "#242a32",
            "background": "#f7f8fa",
            "surface": "#eff1f4",
            "panel": "#e6e9ee",
            "success": "#2c7a61",
            "warning": "#8f5b00",
            "error": "#b23a2b",
        },
        own=own,
    )


def _theme(name: str, colours: dict[str, str], *, dark: bool, usual: dict[str, str], own: dict[str, str]) -> Theme:
    base = usual | own
    footer = {"footer-key-foreground": base["accent"], "footer-background": base["background"]}
    return Theme(name=f"emotion-{name}", dark=dark, variables={**colours, **footer}, **base)  # type: ignore[arg-type]


DARK = _dark("dark", DARK_COLOURS)
LIGHT = _light("light", LIGHT_COLOURS)
HIGH_CONTRAST_DARK = _dark(
    "high-contrast-dark",
    HIGH_CONTRAST_DARK_COLOURS,
    primary="#ffffff",
    secondary="#c8c8c8",
    accent="#9fd4ff",
    foreground="#ffffff",
    background="#000000",
    surface="#0a0a0a",
    panel="#2a2a2a",
    success="#7fe0c0",
    warning="#ffd24d",
    error="#ff9d91",
)
HIGH_CONTRAST_LIGHT = _light(
    "high-contrast-light",
    HIGH_CONTRAST_LIGHT_COLOURS,
    primary="#000000",
    secondary="#3c3c3c",
    accent="#003f7d",
    foreground="#000000",
    background="#ffffff",
    surface="#f7f7f7",
    panel="#dcdcdc",
    success="#00513f",
    warning="#664000",
    error="#8c0b00",
)
COLOUR_BLIND_DARK = _dark("colour-blind-dark", COLOUR_BLIND_DARK_COLOURS, warning="#ffc702", error="#ff948d")
COLOUR_BLIND_LIGHT = _light("colour-blind-light", COLOUR_BLIND_LIGHT_COLOURS, warning="#7a5600", error="#8c1c00")

THEMES = (DARK, LIGHT, HIGH_CONTRAST_DARK, HIGH_CONTRAST_LIGHT, COLOUR_BLIND_DARK, COLOUR_BLIND_LIGHT)
NAMES = tuple(theme.name.removeprefix("emotion-") for theme in THEMES)
"""As the settings call them, in the order in which a key goes through them."""
LABELS = dict(
    zip(
        NAMES,
        (
            "dark",
            "light",
            "high contrast, dark",
            "high contrast, light",
            "colour-blind safe, dark",
            "colour-blind safe, light",
        ),
        strict=True,
    )
)


def following(name: str) -> str:
    """The theme after the one called so by Textual; the first after one that is not ours."""
    ours = name.removeprefix("emotion-")
    return NAMES[(NAMES.index(ours) + 1) % len(NAMES)] if ours in NAMES else NAMES[0]
