"""Two calm themes, and colours for the four emotions that stay apart for colour-blind eyes.

The hues follow Okabe and Ito's palette (vermilion, yellow, blue, grey). They differ in lightness as well, and never
stand alone: every bar has its label and number.
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

DARK = Theme(
    name="emotion-dark",
    dark=True,
    primary="#86a9cc",
    secondary="#6f87a3",
    accent="#9fc1e0",
    foreground="#d6dce5",
    background="#12161d",
    surface="#171c24",
    panel="#1d232d",
    success="#7fb8a4",
    warning="#dfb062",
    error="#e58a7b",
    variables={**DARK_COLOURS, "footer-key-foreground": "#9fc1e0", "footer-background": "#12161d"},
)
LIGHT = Theme(
    name="emotion-light",
    dark=False,
    primary="#2f5f8c",
    secondary="#57718c",
    accent="#24588a",
    foreground="#242a32",
    background="#f7f8fa",
    surface="#eff1f4",
    panel="#e6e9ee",
    success="#2c7a61",
    warning="#8f5b00",
    error="#b23a2b",
    variables={**LIGHT_COLOURS, "footer-key-foreground": "#24588a", "footer-background": "#f7f8fa"},
)
