"""Files as microscopes write them, each by its own maker's library or by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def czi(path: Path, scenes: list[NDArray[np.uint16]], um: float, depth_um: float) -> Path:
    """Write a CZI by Zeiss's own library: each scene is (T, C, Z, Y, X).

    Parameters
    ----------
    um, depth_um : float
        Size of a pixel, and distance of slices.
    """
    from pylibCZIrw import czi as zeiss

    with zeiss.create_czi(str(path), exist_ok=True) as file:
        for s, scene in enumerate(scenes):
            for t, c, z in np.ndindex(*scene.shape[:3]):
                file.write(
                    data=scene[t, c, z][..., None],
                    plane={"T": t, "C": c, "Z": z},
                    scene=s,
                    location=(1000 * s, 0),
                )
        file.write_metadata(
            document_name="made",
            channel_names={c: f"c{c}" for c in range(scenes[0].shape[1])},
            scale_x=um * 1e-6,
            scale_y=um * 1e-6,
            scale_z=depth_um * 1e-6,
        )
    return path


def lif(path: Path, images: Mapping[str, NDArray[np.uint8]], um: float, seconds: float) -> Path:
    """Write a LIF by hand: each image is (T, C, Z, Y, X), its slices two pixels apart."""
    elements, blocks = [], []
    for number, (name, image) in enumerate(images.items(), 1):
        frames, channels, depth, height, width = image.shape
        plane = height * width
        steps = [
            (1, width, um * 1e-6, "m", 1),
            (2, height, um * 1e-6, "m", width),
            (3, depth, 2 * um * 1e-6, "m", plane * channels),
            (4, frames, seconds, "s", plane * channels * depth),
        ]
        dimensions = "".join(
            f'<DimensionDescription DimID="{i}" NumberOfElements="{n}" Origin="0"'
            f' Length="{step * (n - 1)}" Unit="{unit}" BitInc="0" BytesInc="{stride}"/>'
            for i, n, step, unit, stride in steps
        )
        described = "".join(
            '<ChannelDescription DataType="0" ChannelTag="0" Resolution="8" NameOfMeasuredQuantity='
            f'"" Min="0" Max="255" Unit="" LUTName="Green" IsLUTInverted="0" BytesInc="{c * plane}"'
            ' BitInc="0"/>'
            for c in range(channels)
        )
        elements.append(
            f'<Element Name="{name}" Visibility="1" UniqueID="{number}"><Data>'
            f'<Image TextDescription=""><ImageDescription><Channels>{described}</Channels>'
            f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
            f'<Memory Size="{image.size}" MemoryBlockID="MemBlock_{number}"/></Element>'
        )
        blocks.append((f"MemBlock_{number}", np.moveaxis(image, 1, 2).tobytes()))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="made" Visibility="1" UniqueID="0">'
        '<Data><Experiment Path="made.lif"/></Data><Memory Size="0" MemoryBlockID="MemBlock_0"/>'
        "<Children>"
        f"{''.join(elements)}</Children></Element></LMSDataContainerHeader>"
    )
    content = _block(struct.pack("<cI", b"\x2a", len(xml)) + xml.encode("utf-16-le"))
    for name, data in blocks:
        head = struct.pack("<cQcI", b"\x2a", len(data), b"\x2a", len(name))
        content += _block(head + name.encode("utf-16-le")) + data
    path.write_bytes(content)
    return path


def _block(content: bytes) -> bytes:
    return struct.pack("<II", 0x70, len(content)) + content
