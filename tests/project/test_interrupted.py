"""Interrupted writes: a process that dies, or gets an error, leaves a project that opens."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from child_python import start_python
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.project import Project

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

JOB = """
import errno, os, sys
from pathlib import Path

import numpy as np

from interruptions import interrupt_each_change
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.editing.corrections import Corrections
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.files import Region
from napari_spatial_embeddings.project import Annotation, Project

triangle = [Region("polygon", np.eye(3, 2))]


def corrections(label):
    one, pair = np.ones(1, np.float32), np.ones((1, 2), np.float32)
    return Corrections(
        np.full((8, 8), label, np.int32), np.full(1, label, np.int32), np.zeros(1, np.int64),
        one, pair, pair, np.zeros((1, 2), np.int64),
    )


def create(folder):
    project = Project.create(folder, start="old")
    project.add_image(data=np.zeros((1, 8, 8), np.uint8), name="a")
    annotated = Annotation(np.ones((8, 8), np.int32), {1: "object"}, triangle)
    project.save_annotation("a", annotated)
    project.save_corrections("a", corrections(1))
    return project


def change(project):
    project.update(start="new")
    annotated = Annotation(np.full((8, 8), 2, np.int32), {2: BACKGROUND}, [], True)
    project.save_annotation("a", annotated)
    project.save_corrections("a", corrections(2))
    project.add_image(data=np.ones((1, 8, 8), np.uint8), name="b")
    project.save_annotation("b", Annotation(np.zeros((8, 8), np.int32), {}, triangle))
    project.remove_image("a")


def work_in(folder):
    def work(moment, begin):
        project = create(folder / str(moment))
        begin()
        try:
            change(project)
        except (InputError, Failure) as error:
            (folder / f"{moment}.txt").write_text(f"{type(error).__name__}: {error}")
            return 7
        except BaseException as error:
            (folder / f"{moment}.txt").write_text(f"not a sentence: {error!r}")
            return 8
        return 0

    return work


def refuse(name):
    def interrupt(path):
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)), path)

    return interrupt


change(create(Path(sys.argv[1]) / "warm-up"))  # import once, not in each fork
for name in ("dies", "ENOSPC", "EACCES"):
    interrupt, code = (lambda path: os._exit(9), 9) if name == "dies" else (refuse(name), 7)
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    interrupt_each_change(work_in(folder), interrupt, code)
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


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of interrupted projects, by kind of interruption and moment."""
    folder = tmp_path_factory.mktemp("interrupted")
    child = start_python(JOB, str(folder))
    output, complaint = child.communicate()
    assert (child.returncode, output, complaint) == (0, "", "")
    return folder


@pytest.mark.parametrize("how", ["dies", "ENOSPC", "EACCES"])
def test_at_every_moment(interrupted: Path, how: str) -> None:
    folder = interrupted / how
    moments = sorted(int(path.name) for path in folder.iterdir() if path.is_dir())
    assert len(moments) > 12
    found = [check(Project.open(folder / str(moment))) for moment in moments]
    assert found == sorted(found, key=["old a", "new a", "new ab", "new b"].index)
    assert set(found) == {"old a", "new a", "new ab", "new b"}
    for moment in moments[:-1] if how != "dies" else ():
        message = (folder / f"{moment}.txt").read_text()
        kind, text = {
            "ENOSPC": ("Failure", "No space left on device (make room there)"),
            "EACCES": ("FileError", "Permission denied"),
        }[how]
        assert message.startswith(f"{kind}: ")
        assert message.endswith(f"cannot be written: {text}")
        assert not list((folder / str(moment)).rglob("*.part"))
    # Leftovers do not prevent later writes.
    project = Project.open(folder / str(moments[0]))
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
    child = start_python(FULL, str(tmp_path))
    output, complaint = child.communicate()
    assert (child.returncode, complaint) == (0, "")
    assert len(errors := output.splitlines()) == 3
    assert all("cannot be written: File too large" in line for line in errors)
    assert Project.open(tmp_path).card == project.card
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == before
