"""Eight floats that compiled loops work on at once, in one register of the processor.

All of it is for compiled functions alone. Indices are not checked, and count from the first value.
"""

# ruff: noqa: ARG001 - arguments of intrinsics are there for their types
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model
from numpy.typing import NDArray

_intrinsic = cast(Callable[[Callable[..., Any]], Callable[..., Any]], intrinsic)

LANES = 8
"""Floats of one value: a register of 256 bits, or two of 128."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_INDEX, _WHOLE = ir.IntType(32), ir.IntType(64)
_EXACT = ("contract", "nsz")
"""What may differ from the operations as they are written: a product that is added to something
may be rounded once, and zeros have no sign."""


class _Lanes(types.Type):
    """Type of the values."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


_lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the address of a value of a flat array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _shuffled(builder: Any, one: Any, order: list[int], other: Any) -> Any:
    return builder.shuffle_vector(one, other, ir.VectorType(_INDEX, len(order))(order))


def _spread(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, _INDEX(0))
    return _shuffled(builder, first, [0] * LANES, undefined)


@_intrinsic
def load(_typing: Any, array: Any, index: Any) -> Any:
    """Return the eight values of a flat array from an index on."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], *values)
        return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4)

    return _lanes(array, types.intp), code


@_intrinsic
def store(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write eight values into a flat array."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], *values[:2])
        builder.store(values[2], builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), code


@_intrinsic
def spread(_typing: Any, array: Any, index: Any) -> Any:
    """Return one value of a flat array, eight times."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], *values)
        return _spread(builder, builder.load(place))

    return _lanes(array, types.intp), code


@_intrinsic
def filled(_typing: Any, value: Any) -> Any:
    """Return a float32 eight times."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return _spread(builder, values[0])

    return _lanes(types.float32), code


@_intrinsic
def product_added(_typing: Any, one: Any, other: Any, more: Any) -> Any:
    """Return ``one * other + more``, rounded once where the processor can."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        product = builder.fmul(values[0], values[1], flags=_EXACT)
        return builder.fadd(product, values[2], flags=_EXACT)

    return _lanes(_lanes, _lanes, _lanes), code


@_intrinsic
def positive(_typing: Any, value: Any) -> Any:
    """Return the values, or 0 where they are lower."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered(">", values[0], zero), values[0], zero)

    return _lanes(_lanes), code


@_intrinsic
def root(_typing: Any, value: Any) -> Any:
    """Return the square roots."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        name = f"llvm.sqrt.v{LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)

    return _lanes(_lanes), code


@_intrinsic
def totals(_typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """Return the sum of each one's eight values."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        left, width = list(values), 1
        while len(left) > 1:  # neighbours are added, so that each place belongs to more of them
            first = [k for k in range(LANES) if not k & width]
            low = _woven(first, width)
            high = [k + width for k in low]
            left = [
                builder.fadd(*(_shuffled(builder, one, order, other) for order in (low, high)))
                for one, other in zip(left[::2], left[1::2], strict=True)
            ]
            width *= 2
        return left[0]

    return _lanes(*(_lanes,) * LANES), code


def _woven(first: list[int], width: int) -> list[int]:
    """Return the places of two values in turn, ``width`` of each."""
    groups = [first[k : k + width] for k in range(0, len(first), width)]
    return [place for group in groups for more in (0, LANES) for place in (k + more for k in group)]


def combinations(matrix: NDArray[np.floating]) -> Callable[..., None]:
    """Return a function of compiled code that writes sums of values, each times a number.

    The function takes a flat array, the place in it of the first eight values, the distance to the
    next ones, and the same for where results are written: ``matrix @ values`` for each of eight.

    Parameters
    ----------
    matrix : (results, values)
        Where a row differs from the one before in the signs of every second number alone, the two
        share their sums.
    """
    rows = [[float(number) for number in row] for row in matrix]

    @_intrinsic
    def combine(_typing: Any, x: Any, at: Any, step: Any, out: Any, to: Any, far: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            def place(array: int, k: int) -> Any:
                index = builder.add(values[array + 1], builder.mul(values[array + 2], _WHOLE(k)))
                address = _place(context, builder, signature.args[array], values[array], index)
                return builder.bitcast(address, _VECTOR.as_pointer())

            loaded = [builder.load(place(0, k), align=4) for k in range(len(rows[0]))]
            for k, result in enumerate(_products(builder, rows, loaded)):
                builder.store(result, place(3, k), align=4)
            return context.get_dummy_value()

        return types.void(x, types.intp, types.intp, out, types.intp, types.intp), code

    return combine


def _products(builder: Any, rows: list[list[float]], values: list[Any]) -> list[Any]:
    """Return a matrix times values."""
    results: list[Any] = []
    while len(results) < len(rows):
        row, following = rows[len(results)], rows[len(results) + 1 : len(results) + 2]
        if following == [[number * (-1) ** k for k, number in enumerate(row)]]:
            even, odd = (_sum(builder, row, values, range(k, len(row), 2)) for k in (0, 1))
            results.append(builder.fadd(even, odd, flags=_EXACT))
            results.append(builder.fsub(even, odd, flags=_EXACT))
        else:
            results.append(_sum(builder, row, values, range(len(row))))
    return results


def _sum(builder: Any, row: list[float], values: list[Any], places: range) -> Any:
    """Return the sum of some values, each times its number."""
    total = None
    for k in sorted((k for k in places if row[k]), key=lambda k: row[k] != 1):  # ones come first
        product = values[k]
        if row[k] != 1:
            product = builder.fmul(product, ir.Constant(_VECTOR, [row[k]] * LANES), flags=_EXACT)
        total = product if total is None else builder.fadd(product, total, flags=_EXACT)
    return total


def _add_operator(symbol: Callable[..., Any], name: str) -> None:
    """Have compiled functions understand an operator between two values."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return getattr(builder, name)(*values, flags=_EXACT)

    cases = [signature(_lanes, _lanes, _lanes)]
    typed: Any = infer_global(symbol)
    typed(type(f"_{name}", (ConcreteTemplate,), {"key": symbol, "cases": cases}))
    made: Any = lower_builtin(symbol, _Lanes, _Lanes)
    made(code)


for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _add_operator(_symbol, _name)
