"""Reader of NumPy files that hold a pickled dictionary: arrays and plain values, and nothing else.

Such a file can name any function to be called when it is opened. Here none is: the few names that
arrays need stand for classes of this module, and every other one ends the reading.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.files.errors import FileError, reading

TYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,6}|O8|O)")
"""Names of the types of values that an array may have."""

MAX_BYTES = 2**33
"""Bytes of a file above which it is not read."""


class _Type:
    """The type of an array's values, by its name and its order of bytes."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name, self.order = str(name), ""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = str(state[1])

    def dtype(self) -> np.dtype[Any]:
        """Return the type; one that is not plain is refused."""
        name = self.name.lstrip("<>|=")
        if not TYPE.fullmatch(name) or name.startswith("O"):
            raise pickle.UnpicklingError(f"values of the type {self.name[:40]}")
        return np.dtype((self.order or "=").replace("|", "=") + name)


class Stored:
    """An array that is not looked at yet: its shape, its type and its bytes."""

    def __init__(self, *_: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: object) -> None:
        self._state = state if isinstance(state, tuple) else ()

    def array(self) -> NDArray[Any]:
        """Return the array.

        Raises
        ------
        pickle.UnpicklingError
            If it is damaged, or holds no plain values.
        """
        if len(self._state) != 5:
            raise pickle.UnpicklingError("an array without values")
        _, shape, kind, columns_first, data = self._state
        if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("an array of objects")
        try:
            flat = np.frombuffer(data, kind.dtype())
            return flat.reshape(shape, order="F" if columns_first else "C")
        except (TypeError, ValueError) as error:
            raise pickle.UnpicklingError(f"an array that is damaged ({error})") from error


def _scalar(kind: object, data: object = b"") -> Any:
    if not isinstance(kind, _Type) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a number that is damaged")
    try:
        return np.frombuffer(data, kind.dtype(), 1)[0].item()
    except (TypeError, ValueError) as error:
        raise pickle.UnpicklingError(f"a number that is damaged ({error})") from error


def _from_buffer(
    data: object, kind: object, shape: object, order: Literal["C", "F"] = "C"
) -> Stored:
    made = Stored()
    content = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else None
    made.__setstate__((1, shape, kind, order == "F", content))
    return made


def _encoded(text: object, coding: object = "latin1") -> bytes:
    if not isinstance(text, str) or coding != "latin1":
        raise pickle.UnpicklingError("a text that is damaged")
    return text.encode("latin1")


def _path(*parts: object) -> str:
    return "/".join(map(str, parts)).replace("//", "/")


_ARRAYS = {
    "_reconstruct": Stored,
    "ndarray": Stored,
    "dtype": _Type,
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
}
KNOWN: dict[tuple[str, str], Any] = {
    **{
        (f"numpy.{core}.{part}", name): _ARRAYS[name]
        for core in ("core", "_core")
        for part, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    },
    ("numpy", "ndarray"): _ARRAYS["ndarray"],
    ("numpy", "dtype"): _ARRAYS["dtype"],
    ("_codecs", "encode"): _encoded,
    **{
        (module, name): _path
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    },
}
"""What the names in a file stand for."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name; any that is not known ends the reading."""
        found = KNOWN.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"'{module}.{name}'")
        return found


def read_pickled(path: str | Path) -> dict[str, Any]:
    """Read the dictionary in a NumPy file, such as ``_seg.npy`` of Cellpose.

    Its arrays are `Stored` ones.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If it holds something else: no dictionary, or one with what is neither an array nor a plain
        value. Nothing of it is executed in any case.
    """
    path = Path(path)
    with reading(path):
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path} is larger than {MAX_BYTES >> 30} GB; save labels as TIFF")
        with path.open("rb") as file:
            _check_header(path, file)
            try:
                found = _Unpickler(file).load()
            except pickle.UnpicklingError as error:
                raise FileError(
                    f"{path} holds {_shown(error)}, which is neither an array nor a plain value;"
                    " nothing in it was executed; save the labels as TIFF or PNG where it is from"
                ) from error
    if isinstance(found, Stored):  # an array of one object
        found = _only(found)
    if not isinstance(found, dict):
        raise FileError(f"{path} holds no dictionary; expected one, as Cellpose saves it")
    return {key: value for key, value in found.items() if isinstance(key, str)}


def _check_header(path: Path, file: IO[bytes]) -> None:
    """Read the header of a NumPy file, which must be one of a single object."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise FileError(f"{path} is a NumPy file of the version {version}; save the labels as TIFF")
    shape, _, kind = read(file)
    if not kind.hasobject or shape not in ((), (1,)):
        raise FileError(f"{path} holds an array of {kind}; expected a dictionary")


def _only(stored: Stored) -> Any:
    """Return the only object of an array of objects."""
    state = stored._state
    inside = state[4] if len(state) == 5 else None
    return inside[0] if isinstance(inside, list) and len(inside) == 1 else None


def _shown(error: Exception) -> str:
    text = str(error)
    known = text.startswith(("'", "an ", "values ", "a number", "a text"))
    return text if known else f"damaged data ({text[:80]})"
