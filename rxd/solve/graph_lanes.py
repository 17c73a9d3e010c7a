"""Stages of diffusion in voxels (`rxd.solve.graph_kernels`) for several voxels at once, as vector instructions.

A voxel outside the rows has its neighbours anywhere, and rows are too short for what a compiler makes of a loop: it compares
all arrays with each other before each and does a quarter of it one by one. Here nothing is left to be proved. Products that
are added are fused by name: which of two a compiler fuses may differ from one caller to the next, and threads are not to
change a bit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rxd.solve.lane_operations import splat
from rxd.solve.vectors import data_of, load_lanes, store_lanes

INTEGER, BIT, DOUBLE = ir.IntType(64), ir.IntType(1), ir.DoubleType()


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """``a b + c``, rounded once where the machine can do so."""
    if binding.get_host_cpu_features().get("fma", True):
        kind = ir.FunctionType(a.type, [a.type] * 3)
        name = f"llvm.fma.v{a.type.count}f64"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])
    return builder.fadd(builder.fmul(a, b), c)


def put(parts: Parts, read: Any, fresh: Any, lanes: int) -> Any:
    """What a stage that overwrites makes of voxels; ``read`` gets them from an array."""
    return fresh


def fold(parts: Parts, read: Any, fresh: Any, lanes: int) -> Any:
    """What a stage makes that builds on the last but one."""
    return fused(parts.builder, parts.number("c_old", lanes), read("old"), fresh)


def finish(parts: Parts, read: Any, fresh: Any, lanes: int) -> Any:
    """What the last stage makes, which is added to the state."""
    return parts.builder.fadd(read("target"), fold(parts, read, fresh, lanes))


class Parts:
    """Members of the named tuples given to an operation, by their names."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any) -> None:
        self.context, self.builder = context, builder
        self.members: dict[str, tuple[Any, Any]] = {}
        for kind, value in zip(sig.args[:2], args[:2], strict=True):
            values = cgutils.unpack_tuple(builder, value, len(kind.types))
            self.members.update(zip(kind.fields, zip(kind.types, values, strict=True), strict=True))

    def number(self, name: str, lanes: int) -> Any:
        """A number in all lanes."""
        return splat(self.builder, self.members[name][1], lanes)

    def load(self, name: str, at: Any, lanes: int) -> Any:
        """Numbers one after the other in an array."""
        kind, value = self.members[name]
        return load_lanes(self.context, self.builder, kind, value, at, lanes)

    def store(self, name: str, at: Any, lanes: int, vector: Any) -> None:
        """The opposite."""
        kind, value = self.members[name]
        store_lanes(self.context, self.builder, kind, value, at, lanes, vector)

    def places(self, name: str, at: Any, lanes: int) -> Any:
        """Places one after the other in an array of them."""
        kind, value = self.members[name]
        data = data_of(self.context, self.builder, kind, value)
        vector = ir.VectorType(data.type.pointee, lanes)
        loaded = self.builder.load(self.builder.bitcast(self.builder.gep(data, [at]), vector.as_pointer()))
        loaded.align = 4
        return self.builder.zext(loaded, ir.VectorType(INTEGER, lanes))

    def _addresses(self, name: str, places: Any, lanes: int) -> Any:
        kind, value = self.members[name]
        data = data_of(self.context, self.builder, kind, value)
        start, zero = self.builder.ptrtoint(data, INTEGER), ir.Constant(ir.IntType(32), 0)
        alone = self.builder.insert_element(ir.Constant(places.type, ir.Undefined), start, zero)
        everywhere = self.builder.shuffle_vector(alone, alone, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))
        bytes_on = self.builder.shl(places, ir.Constant(places.type, [3] * lanes))
        return self.builder.inttoptr(self.builder.add(everywhere, bytes_on), ir.VectorType(DOUBLE.as_pointer(), lanes))

    def gather(self, name: str, places: Any, lanes: int) -> Any:
        """Numbers at places of an array."""
        addresses, vector = self._addresses(name, places, lanes), ir.VectorType(DOUBLE, lanes)
        mask, align = ir.Constant(ir.VectorType(BIT, lanes), [1] * lanes), ir.Constant(ir.IntType(32), 8)
        kind = ir.FunctionType(vector, [addresses.type, align.type, mask.type, vector])
        name = f"llvm.masked.gather.v{lanes}f64.v{lanes}p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [addresses, align, mask, ir.Constant(vector, ir.Undefined)])

    def scatter(self, name: str, places: Any, lanes: int, vector: Any) -> None:
        """The opposite."""
        addresses = self._addresses(name, places, lanes)
        mask, align = ir.Constant(ir.VectorType(BIT, lanes), [1] * lanes), ir.Constant(ir.IntType(32), 8)
        kind = ir.FunctionType(ir.VoidType(), [vector.type, addresses.type, align.type, mask.type])
        name = f"llvm.masked.scatter.v{lanes}f64.v{lanes}p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        self.builder.call(function, [vector, addresses, align, mask])


def _stage(parts: Parts, action: Any, read: Any, change: Any, fresh_source: bool, lanes: int) -> Any:
    """New values of voxels, given what exchange changes."""
    builder, c_other = parts.builder, parts.members["c_other"][1]
    if fresh_source:
        c_other = builder.fadd(c_other, parts.members["inflow"][1])
    fresh = fused(builder, parts.number("c_now", lanes), read("now"), change)
    fresh = fused(builder, splat(builder, c_other, lanes), read("other"), fresh)
    return action(parts, read, fresh, lanes)


def _exchanged(parts: Parts, m: Any, here: Any, lanes: int) -> Any:
    """What flows into voxels whose neighbours are listed, over capacity, times the step."""
    builder, total, at = parts.builder, None, m
    kind, value = parts.members["rest"]
    size = cgutils.unpack_tuple(builder, parts.context.make_array(kind)(parts.context, builder, value).shape)[0]
    for _ in range(6):
        rate = parts.load("rate", at, lanes)
        difference = builder.fsub(parts.gather("now", parts.places("near", at, lanes), lanes), here)
        total = builder.fmul(rate, difference) if total is None else fused(builder, rate, difference, total)
        at = builder.add(at, size)
    return builder.fmul(parts.number("step", lanes), total)


def make_flow(lanes: int) -> Any:
    """``op(graph, stage, m)``: what flows into places m and on of the rest goes to ``stage.flow``."""

    @intrinsic
    def operation(typing_context: Any, graph: Any, stage: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts, m = Parts(context, builder, sig, args), args[2]
            here = parts.gather("now", parts.places("rest", m, lanes), lanes)
            parts.store("flow", m, lanes, _exchanged(parts, m, here, lanes))
            return context.get_dummy_value()

        return types.void(graph, stage, types.intp), generate

    return operation


def make_rest(lanes: int, action: Any, waits: bool) -> Any:
    """``op(graph, stage, m)``: a stage at places m and on of the rest, with flows as they come or, if it waits, as noted."""

    @intrinsic
    def operation(typing_context: Any, graph: Any, stage: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts, m = Parts(context, builder, sig, args), args[2]
            places = parts.places("rest", m, lanes)

            def read(name: str) -> Any:
                return parts.gather(name, places, lanes)

            change = parts.load("flow", m, lanes) if waits else _exchanged(parts, m, read("now"), lanes)
            new = _stage(parts, action, read, change, not waits, lanes)
            parts.scatter("target" if action is finish else "old", places, lanes, new)
            return context.get_dummy_value()

        return types.void(graph, stage, types.intp), generate

    return operation


def make_row(lanes: int, action: Any) -> Any:
    """``op(graph, stage, k, west, south, north, east)``: a stage at whole voxels k and on of a row; where neighbours are."""

    @intrinsic
    def operation(typing_context: Any, graph: Any, stage: Any, k: Any, west: Any, south: Any, north: Any, east: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts, k, total = Parts(context, builder, sig, args), args[2], None

            def read(name: str) -> Any:
                return parts.load(name, k, lanes)

            kind, value = parts.members["uniform"]
            uniform = data_of(context, builder, kind, value)
            down, up = (builder.add(k, ir.Constant(INTEGER, step)) for step in (-1, 1))
            here = read("now")
            for axis, pair in enumerate(((args[3], args[6]), (args[4], args[5]), (down, up))):
                rate = builder.fmul(builder.load(builder.gep(uniform, [ir.Constant(INTEGER, axis)])), parts.members["step"][1])
                below, above = (builder.fsub(parts.load("now", at, lanes), here) for at in pair)
                rates, both = splat(builder, rate, lanes), builder.fadd(below, above)
                total = builder.fmul(rates, both) if total is None else fused(builder, rates, both, total)
            new = _stage(parts, action, read, total, True, lanes)
            parts.store("target" if action is finish else "old", k, lanes, new)
            return context.get_dummy_value()

        return types.void(graph, stage, *[types.intp] * 5), generate

    return operation
