#!/usr/bin/env bash
# traccuracy cannot score what geff's own converter makes of a TrackMate file.
#
# Expected: the two libraries come from one group; `from_trackmate_xml_to_geff` writes a GEFF with
#   axes, and traccuracy's `load_geff_data` reads a GEFF with axes. Points are compared by
#   `PointMatcher`, as TrackMate's spots carry no label image.
# Seen: the converter makes POSITION_T (physical time, a float, in seconds here) the time axis and
#   leaves FRAME a plain attribute; traccuracy takes the time axis for the frame number. Loading
#   passes, matching a file with itself raises TypeError "'float' object cannot be interpreted as an
#   integer", even where a frame is one second. With FRAME as the time axis the same graph scores 1.
# Versions: geff 1.3.1.1.3, traccuracy 0.4.3; seen on 2026-11-29, Python 3.11, Linux. The XML is as
#   TrackMate 7 writes it, with what the converter reads.
# Known: geff's issue 439 (closed) leaves open whether a time axis means frames or time; no issue
#   about the two together was found.
# Matters: links that are to be compared with a biologist's TrackMate session need their frames from
#   FRAME; a GEFF for other software has the frame number as its time axis, and seconds beside it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    geff==1.3.1.1.3 geff-spec==1.3.0 traccuracy==0.4.3 pylapy==1.1.0 \
    numpy==2.4.6 networkx==3.6.1 zarr==3.1.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import logging
import sys
from importlib.metadata import version
from pathlib import Path

import geff
from geff.convert import from_trackmate_xml_to_geff
from traccuracy import TrackingGraph, run_metrics
from traccuracy.loaders import load_geff_data
from traccuracy.matchers import PointMatcher
from traccuracy.metrics import BasicMetrics

logging.disable(logging.WARNING)
print("geff", version("geff"), "traccuracy", version("traccuracy"))


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"geff or traccuracy has changed: {what} was {known}")


def trackmate(interval, frames=4, tracks=2):
    """Return a session with spots that move straight down, one frame every `interval` seconds."""

    def spot(f, k):
        return (
            f'<Spot ID="{10 * f + k}" name="ID{10 * f + k}" QUALITY="1.0" POSITION_X="{5.0 + 20 * k}"'
            f' POSITION_Y="{6.0 + f}" POSITION_Z="0.0" POSITION_T="{f * interval}" FRAME="{f}"'
            ' RADIUS="2.5" VISIBILITY="1" />'
        )

    def edge(f, k):
        return (
            f'<Edge SPOT_SOURCE_ID="{10 * f + k}" SPOT_TARGET_ID="{10 * f + 10 + k}"'
            f' LINK_COST="1.0" EDGE_TIME="{(f + 0.5) * interval}" />'
        )

    def feature(name, dimension, isint="false"):
        return (
            f'<Feature feature="{name}" name="{name}" shortname="{name}" dimension="{dimension}"'
            f' isint="{isint}" />'
        )

    times, links = range(frames), range(frames - 1)
    spots = "".join(
        f'<SpotsInFrame frame="{f}">{"".join(spot(f, k) for k in range(tracks))}</SpotsInFrame>'
        for f in times
    )
    edges = "".join(
        f'<Track name="Track_{k}" TRACK_ID="{k}">{"".join(edge(f, k) for f in links)}</Track>'
        for k in range(tracks)
    )
    positions = "".join(feature(f"POSITION_{a}", "POSITION") for a in "XYZ")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1"><Log>log</Log><Model spatialunits="micron" timeunits="sec">
<FeatureDeclarations><SpotFeatures>{feature("QUALITY", "QUALITY")}{positions}
{feature("POSITION_T", "TIME")}{feature("FRAME", "NONE", "true")}{feature("RADIUS", "LENGTH")}
{feature("VISIBILITY", "NONE", "true")}</SpotFeatures><EdgeFeatures>
{feature("SPOT_SOURCE_ID", "NONE", "true")}{feature("SPOT_TARGET_ID", "NONE", "true")}
{feature("LINK_COST", "COST")}{feature("EDGE_TIME", "TIME")}</EdgeFeatures>
<TrackFeatures>{feature("TRACK_ID", "NONE", "true")}</TrackFeatures></FeatureDeclarations>
<AllSpots nspots="{frames * tracks}">{spots}</AllSpots><AllTracks>{edges}</AllTracks>
<FilteredTracks>{"".join(f'<TrackID TRACK_ID="{k}" />' for k in range(tracks))}</FilteredTracks>
</Model><Settings><ImageData filename="movie.tif" folder="/data" width="64" height="64" nslices="1"
nframes="{frames}" pixelwidth="1.0" pixelheight="1.0" voxeldepth="1.0" timeinterval="{interval}" />
</Settings><GUIState state="ConfigureViews" /><DisplaySettings>{{}}</DisplaySettings></TrackMate>"""


def score(load):
    """Return the F1 of the links of a graph that is compared with itself, or the error's kind."""
    try:
        results, _ = run_metrics(load(), load(), PointMatcher(1), [BasicMetrics()])
    except TypeError as error:
        return f"TypeError: {error}"
    return float(results[0]["results"]["Edge F1"])


for interval in (1.0, 30.0):
    xml = Path(f"movie_{interval:.0f}s.xml")
    xml.write_text(trackmate(interval))
    store = xml.with_suffix(".geff")
    from_trackmate_xml_to_geff(xml, store)

    def by_axes(store=store):
        return load_geff_data(str(store))

    def by_frame(store=store):
        graph, _ = geff.read(store, backend="networkx")
        places = ("POSITION_Y", "POSITION_X")
        return TrackingGraph(graph, frame_key="FRAME", label_key=None, location_keys=places)

    seen = by_axes()
    known = ("POSITION_T", [float(interval * f) for f in range(4)])
    frames = [float(f) for f in sorted(seen.nodes_by_frame)]
    expect(f"{interval} s: time axis and 'frames'", (seen.frame_key, frames), known)
    error = "TypeError: 'float' object cannot be interpreted as an integer"
    expect(f"{interval} s: score by the axes", score(by_axes), error)
    expect(f"{interval} s: score by FRAME", score(by_frame), 1.0)
PY
