"""Make the pictures of the plugin: drive its window as a person does, and photograph it.

``python docs/make_screenshots.py`` writes ``docs/images/plugin-*.png``; it needs a screen, such as
``xvfb-run -s "-screen 0 1280x800x24"`` gives one. The image on them is drawn by the package.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin.robot import Person

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

SIZE = (1280, 800)
"""Of the window: that of a small notebook's screen."""


@contextmanager
def home() -> Iterator[None]:
    """Keep projects out of the real home folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("HOME", "USERPROFILE"):
            os.environ[name] = folder
        yield


def photograph(person: Person, folder: Path, minutes: float) -> Iterator[str]:
    """Go through the loop once, and take a picture at each stage."""
    from plugin.whole_loop import generated, loop

    for stage in loop(person, generated(), minutes):
        person.shoot(folder / f"plugin-{stage}.png")
        yield stage


def main() -> None:
    """Open a window, and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--minutes", type=float, default=1.0, help="to train")
    chosen = parser.parse_args()
    with home():
        from napari import Viewer

        from plugin.robot import Person

        viewer = Viewer()
        viewer.theme = chosen.theme
        viewer.window.resize(*SIZE)
        try:
            for stage in photograph(Person(viewer), chosen.output, chosen.minutes):
                print(stage, flush=True)
        finally:
            viewer.close()


if __name__ == "__main__":
    main()
