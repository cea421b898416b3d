"""Graph in ONNX of a network: an image of any size, normalised, to the maps in pixels.

Written node by node, as the exporters of PyTorch 2.13 do not serve: the older one writes a file
that onnxruntime refuses, the newer one needs minutes to reason about sizes that may be any. What a
network is stands in `core.network` and `core.maps`; tests compare the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.first_layer import pooled_channels
from napari_spatial_embeddings.core.maps import MARGIN, SIGMA_GAIN
from napari_spatial_embeddings.core.network import BranchedNet, multiple
from napari_spatial_embeddings.errors import extra

if TYPE_CHECKING:
    import onnx

EXTRA = "exchange"
OPSET, IR_VERSION = 17, 8
"""The oldest that have layer normalisation: onnxruntime 1.13 (2022) reads them."""

INPUT = "image"
OUTPUTS = ("offsets", "sigma", "seed")

Array = NDArray[Any]


def build(
    settings: ModelSettings, weights: dict[str, Array], properties: dict[str, str]
) -> onnx.ModelProto:
    """Return a network as an ONNX model.

    Its input ``image`` is (B, C, *S), normalised, of any batch and any size; its outputs are
    ``offsets`` (B, D, *S), ``sigma`` (B, 1 or D, *S) and ``seed`` (B, classes, *S), all float32, as
    in `core.maps.EmbeddingMaps`. Where a size is no multiple of the network's, the image is
    mirrored beyond its end, as in prediction.

    Parameters
    ----------
    settings : ModelSettings
    weights : dict
        The network's state, float32; the initializers have the same names.
    properties : dict
        Texts that the file carries.

    Raises
    ------
    InputError
        If the package onnx is not installed.
    """
    with extra(EXTRA):
        from onnx import TensorProto, checker, helper, numpy_helper
    ndim = settings.ndim
    counts = ndim, settings.sigma_components, len(settings.classes)
    axes = ["z", "y", "x"][-ndim:]

    def ends(names: tuple[str, ...], channels: tuple[int, ...]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n, *axes])
            for name, n in zip(names, channels, strict=True)
        ]

    nodes = _Nodes(set(weights))
    _network(nodes, settings)
    state = {**{k: np.asarray(v, np.float32) for k, v in weights.items()}, **nodes.constants}
    graph = helper.make_graph(
        [helper.make_node(kind, used, made, **facts) for kind, used, made, facts in nodes.made],
        "maps",
        ends((INPUT,), (settings.in_channels,)),
        ends(OUTPUTS, counts),
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in state.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    model.producer_name = "napari-spatial-embeddings"
    helper.set_model_props(model, properties)
    checker.check_model(model, full_check=True)
    return model


class _Nodes:
    """Nodes of a graph, and its constants; every method returns the name of a node's output."""

    def __init__(self, weights: set[str]) -> None:
        self.made: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
        self.constants: dict[str, Array] = {}
        self._weights = weights

    def __call__(self, kind: str, *inputs: str, to: str = "", **facts: Any) -> str:
        name = to or f"{kind.lower()}_{len(self.made)}"
        self.made.append((kind, list(inputs), [name], facts))
        return name

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def convolution(
        self,
        x: str,
        name: str,
        kernel: tuple[int, ...],
        *,
        stride: tuple[int, ...] | None = None,
        dilation: int = 1,
        transposed: bool = False,
    ) -> str:
        """Convolve, with the padding that keeps the size."""
        parts = [f"{name}.{part}" for part in ("weight", "bias")]
        around = [0 if transposed else k // 2 * dilation for k in kernel]
        return self(
            "ConvTranspose" if transposed else "Conv",
            x,
            *(part for part in parts if part in self._weights),
            kernel_shape=kernel,
            strides=stride or (1,) * len(kernel),
            pads=around * 2,
            dilations=(dilation,) * len(kernel),
        )

    def norm(self, x: str, name: str, ndim: int) -> str:
        """Normalise over the channels of each pixel."""
        last = self("Transpose", x, perm=(0, *range(2, ndim + 2), 1))
        out = self(
            "LayerNormalization", last, f"{name}.weight", f"{name}.bias", axis=-1, epsilon=1e-5
        )
        return self("Transpose", out, perm=(0, ndim + 1, *range(1, ndim + 1)))


def _network(nodes: _Nodes, settings: ModelSettings) -> None:
    widths, steps = BranchedNet.plan(settings)
    kernels = [tuple(3 if s > 1 else 1 for s in step) for step in steps]
    ndim, count = settings.ndim, settings.convolutions
    x, sizes = _mirrored(nodes, settings)
    features = list[str]()
    before = settings.in_channels
    for level, (after, step, kernel) in enumerate(zip(widths, steps, kernels, strict=True)):
        name = f"down.{level}"
        y = nodes.convolution(x, f"{name}.conv", kernel, stride=step)
        if before < after if level else pooled_channels(settings):
            if not level and settings.mixtures is not None:
                x = nodes.convolution(x, f"{name}.mix", (1,) * ndim)
            y = nodes("Concat", y, nodes("MaxPool", x, kernel_shape=step, strides=step), axis=1)
        x = nodes("Relu", nodes.norm(y, f"{name}.norm", ndim) if level else y)
        x = _residual(nodes, x, f"refine.{level}", kernel, count)
        features.append(x)
        before = after
    features[-1] = _residual(nodes, x, "context", kernels[-1], 2, dilation=2)
    raw = [
        _cropped(nodes, _decoder(nodes, features, branch, steps, kernels, count), sizes)
        for branch in ("instance", "seed")
    ]
    _maps(nodes, settings, *raw)


def _residual(
    nodes: _Nodes, x: str, name: str, kernel: tuple[int, ...], count: int, dilation: int = 1
) -> str:
    y = x
    for k in range(1, count + 1):
        reach = dilation if k == count else 1
        y = nodes.convolution(y, f"{name}.conv{k}", kernel, dilation=reach)
        y = nodes.norm(y, f"{name}.norm{k}", len(kernel))
        y = nodes("Relu", nodes("Add", y, x) if k == count else y)
    return y


def _decoder(
    nodes: _Nodes,
    features: list[str],
    branch: str,
    steps: list[tuple[int, ...]],
    kernels: list[tuple[int, ...]],
    count: int,
) -> str:
    x, ndim = features[-1], len(steps[0])
    for at, level in enumerate(range(len(features) - 2, -1, -1)):
        x = nodes.convolution(x, f"{branch}.project.{at}", (1,) * ndim)
        scale = nodes.constant((1, 1, *steps[level + 1]), np.float32)
        x = nodes(
            "Resize",
            x,
            "",
            scale,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        x = nodes("Add", x, features[level])
        x = _residual(nodes, x, f"{branch}.refine.{at}", kernels[level], count)
    return nodes.convolution(x, f"{branch}.out", steps[0], stride=steps[0], transposed=True)


def _mirrored(nodes: _Nodes, settings: ModelSettings) -> tuple[str, list[str]]:
    """Return the image, mirrored to multiples of the network's, and its own sizes (1,) each."""
    x, sizes = INPUT, list[str]()
    zero, one, two = (nodes.constant(v) for v in (0, 1, 2))
    for axis, step in enumerate(multiple(settings), 2):
        n = nodes("Shape", INPUT, start=axis, end=axis + 1)
        sizes.append(n)
        if step == 1:
            continue
        n = nodes("Squeeze", n)
        grain = nodes.constant(step)
        longer = nodes("Div", nodes("Add", n, nodes.constant(step - 1)), grain)
        place = nodes("Range", zero, nodes("Mul", longer, grain), one)
        period = nodes("Mul", n, two)
        place = nodes("Mod", place, period)
        back = nodes("Sub", nodes("Sub", period, one), place)
        x = nodes("Gather", x, nodes("Min", place, back), axis=axis)
    return x, sizes


def _cropped(nodes: _Nodes, x: str, sizes: list[str]) -> str:
    ends = nodes("Concat", *sizes, axis=0)
    axes = range(2, 2 + len(sizes))
    return nodes("Slice", x, nodes.constant([0] * len(sizes)), ends, nodes.constant(axes))


def _maps(nodes: _Nodes, settings: ModelSettings, instance: str, seed: str) -> None:
    """Bring raw maps to pixels, as `core.maps.split` and `core.maps.sigma_of` do."""
    ndim, components = settings.ndim, settings.sigma_components

    def channels(first: int, last: int) -> str:
        bounds = (nodes.constant([v]) for v in (first, last, 1))
        return nodes("Slice", instance, *bounds)

    def number(value: float) -> str:
        return nodes.constant(value, np.float32)

    offsets, sigma, seeds = OUTPUTS
    bounded = nodes("Tanh", channels(0, ndim))
    nodes("Mul", bounded, number(settings.offset_range), to=offsets)
    raw = nodes("Clip", channels(ndim, ndim + components), number(-1), number(1))
    wide = nodes("Exp", nodes("Mul", raw, number(SIGMA_GAIN)))
    nodes("Mul", wide, number(settings.working_diameter / 4 / MARGIN), to=sigma)
    nodes("Sigmoid", seed, to=seeds)
