"""The annotation layers of all images in the viewer: made, watched, counted and saved."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.adopt import adopt
from napari_spatial_embeddings.annotations import BACKGROUND
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import KINDS

from . import _layers
from ._drawn import add, contents, drawn, labels_layer, regions_layer
from ._jobs import Latest
from .colours import colormap
from .strokes import Strokes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_spatial_embeddings.project import Annotation, Project
    from napari_spatial_embeddings.session import Result

    from .workspace import Workspace

LARGEST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much is drawn on an image.

    Parameters
    ----------
    objects : mapping
        Number of objects of each class.
    regions : int
        Number of regions in which everything is drawn.
    background : bool
        Whether there are strokes of background.
    digest : int
        Of the labels.
    """

    objects: dict[str, int] = field(default_factory=dict)
    regions: int = 0
    background: bool = False
    digest: int = 0

    @property
    def total(self) -> int:
        """Number of objects."""
        return sum(self.objects.values())

    def told(self, classes: Sequence[str] = ()) -> str:
        """Return the counts for people to read, with those of the classes if they are given."""
        objects = _many(self.total, "object")
        if classes and self.total:
            each = (f"{self.objects.get(name, 0)} {name}" for name in classes)
            objects += f" ({', '.join(each)})"
        parts = [objects]
        if self.regions:
            parts.append(_many(self.regions, "region"))
        if self.background:
            parts.append("background")
        return ", ".join(parts)

    def __str__(self) -> str:
        return self.told()


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def count(
    labels: NDArray[np.integer[Any]], classes: dict[int, str], default: str, regions: int
) -> Drawn:
    """Count what is drawn. May run in a thread, while the labels change."""
    flat, block = labels.reshape(-1), 1 << 20
    present: set[int] = set()
    digest = 0
    for start in range(0, len(flat), block):  # other threads get their turn between two blocks
        part = np.ascontiguousarray(flat[start : start + block])
        digest = zlib.crc32(part.data, digest)
        top = int(part.max(initial=0))
        if top > block:
            present.update(np.unique(part).tolist())
        elif top > 0:
            present.update(np.flatnonzero(np.bincount(part.clip(0), minlength=1)).tolist())
    named = [classes.get(k, default) for k in present if k > 0]
    found = Counter(name for name in named if name != BACKGROUND)
    return Drawn(dict(found), regions, BACKGROUND in named, digest)


class AnnotationLayers(QObject):
    """What people draw, on all images.

    Parameters
    ----------
    workspace : Workspace
    """

    changed = Signal()
    """Something is drawn, counted, or another tool is chosen."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self.counts: dict[str, Drawn] = {}
        self.each, self.class_name = True, self.session.classes[0]
        self._strokes: dict[str, Strokes] = {}
        self._regions: dict[str, Shapes] = {}
        self._revision: Counter[str] = Counter()
        self._saved: dict[str, int] = {}
        self._coloured: dict[str, tuple[dict[int, str], str, int]] = {}
        self._seen: tuple[Any, ...] = ()
        self._counting = Latest(lambda request: count(*request[1]), self)
        self._counting.done.connect(self._counted)
        self._counting.failed.connect(lambda problem: self.session.say(problem, "error"))
        self._to_count: list[str] = []
        workspace.images_changed.connect(self._sync)
        workspace.at_pause.append(self._save)
        self.session.classes_changed.connect(self._classes_changed)
        self.session.project_changed.connect(self._project_changed)
        self._sync()

    def close(self) -> None:
        """Let go of the layers."""
        self.workspace.images_changed.disconnect(self._sync)
        self.workspace.at_pause.remove(self._save)
        self.session.classes_changed.disconnect(self._classes_changed)
        self.session.project_changed.disconnect(self._project_changed)
        self._counting.close()
        for key in list(self._strokes):
            self._detach(key)
        for key in list(self._regions):
            self._detach_regions(key)

    # ---------------------------------------------------------------- layers

    def strokes(self, key: str | None) -> Strokes | None:
        """Return what numbers the strokes on an image; None before there is a layer for them."""
        return self._strokes.get(key) if key else None

    def regions(self, key: str | None) -> Shapes | None:
        """Return the layer of an image's regions; None before there is one."""
        return self._regions.get(key) if key else None

    def begin(self) -> Strokes:
        """Return the strokes on the current image; its layer is made if needed, and selected.

        Raises
        ------
        InputError
            If there is no image, or it cannot be used.
        """
        key = self.session.image
        if key not in self._strokes:
            picture = self.workspace.picture()  # or a sentence why it cannot be used
            assert key is not None
            if not self._restore(key):
                shape = picture.data.shape[1:]
                place = self.workspace.place(key)
                empty = np.zeros(shape, np.int32)
                add(self.workspace.viewer, labels_layer(key, picture.name, empty, {}, False, place))
            layer = self._strokes[key].layer
            layer.brush_size = int(np.clip(min(picture.data.shape[-2:]) / 50, 3, 20))
        assert key is not None
        strokes = self._strokes[key]
        self._show(strokes.layer)
        return strokes

    def begin_region(self) -> Shapes:
        """Return the regions of the current image, ready to draw one; the layer is made if needed.

        Raises
        ------
        InputError
            If there is no image, or it cannot be used.
        """
        strokes = self.begin()
        key = str(_layers.image_key(strokes.layer))
        if key not in self._regions:
            name = strokes.layer.name.removesuffix(" · annotations")
            place = self.workspace.place(key)
            add(
                self.workspace.viewer,
                regions_layer(key, name, strokes.layer.ndim, (), place),
            )
            width = max(1.0, min(strokes.layer.data.shape[-2:]) / 200)
            self._regions[key].current_edge_width = width
        layer = self._regions[key]
        self._show(layer)
        layer.mode = "add_rectangle"
        return layer

    def take(self, layer: Labels) -> str:
        """Add the objects of another layer to the annotations of the current image.

        Returns
        -------
        str
            What was done, as a sentence.

        Raises
        ------
        InputError
            If it covers other pixels, or holds no object.
        """
        data = np.asarray(layer.data[0] if layer.multiscale else layer.data)
        strokes = self.begin()
        mine = strokes.layer
        while data.ndim > mine.ndim and data.shape[0] == 1:
            data = data[0]
        if data.shape != mine.data.shape:
            raise InputError(
                f"{layer.name} has the shape {data.shape}, the image {mine.data.shape}: they must"
                " cover the same pixels"
            )
        free = (data > 0) & (np.asarray(mine.data) == 0)
        ids, dense = np.unique(data[free], return_inverse=True)
        if not len(ids):
            raise InputError(f"{layer.name} holds no object where none is drawn yet")
        # Ids stay as they are where that is possible; else they are numbered on.
        first = strokes.next
        keeps = first == 1 and int(ids[-1]) <= min(LARGEST, 10 * data.size)
        values = data[free] if keeps else dense + first
        names = ids if keeps else np.arange(len(ids)) + first
        strokes.classes.update((int(k), self.class_name) for k in names)
        with mine.events.paint.blocker():  # it is no stroke
            mine.data_setitem(np.nonzero(free), values.astype(np.int32))
        strokes.recount()
        strokes.changed.emit()
        layer.visible = False  # it would lie over what is painted from now on
        return f"{_many(len(ids), 'object')} of {layer.name} copied"

    def adopt(self, result: Result, labels: Iterable[int]) -> str:
        """Add objects that were found to the annotations of the current image.

        Returns
        -------
        str
            What was done, as a sentence.

        Raises
        ------
        InputError
            If there is no such object, or each is drawn already.
        """
        found, labels = result.instances, list(labels)
        if found is None or not labels:
            raise InputError("there is no object to be used as annotation")
        active = self.workspace.viewer.layers.selection.active
        strokes = self.begin()
        layer = strokes.layer
        new, index = adopt(np.asarray(layer.data), found, labels)
        if not index:
            raise InputError("these objects are among the annotations already")
        names = [*self.session.classes]
        if len(result.classes) > 1:
            names = list(result.classes)
            self._learn([name for name in names if name not in self.session.classes])
        strokes.classes.update((label, names[k]) for label, k in index.items())
        changed = np.nonzero(new != layer.data)
        with layer.events.paint.blocker():  # it is no stroke
            layer.data_setitem(changed, new[changed])
        strokes.recount()
        strokes.changed.emit()
        self.workspace.viewer.layers.selection.active = active
        return f"{_many(len(index), 'object')} added to the annotations: train again to learn them"

    def set_scribbled(self, scribbled: bool) -> None:
        """Say whether the strokes on the current image cover only part of their objects."""
        strokes = self.strokes(self.session.image)
        if strokes is not None:
            _layers.mark(strokes.layer, scribbled=scribbled)
            self._touch(str(self.session.image))

    def set_each(self, each: bool) -> None:
        """Say whether each stroke is a new object."""
        self.each = each
        for strokes in self._strokes.values():
            strokes.each = each

    def set_class(self, name: str) -> None:
        """Choose the class of the objects that are drawn from now on."""
        self.class_name = name
        for key, strokes in self._strokes.items():
            strokes.class_name = name
            if len(self.session.classes) > 1:
                self._colour(key)  # those of the strokes to come
        self.changed.emit()

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, wherever it is used.

        Raises
        ------
        InputError
            If the name cannot be used.
        """
        new = new.strip()
        if new == old:
            return
        if not new or new in self.session.classes or new == BACKGROUND:
            raise InputError(f"'{new}' cannot be the name of a class: it is empty or in use")
        for key, strokes in self._strokes.items():
            for label, name in strokes.classes.items():
                if name == old:
                    strokes.classes[label] = new
            self._revision[key] += 1
        if self.class_name == old:
            self.set_class(new)
        names = tuple(new if name == old else name for name in self.session.classes)
        self.session.set_classes(names)
        project, open_now = self.session.project, set(self._strokes)
        if project is not None:
            self.workspace.write(partial(_rename, project, open_now, old, new))

    def remove_class(self, name: str) -> None:
        """Remove a class.

        Raises
        ------
        InputError
            If it is the only one, or objects have it.
        """
        if len(self.session.classes) == 1:
            raise InputError("there must be one class at least")
        used = sum(drawn.objects.get(name, 0) for drawn in self.counts.values())
        if used:
            raise InputError(
                f"{_many(used, 'object')} of the class '{name}' are drawn; give them another first"
            )
        self.session.set_classes(tuple(x for x in self.session.classes if x != name))

    # ---------------------------------------------------------------- events

    def _sync(self) -> None:
        """Watch the layers that are there now."""
        viewer = self.workspace.viewer
        labels = {str(_layers.image_key(x)): x for x in _layers.ours(viewer, "annotations")}
        shapes = {str(_layers.image_key(x)): x for x in _layers.ours(viewer, "regions")}
        for key in [k for k, s in self._strokes.items() if labels.get(k) is not s.layer]:
            self._detach(key)
        for key in [k for k, x in self._regions.items() if shapes.get(k) is not x]:
            self._detach_regions(key)
        for key in labels.keys() - self._strokes.keys():
            self._attach(key, labels[key])
        for key in shapes.keys() - self._regions.keys():
            self._regions[key] = shapes[key]
            shapes[key].events.data.connect(self._region_drawn)
            self._request(key)
        self.changed.emit()

    def _attach(self, key: str, layer: Labels) -> None:
        known = list(dict.fromkeys(_layers.facts(layer)["classes"].values()))
        self._learn([name for name in known if name != BACKGROUND])
        strokes = self._strokes[key] = Strokes(layer, self)
        strokes.each, strokes.class_name = self.each, self.class_name
        strokes.changed.connect(partial(self._touch, key))
        strokes.tool_changed.connect(self.changed)
        layer.events.set_data.connect(self._refreshed)
        if self._outdated(key):
            self._colour(key)
        project = self.session.project
        if project is None or not any(entry.key == key for entry in project.card.images):
            self._revision[key] += 1  # a sample's, or those of a session before
        else:
            self._saved[key] = self._revision[key]
        self._request(key)

    def _detach(self, key: str) -> None:
        strokes = self._strokes.pop(key)
        strokes.layer.events.set_data.disconnect(self._refreshed)
        strokes.close()
        strokes.deleteLater()
        self.counts.pop(key, None)
        self._coloured.pop(key, None)

    def _detach_regions(self, key: str) -> None:
        self._regions.pop(key).events.data.disconnect(self._region_drawn)

    def _learn(self, names: list[str]) -> None:
        """Take over classes that come with a layer."""
        known = self.session.classes
        unused = len(known) == 1 and not any(drawn.total for drawn in self.counts.values())
        kept = known if not unused or not names or known[0] in names else ()
        new = (*kept, *(name for name in names if name not in kept))
        if new != known:
            self.session.set_classes(new)

    def _touch(self, key: str) -> None:
        self._revision[key] += 1
        self._request(key)
        if key in self._strokes and self._outdated(key):
            self._colour(key)
        self.workspace.touch()
        self.changed.emit()

    def _refreshed(self, event: Any) -> None:
        """See a layer drawn again: after an undo perhaps, unless another slice is shown."""
        dims = self.workspace.viewer.dims
        seen = (dims.current_step, dims.order, dims.ndisplay)
        if seen == self._seen:
            self._request(str(_layers.image_key(event.source)))
        self._seen = seen

    def _region_drawn(self, event: Any) -> None:
        self._touch(str(_layers.image_key(event.source)))

    def _classes_changed(self) -> None:
        if self.class_name not in self.session.classes:
            self.set_class(self.session.classes[0])
        for key in self._strokes:
            if key in self._coloured or len(self.session.classes) > 1:
                self._colour(key)
            self._request(key)
        self.changed.emit()

    def _project_changed(self) -> None:
        self._saved.clear()

    def _show(self, layer: Labels | Shapes) -> None:
        layer.visible = True
        self.workspace.viewer.layers.selection.active = layer

    # --------------------------------------------------------------- colours

    def _outdated(self, key: str) -> bool:
        """Tell whether a label has the colour of another class, or none of its own."""
        strokes = self._strokes[key]
        if key not in self._coloured:
            return len(self.session.classes) > 1 or strokes.background is not None
        shown, coming, size = self._coloured[key]
        wrong = (name != shown.get(k, coming) for k, name in strokes.classes.items())
        return strokes.next > size or any(wrong)

    def _colour(self, key: str) -> None:
        strokes = self._strokes[key]
        size = 2 * strokes.next
        wanted = colormap(strokes.classes, self.session.classes, self.class_name, size)
        strokes.layer.colormap = wanted
        self._coloured[key] = dict(strokes.classes), self.class_name, size

    # ---------------------------------------------------------------- counts

    def _request(self, key: str) -> None:
        if key in self._to_count:
            self._to_count.remove(key)
        self._to_count.append(key)
        if not self._counting.busy:
            self._next_count()

    def _next_count(self) -> None:
        while self._to_count:
            key = self._to_count.pop(0)
            strokes, regions = self._strokes.get(key), self._regions.get(key)
            if strokes is not None:
                marked = 0 if regions is None else sum(k in KINDS for k in regions.shape_type)
                default = self.session.classes[0]
                what = (strokes.layer.data, dict(strokes.classes), default, marked)
                self._counting.request((key, what))
                return

    def _counted(self, request: Any, drawn: Drawn) -> None:
        key = request[0]
        if key in self._strokes:
            before = self.counts.get(key)
            if before is not None and before.digest != drawn.digest:
                self._revision[key] += 1
                self.workspace.touch()
            self.counts[key] = drawn
            self.changed.emit()
        self._next_count()

    # ---------------------------------------------------------------- saving

    def _restore(self, key: str) -> bool:
        """Show what the project knows of an image; tell whether there was anything."""
        project = self.session.project
        if project is None or not any(entry.key == key for entry in project.card.images):
            return False
        self.workspace.finish()
        layers = contents(project, key, image=False)
        for layer in layers:
            layer[1].update(self.workspace.place(key))
            add(self.workspace.viewer, layer)
        return bool(layers)

    def _save(self) -> None:
        for key, strokes in self._strokes.items():
            revision = self._revision[key]
            if revision != self._saved.get(key):
                annotation = drawn(strokes.layer, self._regions.get(key))
                work = partial(self._write, key, annotation, revision)
                with self.workspace.session.speaking():  # Qt swallows what a slot raises
                    self.workspace.storage.keep(key, work)

    def _write(self, key: str, annotation: Annotation, revision: int, project: Project) -> None:
        """Write an annotation; runs in the thread that writes.

        Painting may go on meanwhile. A stroke may then be written in part, and is written whole at
        the next pause.
        """
        project.save_annotation(key, replace(annotation, labels=np.array(annotation.labels)))
        self._saved[key] = revision


def _rename(project: Project, but: set[str], old: str, new: str) -> None:
    """Rename a class in the annotations of a project's images, but for some."""
    for entry in project.card.images:
        annotation = project.annotation(entry.key) if entry.key not in but else None
        if annotation is not None and old in annotation.classes.values():
            names = {k: new if v == old else v for k, v in annotation.classes.items()}
            project.save_annotation(entry.key, replace(annotation, classes=names))
