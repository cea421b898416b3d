"""Reader of GeoJSON, as QuPath writes it and other programs do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.errors import FileError, reading

from .json_files import read_json
from .outlines import NOWHERE, Outline, Outlines, Place, dot, labels_of_pieces, ring

GEOMETRIES = ("Point", "MultiPoint", "Polygon", "MultiPolygon", "GeometryCollection")
OTHERS = ("LineString", "MultiLineString")

OBJECTS = ("detection", "cell")
"""Kinds of QuPath's that are objects wherever they are; annotations may be regions around them."""

NO_OBJECTS = ("tile", "tma_core", "tmacore", "root")
"""Kinds of QuPath's that are parts of a slide."""

IGNORED = "*"
"""End of the names of QuPath's classes that are no objects: ``Ignore*``, ``Region*``."""

MAX_LABEL = 2**31 - 1


@dataclass(slots=True)
class _Found:
    """What was found so far; labels count from 1 unless the file gives them."""

    pieces: list[Outline] = field(default_factory=list)
    dots: list[Outline] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    classes: dict[int, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, what: str) -> None:
        self.left_out[what] = self.left_out.get(what, 0) + 1


def read_geojson(path: str | Path) -> Outlines:
    """Read polygons and points.

    A collection of features, a plain list of them, one feature, or a geometry. Coordinates are
    pixels, x first, counted from the corner of the first pixel. A feature's class is its
    ``classification``, its place ``geometry.plane``, counted from 0; where no feature has one, it
    is not known. Where there are detections or cells, annotations are regions around them, and left
    out.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If it is no GeoJSON, or a geometry in it is damaged.
    """
    path = Path(path)
    with reading(path):
        facts = read_json(path)
        features = list(_features(facts, path))
    kinds = [_kind(feature) for feature in features]
    apart = any(kind in OBJECTS for kind in kinds)
    # QuPath leaves the plane out where it is the first one.
    planes = any(_geometry(f).get("plane") for f in features)
    try:
        places = [_place(_geometry(feature), planes) for feature in features]
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FileError(f"{path}: a plane is damaged; expected whole numbers z and t") from error
    given = labels_of_pieces(
        [_label(feature) for feature in features], places, list(map(_class, features))
    )
    free = max([0, *(n for n in given if n is not None)]) + 1
    found = _Found()
    for n, (feature, kind, own) in enumerate(zip(features, kinds, given, strict=True)):
        class_name, name = _class(feature), _name(feature)
        if kind in NO_OBJECTS:
            found.leave_out(kind.replace("_", " "))
        elif kind == "annotation" and apart:
            found.leave_out("annotation")
        elif class_name.endswith(IGNORED):
            found.leave_out(f"object of the class {class_name}")
        else:
            try:
                used = _add(found, _geometry(feature), free if own is None else own, free, planes)
            except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
                raise FileError(
                    f"{path}: the geometry of feature {n + 1}{f' ({name})' if name else ''} is"
                    f" damaged ({_reason(error)}); expected rings of corners x, y; export it again"
                ) from error
            for label in used:
                found.names.setdefault(label, name or f"feature {n + 1}")
                if class_name:
                    found.classes.setdefault(label, class_name)
            free = max([free, *(label + 1 for label in used)])
    notes = [f"{plural(count, what)} left out" for what, count in found.left_out.items()]
    return Outlines(found.pieces, found.names, found.classes, tuple(found.dots), tuple(notes))


def _features(facts: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield features; a geometry alone is a feature as well."""
    if isinstance(facts, dict) and facts.get("type") == "FeatureCollection":
        facts = facts.get("features")
    several = facts if isinstance(facts, list) else [facts]
    for n, one in enumerate(several):
        kind = one.get("type") if isinstance(one, dict) else None
        if kind == "Feature":
            yield one
        elif isinstance(kind, str) and kind in (*GEOMETRIES, *OTHERS):
            yield {"geometry": one}
        elif isinstance(kind, str) and kind == "FeatureCollection":
            yield from _features(one, path)
        else:
            where = f"its entry {n + 1}" if len(several) > 1 else "it"
            raise FileError(
                f"{path} is no GeoJSON: {where} is no feature and no geometry; expected a"
                " FeatureCollection, as QuPath exports it, or a list of features"
            )


def _geometry(feature: Mapping[str, Any]) -> dict[str, Any]:
    geometry = feature.get("geometry")
    return geometry if isinstance(geometry, dict) else {}


def _properties(feature: Mapping[str, Any]) -> dict[str, Any]:
    found = feature.get("properties")
    return found if isinstance(found, dict) else {}


def _kind(feature: Mapping[str, Any]) -> str:
    facts = _properties(feature)
    kind = next((facts[k] for k in ("objectType", "object_type", "type") if facts.get(k)), "")
    return str(kind).lower()


def _class(feature: Mapping[str, Any]) -> str:
    """Return the class of a feature, as QuPath has it, or as others do; empty for none."""
    facts = _properties(feature)
    found = facts.get("classification", facts.get("class", ""))
    if isinstance(found, dict):
        found = found.get("name") or found.get("names") or ""
    if isinstance(found, list):
        found = ": ".join(map(str, found))
    return found.strip() if isinstance(found, str) else ""


def _name(feature: Mapping[str, Any]) -> str:
    name = _properties(feature).get("name")
    return name.strip() if isinstance(name, str) else ""


def _label(feature: Mapping[str, Any]) -> int | None:
    """Return the label that a feature gives, by which its pieces in several slices are one."""
    facts = _properties(feature)
    inner = facts.get("metadata")
    found = facts.get("label", inner.get("label") if isinstance(inner, dict) else None)
    text = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
    plain = re.fullmatch(r"\d{1,10}", text)
    return int(text) if plain and 0 < int(text) <= MAX_LABEL else None


def _add(
    found: _Found, geometry: Mapping[str, Any], label: int, free: int, planes: bool
) -> list[int]:
    """Add a geometry; return the labels that it has, which are new from ``free`` on."""
    kind, inside = geometry.get("type"), geometry.get("coordinates")
    place = _place(geometry, planes)
    if kind == "GeometryCollection":
        used: list[int] = []
        for one in geometry.get("geometries") or ():
            own = {**one, "plane": one.get("plane") or geometry.get("plane")}
            used += _add(found, own, label, max([free, *(n + 1 for n in used)]), planes)
        return used
    if kind in OTHERS or kind not in GEOMETRIES:
        found.leave_out("line" if kind in OTHERS else "feature without a geometry")
        return []
    if inside is None:
        raise ValueError("it has no coordinates")
    if kind in ("Polygon", "MultiPolygon"):
        for rings in [inside] if kind == "Polygon" else inside:
            made = tuple(ring(one) for one in rings)
            found.pieces.append(Outline(label, made, place=place))
        return [label]
    points = [inside] if kind == "Point" else inside
    labels = [label, *range(max(free, label + 1), max(free, label + 1) + len(points) - 1)]
    labels = labels[: len(points)]
    for own_label, point in zip(labels, points, strict=True):
        ((y, x),) = ring([point])
        found.dots.append(dot(own_label, y, x, place))
    return labels


def _place(geometry: Mapping[str, Any], planes: bool) -> Place:
    if not planes:
        return NOWHERE
    plane = geometry.get("plane") or {}
    return Place(*(max(0, int(plane.get(axis) or 0)) for axis in "zt"))


def _reason(error: Exception) -> str:
    text = str(error).splitlines()
    return text[0][:120] if text and isinstance(error, ValueError) else "no list of corners"
