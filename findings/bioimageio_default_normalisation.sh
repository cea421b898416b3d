#!/usr/bin/env bash
# bioimageio.core normalises an image by the images that were predicted before it, by default.
#
# Expected: a model description whose preprocessing is a plain `scale_range` (or
#   `zero_mean_unit_variance`) normalises each image by itself. The specification says of its
#   `axes`: "To normalize samples independently, leave out the 'batch' axis. Default: Scale all axes
#   jointly", and `create_prediction_pipeline` has `keep_updating_initial_dataset_statistics=False`.
# Seen: without `axes`, percentiles are those of the data set. With no initial data set they are
#   updated by every image that goes through the pipeline (the mean of the images' percentiles, so
#   not even those of the data set). An image of 0 to 1000 comes out as 0 to 1 when it is alone, as
#   0 to 1.82 after one of 0 to 100, and the dim one as 0 to 0.18 after it. The only sign is a
#   warning about "naively averaging percentiles". With axes=("channel", "y", "x") every image comes
#   out as 0 to 1.
# Versions: bioimageio.core 0.11.0, bioimageio.spec 0.5.12.0; seen on 2026-11-29, Python 3.11, Linux.
# Known: not found among the issues of core-bioimage-io-python or spec-bioimage-io; visible in
#   `_get_axes` of bioimageio/core/proc_ops.py, which takes axes=None for "per data set".
# Matters: who exports a model names the axes without "batch", else masks depend on the order of the
#   files. `test_description` does not notice: it predicts one image per pipeline.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    bioimageio.core==0.11.0 bioimageio.spec==0.5.12.0 pydantic==2.13.5 \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
from pathlib import Path

import numpy as np
import onnx
from bioimageio.core import Tensor, __version__, create_prediction_pipeline
from bioimageio.core.sample import Sample
from bioimageio.spec.model import v0_5
from loguru import logger

logger.remove()
print("bioimageio.core", __version__)

# A model that returns its input, so that what comes out is the preprocessing.
shape = ["batch", 1, "y", "x"]
ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("raw", "out")]
graph = onnx.helper.make_graph(
    [onnx.helper.make_node("Identity", ["raw"], ["out"])], "identity", ends[:1], ends[1:]
)
model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.save(model, "identity.onnx")
for name in ("raw", "out"):
    np.save(f"{name}.npy", np.linspace(0, 1, 256, dtype="float32").reshape(1, 1, 16, 16))


def outputs(maxima, **kwargs):
    """Return the range of each image, of 0 to its maximum, after one pipeline has seen them all."""
    size = v0_5.ParameterizedSize(min=16, step=16)
    first = [v0_5.BatchAxis(), v0_5.ChannelAxis(channel_names=["c"])]
    normalisation = v0_5.ScaleRangeDescr(kwargs=v0_5.ScaleRangeKwargs(**kwargs))
    pipeline = create_prediction_pipeline(
        v0_5.ModelDescr(
            name="identity",
            description="returns what comes in",
            authors=[v0_5.Author(name="Example")],
            cite=[v0_5.CiteEntry(text="none", doi="10.1000/none")],
            license="MIT",
            inputs=[
                v0_5.InputTensorDescr(
                    id="raw",
                    axes=[*first, *(v0_5.SpaceInputAxis(id=a, size=size) for a in "yx")],
                    test_tensor=v0_5.FileDescr(source=Path("raw.npy").absolute()),
                    preprocessing=[normalisation],
                )
            ],
            outputs=[
                v0_5.OutputTensorDescr(
                    id="out",
                    axes=[
                        *first,
                        *(
                            v0_5.SpaceOutputAxis(
                                id=a, size=v0_5.SizeReference(tensor_id="raw", axis_id=a)
                            )
                            for a in "yx"
                        ),
                    ],
                    test_tensor=v0_5.FileDescr(source=Path("out.npy").absolute()),
                )
            ],
            weights=v0_5.WeightsDescr(
                onnx=v0_5.OnnxWeightsDescr(
                    source=Path("identity.onnx").absolute(), opset_version=17
                )
            ),
        )
    )
    ranges = []
    for maximum in maxima:
        image = np.linspace(0, maximum, 256, dtype="float32").reshape(1, 1, 16, 16)
        tensor = Tensor(image, dims=("batch", "channel", "y", "x"))
        sample = Sample(members={"raw": tensor}, stat={}, id=str(len(ranges)))
        found = pipeline.predict_sample_without_blocking(sample).members["out"].data
        ranges.append((round(float(found.min()), 2), round(float(found.max()), 2)))
    return ranges


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"bioimageio.core has changed: {what} was {known}")


expect("default, 0..1000 alone", outputs([1000]), [(0, 1)])
expect("default, 0..100 then 0..1000", outputs([100, 1000]), [(0, 1), (0, 1.82)])
expect("default, 0..1000 then 0..100", outputs([1000, 100]), [(0, 1), (0, 0.18)])
axes = ("channel", "y", "x")
expect(f"axes={axes}", outputs([1000, 100], axes=axes), [(0, 1), (0, 1)])
PY
