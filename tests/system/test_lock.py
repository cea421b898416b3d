"""Locks between processes: one holder, released however it ends, and disks that have none."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.system.lock import exclusive_lock

HOLD = """
import sys
from pathlib import Path
from napari_spatial_embeddings.system.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_and_none_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="busy"), exclusive_lock(path, "busy"):
            pass
        holder.kill()
        holder.wait()
    with exclusive_lock(path, "busy"):
        pass
    with exclusive_lock(path, "busy"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks differently on Windows")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_disks_without_locks_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    entered = 0
    for _ in range(2):
        with exclusive_lock(tmp_path / ".lock", "busy"):
            entered += 1
    assert entered == 2


def test_where_nothing_can_be_written_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"), exclusive_lock(tmp_path / "nowhere/.lock", ""):
        pass
