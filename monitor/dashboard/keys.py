"""Every key of the dashboard, screen by screen: the action, its name in a keymap, and what it does. Data only."""

from textual.binding import Binding

SKIP_S = 10
"""How far one key goes in a replay."""

REPLAY: tuple[Binding, ...] = (
    Binding(
        "space,p",
        "playback_pause",
        "pause",
        key_display="space",
        id="replay-pause",
        tooltip="Hold the replay, or go on",
    ),
    Binding(
        "comma",
        f"playback_skip(-{SKIP_S})",
        "10 s",
        key_display=",.",
        id="replay-back",
        tooltip="Ten seconds back in the replay",
    ),
    Binding(
        "full_stop", f"playback_skip({SKIP_S})", "10 s on", id="replay-on", show=False, tooltip="Ten seconds on in it"
    ),
    Binding(
        "left_square_bracket",
        "playback_speed(-1)",
        "speed",
        key_display="[]",
        id="replay-slower",
        tooltip="Half as fast",
    ),
    Binding(
        "right_square_bracket",
        "playback_speed(1)",
        "faster",
        id="replay-faster",
        show=False,
        tooltip="Twice as fast",
    ),
    Binding(
        "g", "playback_jump", "play it", id="replay-jump", show=False, tooltip="Play from the chosen utterance's start"
    ),
    Binding("home", "playback_go('start')", "start", id="replay-start", show=False, tooltip="The replay's beginning"),
    Binding("end", "playback_go('end')", "end", id="replay-end", show=False, tooltip="The replay's end"),
)
"""Only in a replay; there they go before other uses of the same keys."""
PROGRAM: tuple[Binding, ...] = (
    Binding("q", "app.quit", "quit", id="quit", tooltip="End listening and the program"),
    Binding("ctrl+c,ctrl+q", "app.quit", "quit at once", id="quit-now", show=False, priority=True, tooltip="The same"),
    Binding("space,p", "app.pause", "pause", key_display="p", id="pause", tooltip="Stop listening, or go on"),
    Binding("question_mark,f1", "app.help", "help", key_display="?", id="help", tooltip="What the bars mean; all keys"),
    Binding("h", "app.health", "health", id="health", tooltip="Whether all is well: losses, delays, model, broker"),
    Binding(
        "ctrl+p", "app.command_palette", "find", key_display="^p", id="palette", tooltip="Find a command by its name"
    ),
)
PAST: tuple[Binding, ...] = (
    Binding("up,k", "choose('up')", "choose", key_display="↑↓", id="choose-newer", tooltip="Choose an utterance"),
    Binding("down,j", "choose('down')", "older", id="choose-older", show=False, tooltip="The utterance before"),
    Binding(
        "pageup",
        "choose('page_up')",
        "page up",
        id="choose-page-newer",
        show=False,
        tooltip="A page towards the newest",
    ),
    Binding(
        "pagedown",
        "choose('page_down')",
        "page down",
        id="choose-page-older",
        show=False,
        tooltip="A page towards the oldest",
    ),
    Binding(
        "home",
        "choose('home')",
        "newest, live",
        id="choose-newest",
        show=False,
        tooltip="The newest utterance, followed from then on; the timeline is live",
    ),
    Binding(
        "end", "choose('end')", "oldest", id="choose-oldest", show=False, tooltip="The oldest utterance still known"
    ),
    Binding("enter", "details", "details", key_display="⏎", id="details", tooltip="All about the chosen utterance"),
    Binding("left", "look(-1)", "back", key_display="←→", id="look-back", tooltip="Scroll the timeline; Home: live"),
    Binding(
        "right", "look(1)", "forward", id="look-forward", show=False, tooltip="Scroll the timeline towards the present"
    ),
    Binding("plus,equals_sign", "zoom(1)", "zoom", key_display="+-", id="zoom-in", tooltip="Zoom the timeline"),
    Binding("minus", "zoom(-1)", "zoom out", id="zoom-out", show=False, tooltip="Show a longer time in the timeline"),
    Binding("w", "smoothed", "smoothed", id="smoothed", show=False, tooltip="Each utterance, or their average"),
    Binding("c", "clock", "clock", id="clock", show=False, tooltip="Time of day, or seconds of the stream"),
    Binding("s", "next_stream", "next stream", id="next-stream", show=False, tooltip="The timeline's stream"),
)
CONTROL: tuple[Binding, ...] = (
    Binding("n", "app.note", "note", id="note", tooltip="Mark this moment, with a note if you like"),
    Binding("r", "app.record", "record", id="record", tooltip="Record events for a replay, never sound; or stop"),
    Binding("e", "app.export", "export", id="export", tooltip="Write the session to files: tables, events, a page"),
    Binding("m", "app.microphone", "microphone", id="microphone", tooltip="Listen to another microphone"),
    Binding("d", "app.model", "model", id="model", tooltip="Let another model listen"),
    Binding("o", "app.reading", "reading", id="reading", tooltip="How the model is asked and its logits are read"),
    Binding("v", "app.sensitivity", "sensitivity", id="sensitivity", tooltip="What counts as speech, seen live"),
    Binding("a", "app.smoothing", "average", id="smoothing", tooltip="How slowly the smoothed readings follow"),
)
LOOKS: tuple[Binding, ...] = (
    Binding("t", "app.theme", "theme", id="theme", tooltip="The next theme: dark, light, high contrast, colour-blind"),
    Binding("i", "app.picture", "picture", id="picture", tooltip="Save the screen as a picture, an SVG file"),
    Binding(
        "escape", "app.dismiss_message", "dismiss message", id="dismiss", show=False, tooltip="Clear the message line"
    ),
)
TOPICS: tuple[tuple[str, tuple[Binding, ...]], ...] = (
    ("a replay", REPLAY),
    ("the program", PROGRAM),
    ("what was heard", PAST),
    ("listening", CONTROL),
    ("looks", LOOKS),
)
BINDINGS: tuple[Binding, ...] = tuple(binding for _, bindings in TOPICS for binding in bindings)
"""The keys of the main screen, the most important ones first: the footer shows as many as fit."""

EVERYWHERE: tuple[Binding, ...] = tuple(binding for binding in PROGRAM if binding.id in {"quit-now", "palette"})
"""Those of them that are the application's own."""
MAIN: tuple[Binding, ...] = tuple(binding for binding in BINDINGS if binding not in EVERYWHERE)

FIXED = frozenset({"quit-now"})
"""Nobody can lock themselves in."""

DETAILS: tuple[Binding, ...] = (
    Binding("escape,enter", "dismiss", "close", id="close-details", tooltip="Back to the dashboard"),
    Binding("left", "turn('down')", "older", id="details-older", tooltip="The utterance before"),
    Binding("right", "turn('up')", "newer", id="details-newer", tooltip="The utterance after"),
    Binding("up,k", "scroll(-1)", "up", id="details-up", show=False, tooltip="Scroll up"),
    Binding("down,j", "scroll(1)", "down", id="details-down", show=False, tooltip="Scroll down"),
    Binding("pageup", "scroll(-10)", "page up", id="details-page-up", show=False, tooltip="Scroll up by a page"),
    Binding("pagedown", "scroll(10)", "page down", id="details-page-down", show=False, tooltip="Scroll down by a page"),
    Binding("x", "explain", "write answers", id="explain", tooltip="Let the model write its answers out"),
    Binding("g", "jump", "play it", id="details-jump", show=False, tooltip="Play the replay from its start"),
    Binding("i", "app.picture", "picture", id="details-picture", show=False, tooltip="Save the screen as a picture"),
    Binding("q,ctrl+c,ctrl+q", "app.quit", "quit", id="quit-from-details", tooltip="End the program"),
)
TOKENS: tuple[Binding, ...] = (
    Binding("left", "move(-1, 0)", "token", id="token-before", show=False, tooltip="The token before"),
    Binding("right", "move(1, 0)", "token", id="token-after", show=False, tooltip="The token after"),
    Binding("up", "move(0, -1)", "emotion", id="token-emotion-above", show=False, tooltip="The emotion above"),
    Binding("down", "move(0, 1)", "emotion", id="token-emotion-below", show=False, tooltip="The emotion below"),
    Binding("home", "move(-999, 0)", "first token", id="token-first", show=False, tooltip="The first token"),
    Binding("end", "move(999, 0)", "last token", id="token-last", show=False, tooltip="The last token"),
    Binding(
        "tab,shift+tab",
        "leave",
        "leave the tokens",
        id="token-leave",
        show=False,
        tooltip="Give the arrow keys back to the page",
    ),
)
HEALTH: tuple[Binding, ...] = (
    Binding("escape,h,enter", "dismiss", "close", id="close-health", tooltip="Back to the dashboard"),
    Binding("up,k", "scroll(-1)", "up", id="health-up", show=False, tooltip="Scroll up"),
    Binding("down,j", "scroll(1)", "down", id="health-down", show=False, tooltip="Scroll down"),
    Binding("pageup", "scroll(-10)", "page up", id="health-page-up", show=False, tooltip="Scroll up by a page"),
    Binding("pagedown", "scroll(10)", "page down", id="health-page-down", show=False, tooltip="Scroll by a page"),
    Binding("home", "scroll(-1000)", "top", id="health-top", show=False, tooltip="To the top"),
    Binding("end", "scroll(1000)", "bottom", id="health-bottom", show=False, tooltip="To the bottom"),
    Binding("i", "app.picture", "picture", id="health-picture", show=False, tooltip="Save the screen as a picture"),
    Binding("q,ctrl+c,ctrl+q", "app.quit", "quit", id="quit-from-health", tooltip="End the program"),
)
HELP: tuple[Binding, ...] = (
    Binding("escape,question_mark,f1", "dismiss", "close", id="close-help", tooltip="Close this help"),
    Binding("i", "app.picture", "picture", id="help-picture", show=False, tooltip="Save the screen as a picture"),
    Binding("q", "app.quit", "quit", id="quit-from-help", tooltip="End listening and the program"),
)
CONSENT: tuple[Binding, ...] = (
    Binding("enter", "answer(True)", "agree", id="agree", tooltip="Begin to listen"),
    Binding("q,escape", "answer(False)", "leave", id="disagree", tooltip="Do not listen"),
)

DIALOG: tuple[Binding, ...] = (
    Binding("escape", "leave", "leave", id="leave-dialog", tooltip="Leave everything as it was"),
)
LIST: tuple[Binding, ...] = (
    Binding("k", "cursor_up", "up", show=False),
    Binding("j", "cursor_down", "down", show=False),
)
CHOICES: tuple[Binding, ...] = (
    Binding("space", "choose", "choose", id="dialog-choose", show=False, tooltip="Choose this line"),
    Binding("enter", "take", "take", id="dialog-take", show=False, tooltip="Choose this line and be done"),
    *LIST,
)
FORMATS: tuple[Binding, ...] = (
    Binding("space", "select", "mark", id="export-mark", show=False, tooltip="Take this format, or leave it"),
    Binding("enter", "done", "export", id="export-take", show=False, tooltip="Export the marked formats"),
    *LIST,
)
SENSITIVITY: tuple[Binding, ...] = tuple(
    Binding(f"{mode}", f"try_mode({mode})", f"mode {mode}", id=f"vad-{mode}", show=False) for mode in range(4)
)

MOVABLE: tuple[tuple[Binding, ...], ...] = (
    tuple(binding for binding in BINDINGS if binding not in REPLAY),
    REPLAY,
    DETAILS,
    HEALTH,
    TOKENS,
)
"""The keys that a keymap can move, in groups of those that are there at the same time."""
