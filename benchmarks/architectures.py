"""Comparison of networks by their scores after a given training time.

``python -m benchmarks.architectures DATA OUT [--minutes 2] [--seeds 0] [--only VARIANT ...]``

Each minutes' rows are added to those of other budgets in ``OUT``.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.network import BranchedNet

from .variants import Budget, Variant, images, measure, parser

Plan = tuple[list[int], list[tuple[int, ...]]]


class Doubling(BranchedNet):
    """Channels double with every level."""

    @staticmethod
    def plan(settings: ModelSettings) -> Plan:
        _, steps = BranchedNet.plan(settings)
        return [16 * 2**level for level in range(settings.levels)], steps


class Quarter(BranchedNet):
    """The first step shrinks by 4, as one of two; so there is a level less."""

    @staticmethod
    def plan(settings: ModelSettings) -> Plan:
        widths, steps = BranchedNet.plan(settings)
        return widths[1:], [tuple(4 for _ in steps[0]), *steps[2:]]

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        stem = self.down[0]
        assert isinstance(stem.conv, nn.Conv2d)
        stem.conv = nn.Conv2d(stem.conv.in_channels, stem.conv.out_channels, 7, 4, 3)


TWO = {"convolutions": 2}

VARIANTS = [
    Variant("as it is"),
    Variant("width 32", model={"width": 32}),
    Variant("channels 16, 32, 64, 128", net=Doubling),
    Variant("two convolutions", model=TWO),
    Variant("two, width 16", model={"width": 16, **TWO}),
    Variant("two, width 32", model={"width": 32, **TWO}),
    Variant("two, 3 levels", model={"levels": 3, **TWO}),
    Variant("two, 5 levels", model={"levels": 5, **TWO}),
    Variant("two, channels 16, 32, 64, 128", model=TWO, net=Doubling),
    Variant("two, first step by 4", model=TWO, net=Quarter),
]


def main() -> None:
    """Run, and write the table from all that was run."""
    options = parser(__doc__, ["dsb2018"]).parse_args()
    find = partial(images, options.data)
    measure("architectures", options, VARIANTS, find, Budget(minutes=2.0))


if __name__ == "__main__":
    main()
