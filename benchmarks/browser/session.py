"""One run of `bench --browser`: the devices that joined, and the rows that come of what they post."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_edet import __version__
from edge_edet.benchmarks.browser.messages import (
    Begun,
    DeviceFacts,
    Failed,
    Gone,
    Hello,
    Measured,
    MinuteRun,
    ProgressTold,
)
from edge_edet.benchmarks.browser.parity import compare
from edge_edet.benchmarks.browser.served_model import ServedModel
from edge_edet.benchmarks.measuring import (
    Emit,
    MinuteMeasured,
    Note,
    ProgressMade,
    RowMeasured,
    RunBegun,
    StopRule,
)
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    ActualConfig,
    BenchmarkRow,
    BrowserRun,
    DeviceName,
    MachineState,
    Minute,
    RequestedConfig,
    Sustain,
    Warned,
    row_key,
    with_checks,
)
from edge_edet.devices.boards import HOST, known_profiles
from edge_edet.devices.litertjs import VERSION
from edge_edet.errors import InputError
from edge_edet.terminal import shown

__all__ = ["BrowserSession", "UnknownDeviceError", "Way"]

PROTOCOL = "edge-edet bench --browser"
PROTOCOL_VERSION = 1
RUNTIME = "litertjs"
MOST_DEVICES = 64
COARSE = 0.05  # of an inference: a step of the clock that is larger shows in the samples


class UnknownDeviceError(InputError):
    """A post of a page that has not said hello, or of one too many."""


@dataclass(frozen=True)
class Way:
    """One way of running one model; asked: by name, so that it is no mere default."""

    number: int
    model: int
    delegate: str
    threads: int
    asked: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.delegate}{f', {self.threads} threads' if self.threads > 1 else ''}"


@dataclass(eq=False)
class Device:
    """A page that said hello. Held by the session's lock."""

    name: DeviceName
    facts: DeviceFacts
    done: set[int] = field(default_factory=set)
    minutes: dict[int, dict[int, Minute]] = field(default_factory=dict)
    finished: bool = False
    gone: bool = False


class BrowserSession:
    """Takes messages from any number of threads; each result becomes one row, once.

    Parameters
    ----------
    models
        What is served.
    ways
        How it runs, in the order in which pages try them.
    rule, sustain_s, protocol
        When sampling ends; seconds of a sustained run or None; what else must agree between rows.
    emit
        Takes rows, progress and notes.
    """

    def __init__(
        self,
        models: Sequence[ServedModel],
        ways: Sequence[Way],
        rule: StopRule,
        sustain_s: float | None,
        protocol: Mapping[str, Any],
        emit: Emit,
    ):
        self.models, self.ways, self._rule, self._sustain_s = models, ways, rule, sustain_s
        self._more, self._emit = protocol, emit
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        self.rows = 0

    @property
    def devices(self) -> int:
        """How many pages said hello."""
        return len(self._devices)

    def take(self, message: object) -> dict[str, Any]:
        """Take one message that was posted, and return the answer.

        Raises
        ------
        UnknownDeviceError
            The page has not said hello, or there are too many.
        InputError
            The message contradicts what was served, or itself.
        """
        if isinstance(message, Hello):
            return self._hello(message)
        assert isinstance(message, (Begun, MinuteRun, ProgressTold, Failed, Gone))
        with self._lock:
            device = self._devices.get(message.device)
            if device is None:
                raise UnknownDeviceError("this page has not said hello: load it anew")
            if isinstance(message, Gone):
                self._goodbye(device, message)
            else:
                self._result(device, message)
        return {}

    def finish(self, message: Gone) -> dict[str, Any]:
        """Take the message that a page has measured all that it can."""
        with self._lock:
            device = self._devices.get(message.device)
            if device is None:
                raise UnknownDeviceError("this page has not said hello: load it anew")
            if not device.finished:
                device.finished = True
                self._emit(Note(f"{device.name.name} is done"))
        return {}

    def _hello(self, message: Hello) -> dict[str, Any]:
        with self._lock:
            known = self._devices.get(message.device or "")
            if known is not None:
                known.gone = False
                self._emit(Note(f"{known.name.name} is back"))
                return {"device": message.device, "done": sorted(known.done)}
            if len(self._devices) >= MOST_DEVICES:
                raise UnknownDeviceError(f"there are {MOST_DEVICES} devices already")
            key = secrets.token_urlsafe(16)
            device = Device(self._name(message), message.facts)
            self._devices[key] = device
            facts = message.facts
            told = [facts.browser, facts.platform, facts.model]
            self._emit(
                Note(
                    f"{device.name.name} joined as {device.name.id} "
                    f"({shown(', '.join(text for text in told if text))})"
                )
            )
            return {"device": key, "done": []}

    def _name(self, message: Hello) -> DeviceName:
        """Name it as typed; the id is that in plain letters, numbered where two are alike.

        No id is a board's: a phone that somebody calls rpi4 stays a phone. Letters that the id cannot hold
        leave a few digits of the name's hash, so that two names of another script stay two in all runs.
        """
        name = " ".join(message.name.split())
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "browser"
        if any(letter.isalnum() and not letter.isascii() for letter in name):
            plain += f"-{hashlib.sha256(name.casefold().encode()).hexdigest()[:6]}"
        taken = {device.name.id for device in self._devices.values()} | {HOST, *known_profiles()}
        numbers = (f"{plain}-{n}" for n in range(2, MOST_DEVICES + 2))
        unique = plain if plain not in taken else next(n for n in numbers if n not in taken)
        return DeviceName(unique, name if unique == plain else f"{name} ({unique})")

    def _goodbye(self, device: Device, message: Gone) -> None:
        if not device.finished and not device.gone:
            device.gone = True
            left = len(self.ways) - len(device.done)
            self._emit(Note(f"{device.name.name} closed the page, {left} results before the end"))

    def _result(self, device: Device, message: Begun | MinuteRun | ProgressTold | Failed) -> None:
        if not 0 <= message.way < len(self.ways):
            raise InputError(f"way must be from 0 to {len(self.ways) - 1}, but is {message.way}")
        way = self.ways[message.way]
        text = f"{device.name.name}: {self.models[way.model].path.name}, {way.name}"
        if message.way in device.done:
            return  # a page that lost the connection sends again what has arrived
        if isinstance(message, ProgressTold):
            self._emit(ProgressMade(text, message.done, message.total))
        elif isinstance(message, Failed):
            device.done.add(message.way)
            if not message.skipped or way.asked:
                what = "not measured" if message.skipped else "failed"
                self._emit(Note(f"{text}: {what}: {shown(message.reason)}"))
        elif isinstance(message, MinuteRun):
            self._minute(device, way, message)
        elif isinstance(message, Measured):
            row = with_checks(self._row(device, way, message))
            self._emit(RowMeasured(row))
            device.done.add(message.way)
            self.rows += 1
        else:
            if self._sustain_s is None:
                raise InputError("begun is for --sustain, which was not asked for")
            device.minutes[message.way] = {}
            self._emit(RunBegun(self._row(device, way, message)))

    def _minute(self, device: Device, way: Way, message: MinuteRun) -> None:
        minutes = device.minutes.get(way.number)
        if minutes is None or message.number > self._last_minute():
            raise InputError("minute must follow begun, and be of the time that was asked for")
        if minutes and message.number < max(minutes):
            raise InputError(f"minute {message.number} comes after minute {max(minutes)}")
        if message.number in minutes:
            return
        minute = Minute(message.number, message.samples_ms, None, None, None)
        minutes[message.number] = minute
        self._emit(MinuteMeasured(self._key(device, way), minute))

    def _last_minute(self) -> int:
        return int((self._sustain_s or 0) // 60) + 1

    def _asked(self, way: Way) -> RequestedConfig:
        return RequestedConfig(runtime=RUNTIME, delegate=way.delegate, threads=way.threads)

    def _protocol(self, way: Way) -> dict[str, Any]:
        return {
            "name": PROTOCOL,
            "version": PROTOCOL_VERSION,
            **self._rule.to_dict(),
            **self._more,
            "postprocess": self.models[way.model].config.to_dict(),
            "sustain_s": self._sustain_s,
        }

    def _key(self, device: Device, way: Way) -> str:
        sha256 = self.models[way.model].facts.sha256
        return row_key(sha256, self._asked(way), device.name, self._protocol(way))

    def _row(self, device: Device, way: Way, message: Begun) -> BenchmarkRow:
        """Make the row of a result; of a sustained run that has only begun, without a minute."""
        try:
            return self._checked_row(device, way, message)
        except ValueError as error:  # of a field that contradicts another
            raise InputError(str(error)) from None

    def _checked_row(self, device: Device, way: Way, message: Begun) -> BenchmarkRow:
        model, facts, evidence = self.models[way.model], device.facts, message.evidence
        parity = compare(
            model.expected, message.parity, model.layout.labels, model.config.score_threshold
        )
        whole = message if isinstance(message, Measured) else None
        sustain = None
        if self._sustain_s is not None:
            ran = device.minutes.get(way.number)
            if ran is None and whole is not None:
                raise ValueError("row must follow begun and its minutes")
            sustain = Sustain(self._sustain_s, tuple(ran.values()) if ran and whole else ())
        fell_back = None
        if evidence.ran != way.delegate:
            fell_back = f"{way.delegate} was asked for, and {evidence.ran} ran"
        elif way.threads > 1 and evidence.threads == 1:
            fell_back = f"{way.threads} threads were asked for, and one ran"
        run = BrowserRun(
            browser=facts.browser,
            user_agent=facts.user_agent,
            screen=facts.screen,
            pixel_ratio=facts.pixel_ratio,
            secure=facts.secure,
            isolated=facts.isolated,
            timer_step_ms=facts.timer_step_ms,
            build=evidence.build,
            fell_back=fell_back,
            seen=tuple(shown(line) for line in evidence.seen),
            heap_bytes=whole.heap_bytes if whole else None,
            wake_lock=message.wake_lock,
            pauses=whole.pauses if whole else (),
            parity=parity,
        )
        row = BenchmarkRow(
            schema_version=SCHEMA_VERSION,
            how="measured",
            started_at=message.started_at,
            tool=f"edge-edet {__version__}",
            model=model.facts,
            asked=self._asked(way),
            ran=ActualConfig(
                runtime=RUNTIME,
                version=VERSION,
                delegate=evidence.ran,
                operators=None,
                delegated=None,
                partitions=None,
                precision=None,
                threads=evidence.threads,
                streams=1,
                device=evidence.device,
                execution_devices=(),
                layers=None,
                nms="in-graph" if model.layout.in_graph else "none",
            ),
            device=device.name,
            machine=_machine(facts),
            protocol=self._protocol(way),
            samples_ms=dict(whole.samples_ms) if whole else {},
            load_ms=message.load_ms,
            peak_memory_bytes=None,
            throughput=None,
            energy=None,
            sustain=sustain,
            estimate=None,
            summary=None,
            accuracy=None,
            warnings=(),
            where="browser",
            browser=run,
        )
        if whole is not None and not row.samples_ms.get("end_to_end"):
            raise ValueError("samples_ms.end_to_end must not be empty")
        return dataclasses.replace(row, warnings=tuple(_warnings(row, run)))


def _machine(facts: DeviceFacts) -> MachineState:
    """Read the machine from what browsers tell, which is rounded: memory stops at 8 GiB in most."""
    memory = facts.memory_gib
    return MachineState(
        system=facts.platform,
        architecture=facts.architecture,
        board=facts.model,
        threads=facts.cores,
        memory_bytes=None if memory is None else round(memory * 2**30),
    )


def _warnings(row: BenchmarkRow, run: BrowserRun) -> list[Warned]:
    found = []
    if run.fell_back is not None:
        found.append(Warned("fell-back", run.fell_back, "the times are of what ran"))
    parity = run.parity
    if parity is not None and parity.wrong:
        found.append(
            Warned(
                "wrong-boxes",
                f"{parity.matched} of {parity.boxes} boxes match the native runtime's: "
                f"{'; '.join(parity.wrong)}",
                "do not use this file this way: its times say nothing",
            )
        )
    elif parity is not None and not parity.boxes:
        found.append(
            Warned(
                "nothing-compared",
                "the drawn pictures have no object that this model knows, so that no box was "
                "compared with the native runtime's",
                "look at what 'edge-edet live' finds",
            )
        )
    if run.pauses:
        seconds = sum(pause.seconds for pause in run.pauses)
        found.append(
            Warned(
                "hidden",
                f"the page was hidden {len(run.pauses)} times, {seconds:.0f} s in all: what ran then "
                "is left out",
                "keep the page open and the screen on",
            )
        )
    inferences = row.samples_ms.get("inference", ())
    if inferences and run.timer_step_ms > COARSE * min(inferences):
        found.append(
            Warned(
                "coarse-clock",
                f"the browser's clock steps by {run.timer_step_ms:g} ms",
                "use an address that browsers trust: https, or localhost",
            )
        )
    return found
