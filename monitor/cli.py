"""Command line of emotion-monitor: parses, calls one function per command, turns errors into one line.

Commands import what they need when they run, so that `--help` costs neither torch nor Textual.
"""

import argparse
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from core.command_line import Parser, above_0, between, end_with, log_to_stderr
from core.errors import UsageError

log = logging.getLogger("monitor")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Entry point; exits with 0 done, 1 failed while running, 2 usage or configuration, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    _log_to_stderr(verbose=arguments.verbose)
    end_with("emotion-monitor", lambda: arguments.command(arguments))


def _log_to_stderr(*, verbose: bool) -> None:
    if verbose:
        log_to_stderr("%(levelname)s %(name)s: %(message)s", level=logging.DEBUG)
        return
    log_to_stderr("emotion-monitor: %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="emotion-monitor",
        description="Listens to speech and reports, live, how likely anger, happiness, sadness and neutral are to be "
        "heard in every utterance. It estimates what listeners hear, not what a person feels.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('emotion-monitor')}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log details to standard error")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_worker(commands)
    _add_read(commands)
    _add_export(commands)
    _add_replay(commands)
    _add_watch(commands)
    _add(commands, "devices", _devices, "list the microphones")
    doctor = _add(commands, "doctor", _doctor, "check audio, model, GPU and broker: what works, what to do")
    doctor.add_argument(
        "--listen",
        type=between(1, 60),
        metavar="S",
        help="hear the microphone for S seconds (1 to 60), in memory only: its level, noise floor, clipping, share of "
        "speech, and what the model reads",
    )
    _add_remote_flags(doctor)
    _add_settings_flags(doctor)
    _add_settings(commands)
    schema = _add(commands, "schema", _schema, "print the JSON Schemas of events, commands and answers")
    schema.add_argument("--out", type=Path, metavar="DIR", help="write them there instead, a file each")
    _add_convert(commands)
    _add_bench(commands)
    return parser


def _add(commands: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    _add_config_flag(parser)
    text = "ltu-as-mini (shipped), a model folder, hf:OWNER/NAME from the Hugging Face hub, or openai:URL on a server"
    parser.add_argument("--model", metavar="NAME|DIR", help=text)
    parser.add_argument("--device", metavar="auto|cpu|cuda", help="where the model runs")


def _add_settings_flags(parser: argparse.ArgumentParser) -> None:
    _add_model_flags(parser)
    parser.add_argument("--mqtt", metavar="embedded|off|URL", help="where events are published")
    _add_insecure_flag(parser)


def _add_remote_flags(parser: argparse.ArgumentParser) -> None:
    text = "have utterances read elsewhere, by `emotion-monitor worker`: mqtt://[USER@]HOST[:PORT] or mqtts://..."
    parser.add_argument("--worker", metavar="URL", help=text)
    parser.add_argument("--site", metavar="NAME", help="which workers: those of this site (remote.site)")


def _remote_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"broker": arguments.worker, "site": arguments.site}


def _add_insecure_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mqtt-insecure",
        action="append",
        choices=["plaintext", "anonymous"],
        help="reach a broker on another machine although that is not encrypted, or asks for no proof of who we are; "
        "may repeat",
    )


def _add_config_flag(parser: argparse.ArgumentParser) -> None:
    text = "settings in TOML (emotion-monitor settings prints them all)"
    parser.add_argument("--config", type=Path, metavar="FILE", help=text)


def _add_run(commands: Any) -> None:
    run = _add(commands, "run", _run, "listen and report")
    run.add_argument(
        "--source",
        action="append",
        metavar="SPEC",
        help="mic | mic:NAME | file:PATH | stdin | ws://HOST:PORT; may repeat: each is a stream of its own. "
        "=NAME after it calls it so in topics, events and on screen. Default: the microphone, or the shipped sample "
        "where there is none",
    )
    run.add_argument("--speed", metavar="1|N|max", help="how fast files are played; max waits for the model")
    run.add_argument(
        "--headless",
        action="store_true",
        default=None,
        help="no dashboard; events go to standard output, or to the sinks you name",
    )
    run.add_argument(
        "--sink", action="append", metavar="jsonl[:PATH]", help="write events, one JSON object a line; may repeat"
    )
    run.add_argument(
        "--yes", action="store_true", help="do not ask: those who can be heard know that they are, and agree"
    )
    run.add_argument("--record", metavar="DIR", help="record all events (never sound) in a file there, for a replay")
    _add_remote_flags(run)
    _add_settings_flags(run)


def _add_worker(commands: Any) -> None:
    worker = _add(commands, "worker", _worker, "read what is heard elsewhere, for `run --worker`, over an MQTT broker")
    worker.add_argument("--site", metavar="NAME", help="for whom: those of this site (remote.site)")
    _add_settings_flags(worker)


def _add_read(commands: Any) -> None:
    read = _add(commands, "read", _read, "read sound files into one table, a row for each utterance")
    read.epilog = (
        "Each file is a stream of its own, cut and read as by `run --source file:PATH`. The same command goes on where "
        "it was interrupted, and later reads what is new: TABLE.journal remembers. See docs/read.md."
    )
    read.add_argument(
        "paths", type=Path, nargs="+", metavar="FILE|FOLDER", help="sound files, and folders that hold some"
    )
    read.add_argument("--out", type=Path, required=True, metavar="TABLE", help="such as table.csv or table.parquet")
    read.add_argument("--format", metavar="csv|parquet|audformat", help="default: what the name of the table says")
    _add_model_flags(read)


def _add_export(commands: Any) -> None:
    export = _add(commands, "export", _export, "turn a recording into tables, events or a page with plots")
    _add_file(export, "a recording, or what --sink jsonl:PATH wrote")
    export.add_argument(
        "--format", default="csv,jsonl,html", metavar="csv,jsonl,html", help="one or several; default: all"
    )
    export.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to; default: this folder")
    _add_config_flag(export)


def _add_file(parser: argparse.ArgumentParser, what: str) -> None:
    text = f"{what}; a folder: its latest recording; default: the latest where recordings go (record.folder)"
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE|DIR", help=text)


def _add_replay(commands: Any) -> None:
    from monitor.replay.arguments import position, speed

    replay = _add(commands, "replay", _replay, "show a recording of events as it was, in the same dashboard")
    _add_file(replay, "from run --record DIR, or from --sink jsonl:PATH")
    replay.add_argument("--speed", type=speed, default=1.0, metavar="N|max", help="0.25 to 64; max without dashboard")
    replay.add_argument("--from", dest="start", type=position, default=0.0, metavar="MM:SS", help="where to begin")
    replay.add_argument("--headless", action="store_true", help="no dashboard: give the events again, one a line")
    replay.add_argument("--sink", action="append", metavar="jsonl[:PATH]", help="where to; may repeat")
    _add_config_flag(replay)


def _add_watch(commands: Any) -> None:
    watch = _add(commands, "watch", _watch, "show a monitor elsewhere in the same dashboard, over an MQTT broker")
    text = "mqtt://[USER@]HOST[:PORT] or mqtts://...; default: mqtt.url, or the monitor that runs on this machine"
    watch.add_argument("url", metavar="URL", nargs="?", help=text)
    watch.add_argument("--node", metavar="NAME", help="the only one to show; all of them unless named")
    watch.add_argument("--base", metavar="TOPIC", help="first level of the topics (mqtt.base)")
    _add_insecure_flag(watch)
    _add_config_flag(watch)


def _add_settings(commands: Any) -> None:
    text = "print a settings file that documents every setting, and say where yours is looked for"
    settings = _add(commands, "settings", _show_settings, text)
    settings.epilog = "The file goes to standard output, the rest to standard error: emotion-monitor settings > FILE"


def _add_convert(commands: Any) -> None:
    convert = _add(commands, "convert", _convert, "turn the authors' LTU-AS files into one model folder")
    convert.add_argument("--base", type=Path, required=True, metavar="VICUNA_DIR", help="Vicuna-7B v1.1 folder")
    convert.add_argument("--ltu-as", type=Path, required=True, metavar="FILE.bin", help="LTU-AS checkpoint")
    convert.add_argument("--whisper", type=Path, required=True, metavar="large-v1.pt", help="OpenAI Whisper file")
    convert.add_argument("--transcriber", type=Path, metavar="DIR", help="Whisper folder that writes transcripts")
    convert.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to make")


def _add_bench(commands: Any) -> None:
    from monitor.bench.arguments import add_measures

    bench = commands.add_parser("bench", help="measure this machine", description="Measure this machine.")
    measures = bench.add_subparsers(title="what", required=True)  # without metavar they are named
    add_measures(measures, _add_settings_flags, _settings)
    soak = _add(measures, "soak", _bench_soak, "run it for long: whether memory, descriptors or threads grow")
    length = soak.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=above_0, default=30.0, metavar="N", help="in real time (default 30)")
    length.add_argument("--simulated-hours", type=above_0, metavar="N", help="of sound, as fast as it goes")
    length.add_argument(
        "--simulated-day", dest="simulated_hours", action="store_const", const=24.0, help="the same with 24 hours"
    )
    soak.add_argument("--every", type=above_0, default=5.0, metavar="S", help="seconds between samples (default 5)")
    soak.add_argument("--json", action="store_true", help="print JSON instead of a table")
    soak.add_argument("--check", action="store_true", help="as always: status 1 if anything is amiss")
    _add_settings_flags(soak)


def _run(arguments: argparse.Namespace) -> int:
    from monitor.live import run

    flags: dict[str, dict[str, Any]] = {
        "source": {"sources": arguments.source, "speed": arguments.speed},
        "output": {"headless": arguments.headless, "sinks": arguments.sink},
        "remote": _remote_flags(arguments),
    }
    if arguments.record is not None:
        flags["record"] = {"on": True, "folder": arguments.record}
    if arguments.yes:
        flags["output"]["consent"] = "given"
    return run(_settings(arguments, flags))


def _worker(arguments: argparse.Namespace) -> int:
    from monitor.jobs.command import serve

    return serve(_settings(arguments, {"remote": {"site": arguments.site}}))


def _read(arguments: argparse.Namespace) -> int:
    from monitor.read.command import read

    flags = {"model": {"name": arguments.model, "device": arguments.device}}
    return read(arguments.paths, arguments.out, _settings_of(arguments.config, flags), kind=arguments.format)


def _export(arguments: argparse.Namespace) -> int:
    from monitor.export.command import export_file, known_formats

    formats = known_formats(arguments.format)
    file = _recording(arguments)
    session, paths = export_file(file, formats, arguments.out)
    print(*paths, sep="\n")
    if session.skipped:
        log.warning("%d lines of %s were no events", session.skipped, file)
    return 0


def _recording(arguments: argparse.Namespace) -> Path:
    """The file that was given, or the latest recording: of the folder that was given, or where recordings go."""
    from monitor.sinks.recording import latest_recording, recordings_folder

    given: Path | None = arguments.file
    if given is not None and not given.is_dir():
        return given
    file = latest_recording(given or recordings_folder(_settings_of(arguments.config, {}).record))
    log.info("the latest recording: %s", file)
    return file


def _settings(arguments: argparse.Namespace, flags: dict[str, dict[str, Any]] | None = None) -> Any:
    values = flags or {}
    values["model"] = {"name": arguments.model, "device": arguments.device}
    values["mqtt"] = {"url": arguments.mqtt, "insecure": arguments.mqtt_insecure}
    return _settings_of(arguments.config, values)


def _settings_of(file: Path | None, flags: dict[str, dict[str, Any]]) -> Any:
    from core.settings_file import default_user_file, load_settings

    given = {section: {k: v for k, v in keys.items() if v is not None} for section, keys in flags.items()}
    if file is None and default_user_file().exists():
        file = default_user_file()
    return load_settings(file=file, flags=given)


def _replay(arguments: argparse.Namespace) -> int:
    from monitor.replay.command import replay

    return replay(
        _recording(arguments),
        _settings_of(arguments.config, {}),
        speed=arguments.speed,
        from_s=arguments.start,
        headless=arguments.headless,
        sinks=arguments.sink or (),
    )


def _watch(arguments: argparse.Namespace) -> int:
    from monitor.watch.command import watch

    flags = {"mqtt": {"base": arguments.base, "insecure": arguments.mqtt_insecure}}
    return watch(arguments.url, _settings_of(arguments.config, flags), node=arguments.node)


def _devices(_: argparse.Namespace) -> int:
    from monitor.sources.portaudio import list_microphones

    microphones = list_microphones()
    for microphone in microphones:
        mark = "*" if microphone.is_default else " "
        rate_khz = microphone.default_rate_hz / 1000
        print(f"{mark} {microphone.name}  ({microphone.host_api}, {microphone.channels} ch, {rate_khz:g} kHz)")
    if not microphones:
        print("no microphone found: connect one, or play a file with --source file:PATH")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from monitor.doctor import examine

    log.setLevel(logging.WARNING)  # the report says it all
    return examine(_settings(arguments, {"remote": _remote_flags(arguments)}), listen_s=arguments.listen)


def _show_settings(_: argparse.Namespace) -> int:
    import os

    from core.settings_file import ENV_PREFIX, default_user_file, documented_defaults

    yours = default_user_file()
    log.info("your settings: %s, %s", yours, "in force" if yours.exists() else "which is not there; defaults hold")
    if names := sorted(name for name in os.environ if name.startswith(ENV_PREFIX)):
        log.info("above them, from the environment: %s", ", ".join(names))
    print(documented_defaults(), end="")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    import json

    from core.wire.json_schema import json_schemas, write_schemas

    if arguments.out is None:
        print(json.dumps(json_schemas(), indent=2))
        return 0
    try:
        written = write_schemas(arguments.out)
    except OSError as error:
        msg = f"--out: cannot write {error.filename}: {error.strerror}"
        raise UsageError(msg) from error
    print(*written, sep="\n")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from core.ltu_as.convert import convert

    convert(
        base=arguments.base,
        ltu_as=arguments.ltu_as,
        whisper=arguments.whisper,
        transcriber=arguments.transcriber,
        out=arguments.out,
    )
    print(f"wrote {arguments.out}; try: emotion-monitor run --model {arguments.out}")
    return 0


def _bench_soak(arguments: argparse.Namespace) -> int:
    from monitor.bench.soak import report
    from monitor.bench.trial import Plan

    _settings(arguments)  # a mistake in them is better found before anything starts
    given = {name: getattr(arguments, name) for name in ("config", "model", "device", "mqtt")}
    flags = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    flags += [word for risk in arguments.mqtt_insecure or () for word in ("--mqtt-insecure", risk)]
    hours = arguments.simulated_hours
    sound_s = 3600 * hours if hours else 60 * arguments.minutes
    plan = Plan(sound_s=sound_s, simulated=hours is not None, every_s=arguments.every)
    return report(plan, flags, as_json=arguments.json)
