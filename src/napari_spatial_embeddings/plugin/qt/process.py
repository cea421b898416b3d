"""A Python module in a child process that reports in lines of JSON: the package's command line.

The window's process must never train: it would wait for the interpreter's lock, and importing
triton, which making one of torch's optimizers does, crashes the interpreter if a software OpenGL
context exists.

The child reads a request to stop from its standard input, and sees it end when its parent dies.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
from qtpy.QtCore import QCoreApplication, QObject, QProcess, QProcessEnvironment, QTimer, Signal

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.errors import Failure, is_out_of_memory

log = logging.getLogger(__name__)

GRACE_MS = 10_000
"""Milliseconds that a child has to stop by itself, before it is killed."""

NICENESS = 5
"""How far a child's priority is lowered; not so far that other programs starve it."""

MAX_ERROR_CHARACTERS = 8_000
"""Characters of its standard error that are kept."""

_detached: set[QProcess] = set()
"""Children that were asked to stop, and are not waited for; killed when the application quits."""

_started: weakref.WeakSet[Process] = weakref.WeakSet()
"""Whatever may have a child: that is ended before Qt, or Python, takes everything apart."""


class Process(QObject):
    """Runs a module, once at a time, without waiting for it.

    Parameters
    ----------
    module : str
        What ``python -m`` runs.
    program : str
        Prefix of the lines in which it writes errors: "program: sentence".
    what : str
        Name of the process in messages, such as "the training".
    """

    reported = Signal(dict)
    """It wrote a line of JSON."""
    ended = Signal(str)
    """It ended; with the sentence about what went wrong, empty if nothing did."""

    def __init__(self, module: str, program: str, what: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._module, self._program, self._what = module, program, what
        self._process: QProcess | None = None
        self._rest = b""
        self._former: QProcess | None = None
        self._errors = ""
        self._stopping = False
        self._killed = False
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.timeout.connect(self.kill)

    @property
    def running(self) -> bool:
        """Whether there is a child."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Its number in the system; 0 if there is none."""
        return 0 if self._process is None else int(self._process.processId())

    def start(self, *arguments: str) -> None:
        """Run the module.

        Raises
        ------
        Failure
            If no Python can be found to run it with.
        """
        if self._process is not None:
            raise Failure(f"{self._what} runs already")
        program = interpreter()
        self.end_former()
        _end_at_quit()
        _started.add(self)
        self._rest, self._errors = b"", ""
        self._stopping = self._killed = False
        process = self._process = QProcess()
        process.setProcessEnvironment(_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.started.connect(self._lower_priority)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail)
        # -P: a file of the current folder must not stand in for a module.
        process.start(program, ["-P", "-m", self._module, *arguments])

    def stop(self) -> None:
        """Ask it to stop; it is killed if it does not."""
        if self._process is not None and not self._stopping:
            self._stopping = True
            _request_stop(self._process)
            self._grace.start(GRACE_MS)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._killed = True
            self._process.kill()

    def detach(self) -> None:
        """Take it for ended: ask it to stop, and do not wait for that."""
        if self._process is not None:
            self.close()
            self.ended.emit("")

    def close(self) -> None:
        """Do the same, and emit nothing more."""
        process, self._process = self._process, None
        self._grace.stop()
        if process is not None:
            for signal in (
                process.readyReadStandardOutput,
                process.readyReadStandardError,
                process.started,
                process.finished,
                process.errorOccurred,
            ):
                signal.disconnect()
            self._former = process
            _detach(process, asked=self._stopping)

    def end_former(self) -> None:
        """Kill the one before if it lingers: two would be in each other's way."""
        former, self._former = self._former, None
        if former is not None and former in _detached:
            _kill(former)

    # ---------------------------------------------------------------- reading

    def _read(self) -> None:
        if self._process is None:
            return
        lines = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        self._rest = lines.pop()
        for line in filter(None, map(bytes.strip, lines)):
            try:
                report = json.loads(line)
            except ValueError:
                log.info("%s: %s", self._what, line.decode("utf-8", "replace"))
                continue
            if isinstance(report, dict):
                self.reported.emit(report)

    def _read_errors(self) -> None:
        if self._process is not None:
            text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
            self._errors = (self._errors + text)[-MAX_ERROR_CHARACTERS:]

    def _lower_priority(self) -> None:
        """Let the window stay responsive."""
        try:
            process = psutil.Process(self.pid)
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else NICENESS)
        except psutil.Error:  # it is gone already, or may not be changed
            log.debug("priority of %s stays as it is", self._what, exc_info=True)

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_errors()
        if self._errors:
            log.info("%s wrote:\n%s", self._what, self._errors)
        crashed = status == QProcess.ExitStatus.CrashExit
        sentence = "" if self._killed else self._sentence(code, crashed)
        self._leave(sentence)

    def _sentence(self, code: int, crashed: bool) -> str:
        """Return why it ended, or "" if it ended well."""
        if crashed and os.name == "posix" and code == 9:
            return (
                f"{self._what} was ended by the system, most likely because memory ran out: close"
                " other programs, or choose a smaller batch or crop size in the settings"
            )
        if crashed:
            number = f" (signal {code})" if os.name == "posix" else ""
            return (
                f"{self._what} crashed{number}, most likely in a driver or a library; try again, or"
                " choose another device"
            )
        if code == 0:
            return ""
        lines = [line.strip() for line in self._errors.splitlines() if line.strip()]
        own = [line for line in lines if line.startswith(f"{self._program}: ")]
        if own:
            return own[-1].removeprefix(f"{self._program}: ")
        last = lines[-1] if lines else f"it ended with code {code}"
        if is_out_of_memory(RuntimeError(last)):
            return (
                f"{self._what} ran out of memory: choose a smaller batch or crop size in the"
                " settings"
            )
        return f"{self._what} failed: {last}"

    def _fail(self, error: QProcess.ProcessError) -> None:
        # Whatever else goes wrong ends in `finished`.
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._leave(f"{self._what} could not be started: {self._process.errorString()}")

    def _leave(self, sentence: str) -> None:
        process, self._process = self._process, None
        self._grace.stop()
        if process is not None:
            process.deleteLater()
            self.ended.emit(sentence)


def interpreter() -> str:
    """Return the path of the Python that this process runs in.

    ``sys.executable`` may be another program, such as napari bundled as an application.

    Raises
    ------
    Failure
        If it is not found.
    """
    own = Path(sys.executable or "")
    names = ("python.exe",) if os.name == "nt" else (f"python3.{sys.version_info[1]}", "python3")
    if own.name.lower() == "pythonw.exe":
        own = own.with_name("python.exe")
    if own.name.lower().startswith("python") and own.is_file():
        return str(own)
    base = Path(sys.prefix)
    for folder in (base, base / "bin", base / "Scripts", own.parent):
        for name in (*names, "python"):
            if (folder / name).is_file():
                return str(folder / name)
    raise Failure(
        f"there is no Python beside {own} to run another process with; install napari with conda or"
        " pip, or use the command line in a terminal"
    )


def _environment() -> QProcessEnvironment:
    environment = QProcessEnvironment.systemEnvironment()
    # Idle threads sleep rather than spin: the window needs the cores, too.
    environment.insert("OMP_WAIT_POLICY", "PASSIVE")
    environment.insert("PYTHONUTF8", "1")
    return environment


def _request_stop(process: QProcess) -> None:
    process.write(b"stop\n")
    process.closeWriteChannel()  # the end of its input means the same


def _detach(process: QProcess, *, asked: bool) -> None:
    """Let a child end by itself, and kill it if it does not."""
    _detached.add(process)
    process.finished.connect(lambda *_: _forget(process))
    grace = QTimer(process)
    grace.setSingleShot(True)
    grace.timeout.connect(process.kill)
    grace.start(GRACE_MS)
    if not asked:
        _request_stop(process)


def command_line(what: str, parent: QObject | None = None) -> Process:
    """Return a process that runs the command line.

    Parameters
    ----------
    what : str
        Name of the process in messages, such as "the training".
    """
    return Process("napari_spatial_embeddings.cli", PROGRAM, what, parent)


@cache
def _end_at_quit() -> None:
    application = QCoreApplication.instance()
    if application is not None:
        application.aboutToQuit.connect(_end_all)
    atexit.register(_end_all)  # an application that is never quit, as in a script


def _forget(process: QProcess) -> None:
    _detached.discard(process)
    with suppress(RuntimeError):  # it is being deleted
        process.deleteLater()


def _end_all() -> None:
    for one in list(_started):
        with suppress(RuntimeError):  # it is deleted already
            one.close()
    for process in list(_detached):
        _kill(process)


def _kill(process: QProcess) -> None:
    process.kill()
    process.waitForFinished(GRACE_MS)  # at once, unless the system is in trouble
