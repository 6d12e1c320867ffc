"""Settings from where they are set: defaults, then a TOML file, then the environment, then flags.

default.toml beside this file is a link to config/default.toml, so that an installation has it too. Environment
variables are named EMOTION_MONITOR_SECTION__KEY.
"""

import difflib
import os
import reprlib
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.settings import Settings

ENV_PREFIX = "EMOTION_MONITOR_"
SECRET_VARIABLES = frozenset(
    {f"{ENV_PREFIX}MQTT__PASSWORD", f"{ENV_PREFIX}WEBSOCKET__TOKEN", f"{ENV_PREFIX}MODEL__SERVER_TOKEN"}
)
"""Read where they are needed and kept nowhere else."""

_SHOWN_CHARACTERS = 200

Values = Mapping[str, Mapping[str, Any]]
"""Section to key to value, for the keys that are set."""


def load_settings(
    *, file: Path | None = None, environ: Mapping[str, str] = os.environ, flags: Values | None = None
) -> Settings:
    """Merges defaults < file < environment < flags and checks every value.

    Raises:
        UsageError: Unreadable file, unknown key or unfit value; the message names where it was set.
    """
    layers: list[tuple[str, Values]] = []
    if file is not None:
        layers.append((str(file), _read_toml(file)))
    layers.append(("environment", _from_environment(environ)))
    layers.append(("command line", flags or {}))
    merged: dict[str, dict[str, Any]] = {}
    origin: dict[tuple[str, str], str] = {}
    for name, layer in layers:
        for section, values in layer.items():
            _check_known(name, section, values)
            for key, value in values.items():
                merged.setdefault(section, {})[key] = value
                origin[section, key] = name
    return _validate(merged, origin)


def documented_defaults() -> str:
    """Every setting with its default and what it means, as a settings file."""
    return Path(__file__).with_name("default.toml").read_text(encoding="utf-8")


def default_user_file() -> Path:
    """Where a user's own settings are looked for when no --config is given."""
    from platformdirs import user_config_path

    return user_config_path("emotion-monitor") / "config.toml"


def _read_toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        msg = f"{path}: no such settings file"
        raise UsageError(msg, hint="emotion-monitor settings prints a commented start") from error
    except RecursionError as error:
        msg = f"{path}: not readable as TOML: nested too deeply"
        raise UsageError(msg, hint="a section holds keys, a key a value or a list") from error
    except (OSError, ValueError) as error:  # which may quote all of the file
        msg = f"{path}: not readable as TOML: {textwrap.shorten(str(error), _SHOWN_CHARACTERS)}"
        raise UsageError(msg) from error
    return data


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for name, text in environ.items():
        if not name.startswith(ENV_PREFIX) or name in SECRET_VARIABLES:
            continue
        section, separator, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if not separator:
            msg = f"environment: {name} is not of the form {ENV_PREFIX}SECTION__KEY"
            raise UsageError(msg)
        values.setdefault(section, {})[key] = _parsed(section, key, text)
    return values


def _parsed(section: str, key: str, text: str) -> object:
    """The value of a variable: lists have commas between their items, tables blanks between their NAME=VALUE."""
    default = _SECTIONS.get(section, {}).get(key)
    if default is None:
        return text
    if isinstance(default.default, tuple):
        return text.split(",")
    if default.default_factory is dict:
        return {name: value for name, _, value in (item.partition("=") for item in text.split())}
    return text


def _check_known(origin: str, section: str, values: object) -> None:
    if section not in _SECTIONS:
        raise _unknown(origin, f"[{section}]", section, _SECTIONS)
    if not isinstance(values, Mapping):
        msg = f"{origin}: {section} must be a section with keys"
        raise UsageError(msg, hint=f"write [{section}] on a line of its own")
    for key in values:
        if key not in _SECTIONS[section]:
            raise _unknown(origin, f"{section}.{key}", key, _SECTIONS[section])


def _unknown(origin: str, shown: str, word: str, known: Mapping[str, Any]) -> UsageError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    msg = f"{origin}: unknown setting {shown}"
    return UsageError(msg, hint=hint)


def _validate(merged: Values, origin: Mapping[tuple[str, str], str]) -> Settings:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Settings).validate_python(merged)
    except ValidationError as error:
        first, *rest = error.errors()
        section, key = str(first["loc"][0]), str(first["loc"][1])
        # What may be one kind of value or another fails as each of them, one after the other.
        kinds = [one for one in rest if one["loc"][:-1] == first["loc"][:-1] and one["type"] != first["type"]]
        others = [one["msg"].partition(", unable to")[0].removeprefix("Input should be ") for one in kinds]
        wanted = " or ".join([first["msg"], *others]).lower()
        msg = f"{origin[section, key]}: {section}.{key} = {_shown(first['input'])}: {wanted}"
        raise UsageError(msg) from error


def _shown(value: object) -> str:
    """A value for a message, however long or deep it is."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = _SHOWN_CHARACTERS
    try:
        return writer.repr(value)
    except ValueError:  # Python writes no integer of so many digits
        return "a number of very many digits"


_SECTIONS: dict[str, dict[str, Any]] = {
    section.name: {f.name: f for f in fields(section.default_factory)}  # type: ignore[arg-type]
    for section in fields(Settings)
}
