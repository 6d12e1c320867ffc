"""Valid bytes and valid JSON, bent: what comes past the first check, and is wrong further in."""

import json
import struct
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

HEADER_BYTES = 128
"""Most of what decides how a file is read lies in so many bytes."""
ODD_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)

places = st.integers(0, HEADER_BYTES) | st.floats(0, 1, exclude_max=True)
"""A byte near the beginning, or anywhere, as a share of the length."""


@dataclass(frozen=True, slots=True)
class Bend:
    """One thing that is done to bytes at a place; `new` bytes, or so many as it is long."""

    act: Literal["over", "in", "out", "twice", "cut"]
    place: float
    new: bytes = b""
    count: int = 0

    def __call__(self, data: bytes) -> bytes:
        at = min(self.place, len(data)) if isinstance(self.place, int) else int(self.place * len(data))
        match self.act:
            case "over":
                return (data[:at] + self.new + data[at + len(self.new) :])[: len(data)]
            case "in":
                return data[:at] + self.new + data[at:]
            case "out":
                return data[:at] + data[at + self.count :]
            case "twice":
                return data[: at + self.count] + data[at:]
            case "cut":
                return data[:at]


numbers = st.builds(
    lambda number, form: struct.pack(form, number % 2 ** (8 * struct.calcsize(form))),
    st.sampled_from(ODD_NUMBERS) | st.integers(0, 2**32 - 1),
    st.sampled_from(["B", "<H", ">H", "<I", ">I", "<Q", ">Q"]),
)
bends: st.SearchStrategy[list[Bend]] = st.lists(
    st.one_of(
        st.builds(Bend, st.sampled_from(["over", "in"]), places, new=numbers | st.binary(min_size=1, max_size=8)),
        st.builds(Bend, st.just("out"), places, count=st.integers(1, 64)),
        st.builds(Bend, st.just("twice"), places, count=st.integers(1, 4096)),
        st.builds(Bend, st.just("cut"), places),
    ),
    max_size=5,
)


def bend(data: bytes, made: Sequence[Bend]) -> bytes:
    """The same, bent in all these ways one after the other."""
    for one in made:
        data = one(data)
    return data


def bent(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some of these, bent up to five times."""
    return st.builds(bend, whole, bends)


odd_values: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, -1, 0.5, 10**30, 10**400, -(10**400), 1e308, "", "\ud800", "\x1b[2J", [], {}, [[]]]),
    st.sampled_from([float("nan"), float("inf"), "9" * 5000, "1e999", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def _places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *_places_in(value[key])]
    return found


def _bend_value(value: Any, choice: int, act: str, new: Any) -> Any:
    places = _places_in(value)
    if not places:
        return deepcopy(new)
    holder, key = places[choice % len(places)]
    new, old = deepcopy(new), deepcopy(holder[key])  # what is bent next must not be in two places
    if act == "set":
        holder[key] = new
    elif act == "remove":
        del holder[key]
    elif isinstance(holder, dict):
        holder[str(new)] = old
    else:
        holder.append(old)
    return value


def _bend_json(text: bytes, acts: list[tuple[int, str, Any]]) -> bytes:
    value = json.loads(text)
    for act in acts:
        value = _bend_value(value, *act)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def bent_json(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some of these JSON texts with values changed, left out or new; still JSON, or bent as bytes as well."""
    acts = st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["set", "set", "remove", "add"]), odd_values), max_size=3
    )
    values_bent = st.builds(_bend_json, whole, acts)
    return values_bent | bent(values_bent)
