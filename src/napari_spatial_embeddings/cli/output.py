"""Results of ``predict`` and ``cluster``: labels and tables, and the files that were skipped."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError

from .flags import CallError, checked_folder

if TYPE_CHECKING:
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.outputs import Outputs


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `ResultWriter` takes of a command's flags."""
    parser.add_argument(
        "--table", action="store_true", help="Write each image's objects: NAME.csv."
    )
    parser.add_argument("--ome", action="store_true", help="Write OME-TIFF: NAME.ome.tif.")
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")


class ResultWriter:
    """Prints what becomes of each image, and goes on with the next after one that is unusable.

    Parameters
    ----------
    outputs : Outputs
        Where results are written; its folder is made.
    inputs : list of Input
        All that is to be read.
    as_json : bool
        Whether nothing but a summary as JSON is printed on stdout.

    Raises
    ------
    CallError
        If there is no such folder to write to, or two inputs have results of the same name.
    """

    def __init__(self, outputs: Outputs, inputs: list[Input], *, as_json: bool) -> None:
        if outputs.folder is not None:
            checked_folder(outputs.folder)
        self.outputs, self.inputs, self.as_json = outputs, inputs, as_json
        self.written: list[dict[str, Any]] = []
        self._failed: list[tuple[int, str]] = []
        self._frames = 0
        self._places = {one.name: k for k, one in enumerate(inputs)}
        self._in_file = Counter(one.path for one in inputs)
        names: dict[str, Input] = {}
        for one in inputs:
            if (other := names.setdefault(one.name, one)) is not one:
                raise CallError(
                    f"{other.path} and {one.path} would both become {one.name}.tif; give them"
                    " different names, or an --output each"
                )

    def check_apart(self) -> None:
        """Refuse to write labels among the images, or in the place of one."""
        folder = self.outputs.folder
        if folder is None:
            return
        home = folder.resolve()
        for path in {one.path.parent: one.path for one in self.inputs}.values():
            if path.parent.resolve() == home:
                raise CallError(
                    f"--output: {folder} holds {path.name}, an image to be segmented; choose"
                    " another folder, or labels would mix with images"
                )

    def skip(self, one: Input, error: InputError | Failure) -> None:
        """Report that an image is skipped, by its name too if others are in its file.

        Raises
        ------
        CallError, Failure
            If it is the only image.
        """
        text = str(error) if str(one.path) in str(error) else f"{one.path}: {error}"
        if self._in_file[one.path] > 1:
            text = f"{one.name}: {text}"
        if len(self.inputs) == 1:
            kind = Failure if isinstance(error, Failure) else CallError
            raise kind(text) from error
        self._fail(one, text)

    def lack(self, one: Input, text: str) -> None:
        """Report that a frame of a series is skipped, whose others are done."""
        self._frames += 1
        named = one.path.name in text or one.name in text
        self._fail(one, text if named else f"{one.name}: {text}")

    def _fail(self, one: Input, text: str) -> None:
        self._failed.append((self._places[one.name], text))
        write_line(text, sys.stderr)

    def wrote(self, labels: Path, objects: int, frames: int | None = None) -> None:
        """Report that an image, or a series of so many frames, is done."""
        facts = {"labels": str(labels), "objects": objects}
        self.written.append(facts if frames is None else {**facts, "frames": frames})
        among = "" if frames is None else f" in {plural(frames, 'frame')}"
        self.say(f"{labels}: {plural(objects, 'object')}{among}")

    def say(self, text: str) -> None:
        """Print a line, unless JSON is asked for."""
        if not self.as_json:
            write_line(text, sys.stdout)

    def close(self) -> int:
        """Print a summary, with all that failed; return the exit code."""
        failed = [text for _, text in sorted(self._failed, key=lambda one: one[0])]
        if self.as_json:
            sys.stdout.write(json.dumps({"written": self.written, "failed": failed}) + "\n")
        if failed:
            images = len(failed) - self._frames
            counts = [f"{images} of {len(self.inputs)} images"] if images else []
            counts += [plural(self._frames, "frame")] if self._frames else []
            count = f"{' and '.join(counts)} could not be used"
            write_line("\n  ".join([f"{count}:", *failed]), sys.stderr)
        return 1 if failed else 0


def write_line(text: str, file: Any) -> None:
    """Write a line above the progress bars, if there are any."""
    from tqdm import tqdm

    tqdm.write(text, file)
