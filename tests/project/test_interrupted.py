"""A process that dies, or is refused, in the middle of writing leaves a project that opens.

The process counts whatever it asks of the file system that may change it, and is stopped at each
of these moments in turn: at the first, at the second, until it gets through.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.training.annotation import BACKGROUND

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

JOB = """
import errno, itertools, os, sys
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.training.annotation import BACKGROUND
from napari_spatial_embeddings.editing.corrections import Corrections
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.files import Region
from napari_spatial_embeddings.project import Annotation, Project

how, folder = sys.argv[1], Path(sys.argv[2])
triangle = [Region("polygon", np.eye(3, 2))]
left = 0


def watch(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    makes = event == "os.mkdir" and not os.path.isdir(arguments[0])
    if left and (writes or makes or event in {"os.rename", "os.remove", "os.truncate"}):
        left -= 1
        if left == 0 and how == "dies":
            os._exit(9)
        if left == 0:
            raise OSError(getattr(errno, how), os.strerror(getattr(errno, how)), arguments[0])


def corrections(label):
    one, pair = np.ones(1, np.float32), np.ones((1, 2), np.float32)
    return Corrections(
        np.full((8, 8), label, np.int32), np.full(1, label, np.int32), np.zeros(1, np.int64),
        one, pair, pair, np.zeros((1, 2), np.int64),
    )


def work(project):
    project.update(start="new")
    drawn = Annotation(np.full((8, 8), 2, np.int32), {2: BACKGROUND}, [], True)
    project.save_annotation("a", drawn)
    project.save_corrections("a", corrections(2))
    project.add_image(data=np.ones((1, 8, 8), np.uint8), name="b")
    project.save_annotation("b", Annotation(np.zeros((8, 8), np.int32), {}, triangle))
    project.remove_image("a")


def begin(at):
    project = Project.create(at, start="old")
    project.add_image(data=np.zeros((1, 8, 8), np.uint8), name="a")
    drawn = Annotation(np.ones((8, 8), np.int32), {1: "object"}, triangle)
    project.save_annotation("a", drawn)
    project.save_corrections("a", corrections(1))
    return project


sys.addaudithook(watch)
for moment in itertools.count(1):
    child = os.fork()
    if not child:
        project = begin(folder / str(moment))
        left = moment
        try:
            work(project)
        except (InputError, Failure) as error:
            (folder / f"{moment}.txt").write_text(f"{type(error).__name__}: {error}")
            os._exit(7)
        except BaseException as error:
            (folder / f"{moment}.txt").write_text(f"not a sentence: {error!r}")
            os._exit(8)
        os._exit(0 if left else 8)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        break
    assert code == (9 if how == "dies" else 7), (moment, code)
"""


def check(project: Project) -> str:
    """Whatever there is belongs together; return how far the work went, in letters."""
    start = project.card.start
    keys = "".join(entry.key for entry in project.card.images)
    assert start in ("old", "new")
    assert keys in ("a", "ab", "b")
    if "a" in keys:
        drawn, corrected = project.annotation("a"), project.corrections("a")
        assert drawn is not None
        assert corrected is not None
        (label,) = np.unique(drawn.labels)
        assert dict(drawn.classes) == ({1: "object"} if label == 1 else {2: BACKGROUND})
        assert drawn.scribbled == (label == 2)
        assert np.unique(corrected.labels).tolist() == corrected.ids.tolist()
    if "b" in keys:
        assert np.asarray(project.image("b").data).all()
        project.annotation("b")
    return f"{start} {keys}"


@pytest.mark.parametrize("how", ["dies", "ENOSPC", "EACCES"])
def test_at_every_moment(tmp_path: Path, how: str) -> None:
    script = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", JOB]
    done = subprocess.run(
        [*script, how, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    moments = sorted(int(path.name) for path in tmp_path.iterdir() if path.is_dir())
    assert len(moments) > 12
    found = [check(Project.open(tmp_path / str(moment))) for moment in moments]
    assert found == sorted(found, key=["old a", "new a", "new ab", "new b"].index)
    assert set(found) == {"old a", "new a", "new ab", "new b"}
    for moment in moments[:-1] if how != "dies" else ():
        said = (tmp_path / f"{moment}.txt").read_text()
        kind, text = {
            "ENOSPC": ("Failure", "No space left on device (make room there)"),
            "EACCES": ("FileError", "Permission denied"),
        }[how]
        assert said.startswith(f"{kind}: ")
        assert said.endswith(f"cannot be written: {text}")
        assert not list((tmp_path / str(moment)).rglob("*.part"))
    # What was left half done is in nobody's way.
    project = Project.open(tmp_path / str(moments[0]))
    project.update(start="newer")
    assert Project.open(project.folder).card.start == "newer"


FULL = """
import resource, signal, sys
import numpy as np
from napari_spatial_embeddings.project import Annotation, Project
project = Project.open(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
rng = np.random.default_rng(0)
for write in (
    lambda: project.add_image(data=rng.integers(0, 255, (1, 99, 99), np.uint8)),
    lambda: project.save_annotation("a", Annotation(rng.integers(0, 99, (99, 99), np.int32))),
    lambda: project.update(start="x" * 5000),
):
    try:
        write()
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_no_room_in_the_middle_of_a_file(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    project.add_image(data=np.zeros((1, 99, 99), np.uint8), name="a")
    before = sorted(path.name for path in tmp_path.rglob("*.*"))
    script = [sys.executable, "-W", "error", "-c", FULL, str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(said := done.stdout.splitlines()) == 3
    assert all("cannot be written: File too large" in line for line in said)
    assert Project.open(tmp_path).card == project.card
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == before
