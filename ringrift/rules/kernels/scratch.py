"""Room for work in the stack frame of a kernel, which owns no memory of its own (see ringrift.compile.kernel)."""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

import ringrift.compile  # noqa: F401  (sets numba up)

#: Most items of one array here: what the largest board needs. Nothing checks it.
SCRATCH_ITEMS = 2048


def in_python(dtype):
    """The same for kernels that run as Python (NUMBA_DISABLE_JIT)."""
    return lambda *shape: np.empty(shape, dtype)


def on_stack(dtype, ndim):
    """An intrinsic that makes an uninitialised array in the frame of the kernel that calls it."""
    array = types.Array(from_dtype(np.dtype(dtype)), ndim, "C")
    item = np.dtype(dtype).itemsize

    def codegen(context, builder, signature, lengths):
        word = context.get_value_type(types.intp)
        strides = [word(item)]
        for length in reversed(lengths[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        made = context.make_array(array)(context, builder)
        block = cgutils.alloca_once(builder, ir.IntType(8 * item), size=SCRATCH_ITEMS)
        populate_array(
            made,
            data=builder.bitcast(block, made.data.type),
            shape=cgutils.pack_array(builder, lengths),
            strides=cgutils.pack_array(builder, strides),
            itemsize=word(item),
            meminfo=None,
        )
        return made._getvalue()  # noqa: SLF001  (the name that numba gives it)

    if ndim == 1:
        return intrinsic(lambda _, _n: (array(types.intp), codegen))
    return intrinsic(lambda _, _rows, _columns: (array(types.intp, types.intp), codegen))


def make(dtype, ndim):
    return in_python(dtype) if numba.config.DISABLE_JIT else on_stack(dtype, ndim)


#: scratch(rows, columns): uninitialised int64[rows, columns] that is gone when the kernel returns: it may be
#: handed down, never up.
scratch = make(np.int64, 2)
#: The same for move codes: int32[n].
scratch_codes = make(np.int32, 1)
#: The same for cells: int16[n].
scratch_cells = make(np.int16, 1)
