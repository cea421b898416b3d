"""Bars in napari's activity dock."""

from __future__ import annotations

import io

from napari.utils import progress


class ActivityBar:
    """A bar in the activity dock, which comes with the first step that is shown in it.

    napari runs the event loop while it adds a bar: call this from the event loop only.
    """

    def __init__(self) -> None:
        self._bar: progress | None = None
        self._adding = self._wanted = False

    def show(self, text: str, done: int, total: int) -> None:
        """Show how much is done; a total of 0 where it is not known."""
        if self._adding:
            return
        self._wanted = True
        if self._bar is None:
            self._adding = True
            # Without a window tqdm would write into the terminal.
            # The format has no counts and no rate behind the bar: they are not those of the work.
            self._bar = progress(
                total=total, desc=text, file=io.StringIO(), bar_format="{desc}|{bar}|"
            )
            self._adding = False
        if not self._wanted:  # closed meanwhile
            self.close()
            return
        if self._bar.total != total:
            self._bar.total = total
        self._bar.set_description(text)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        self._wanted = False
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
