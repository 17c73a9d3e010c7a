"""Branch-free elementary functions that LLVM vectorises inside generated kernels.

Numba's scalar ``exp`` and ``log`` call the C library lane by lane. These reduce the argument (Cody and Waite), evaluate a
polynomial and put the exponent together with integer arithmetic on the bit pattern, so a loop over lanes stays a vector loop.
Relative errors (measured in tests/rxd/test_vmath.py): exp 1e-15, log 1e-15 (absolute near 1), the others a few 1e-15.
Source of the reductions: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980.
"""

from __future__ import annotations

from typing import Any, Final

import numba as nb
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from geometry.compiled import inner_options

# forceinline: a call that is left in a loop over lanes keeps that loop from becoming vector code.
_compile: Any = nb.njit  # its types do not know the options below
inline_kernel: Any = _compile(fastmath={"contract"}, inline="never", forceinline=True, error_model="numpy", **inner_options)

LOG2E: Final = 1.4426950408889634
LN2_HIGH: Final = 6.93147180369123816490e-01
LN2_LOW: Final = 1.90821492927058770002e-10
# Adding and subtracting 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
MAGIC: Final = 6755399441055744.0
MAGIC_BITS: Final = int(np.float64(MAGIC).view(np.int64))
RECIPROCAL_BITS: Final = 0x7FDE623854045EAA
NEAR_0: Final = 0.3
"""Up to here a polynomial of degree 11 is ``(exp(z) - 1) / z`` to round-off."""
SQRT_HALF_BITS: Final = int(np.float64(0.7071067811865476).view(np.int64))


@intrinsic
def _bits_to_double(typing_context: Any, bits: Any) -> Any:
    signature = types.float64(types.int64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return signature, generate


@intrinsic
def _double_to_bits(typing_context: Any, number: Any) -> Any:
    signature = types.int64(types.float64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return signature, generate


@inline_kernel
def reciprocal(x: float) -> float:
    """``1 / x`` to two units in the last place, in nine operations; not finite for zero and infinity.

    A kernel has one unit that divides, which eight doubles keep busy for 16 cycles, and two that do two of these in one. The
    difference of bit patterns is within 0.051 of the reciprocal; two steps of fourth order do the rest.
    """
    r: float = _bits_to_double(RECIPROCAL_BITS - _double_to_bits(x))  # type: ignore[call-arg]
    e = 1.0 - x * r
    r = r + r * e
    r = r + r * (e * e)
    e = 1.0 - x * r
    r = r + r * e
    return r + r * (e * e)


@inline_kernel
def vexp(x: float) -> float:
    """``exp(x)``; x is clamped to [-708, 708], where reciprocals are no denormal numbers; NaN stays NaN."""
    y = x
    if y < -708.0:
        y = -708.0
    if y > 708.0:
        y = 708.0
    shifted = y * LOG2E + MAGIC
    k = shifted - MAGIC
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    # (exp(r) - 1 - r) / r^2, the polynomial of degree 9 with the least largest error on |r| <= log(2) / 2: 1e-17
    p = 2.5110094155232378e-08
    p = p * r + 2.76201396375759e-07
    p = p * r + 2.7557242219069154e-06
    p = p * r + 2.4801521188003656e-05
    p = p * r + 0.00019841269886695202
    p = p * r + 0.0013888888917283466
    p = p * r + 0.008333333333322174
    p = p * r + 0.04166666666662399
    p = p * r + 0.16666666666666674
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    exponent = _double_to_bits(shifted) - MAGIC_BITS  # type: ignore[call-arg]
    return p * _bits_to_double((exponent + 1023) << 52)


@inline_kernel
def vlog(x: float) -> float:
    """Natural logarithm of a positive normal number, NaN for zero and negative numbers."""
    bits: int = _double_to_bits(x)  # type: ignore[call-arg]
    # Shift so that the mantissa falls in [sqrt(1/2), sqrt(2)).
    exponent = (bits - SQRT_HALF_BITS) >> 52
    m = _bits_to_double(bits - (exponent << 52))
    k = _bits_to_double(exponent + MAGIC_BITS) - MAGIC
    f = m - 1.0
    s = f * reciprocal(2.0 + f)
    z = s * s
    # (artanh(s) / s - 1) / s^2, likewise, of degree 6 in s^2: z times 2e-16
    p = 0.07309208510372453
    p = p * z + 0.07665776424401631
    p = p * z + 0.09091447274173238
    p = p * z + 0.1111110552727481
    p = p * z + 0.14285714313255804
    p = p * z + 0.19999999999949097
    p = p * z + 0.3333333333333335
    # log(1 + f) = f - s (f - 2 z p) loses nothing for small f.
    value = f - s * (f - 2.0 * z * p) + k * LN2_LOW + k * LN2_HIGH
    return value if x > 0.0 else np.nan


@inline_kernel
def vpow(x: float, y: float) -> float:
    """``x ** y`` for positive x; 0, 1 or infinity for x = 0 and positive, zero or negative y; NaN for negative x."""
    value = vexp(y * vlog(x if x > 0.0 else 1.0))
    if x == 0.0:
        value = 0.0 if y > 0.0 else (1.0 if y == 0.0 else np.inf)
    return value if x >= 0.0 else np.nan


@inline_kernel
def vtanh(x: float) -> float:
    """Hyperbolic tangent."""
    a = abs(x)
    e = vexp(-2.0 * a)
    large = (1.0 - e) / (1.0 + e)
    z = x * x
    small = a * (
        1.0 + z * (-1.0 / 3.0 + z * (2.0 / 15.0 + z * (-17.0 / 315.0 + z * (62.0 / 2835.0 - z * (1382.0 / 155925.0)))))
    )
    value = small if a < 0.05 else large
    return -value if x < 0.0 else value


@inline_kernel
def bernoulli_ratio_of(z: float, e: float) -> float:
    """``z / (e - 1)`` with ``e = exp(z)``."""
    far = z * reciprocal(e - 1.0)
    q = z * z
    near = 1.0 - 0.5 * z + q * (1.0 / 12.0 + q * (-1.0 / 720.0 + q * (1.0 / 30240.0 - q * (1.0 / 1209600.0))))
    return far if abs(z) > 0.1 else near


@inline_kernel
def bernoulli_ratio(z: float) -> float:
    """``z / (exp(z) - 1)``."""
    return bernoulli_ratio_of(z, vexp(z))


@inline_kernel
def exponential_ratio_near_0(z: float) -> float:
    """``(exp(z) - 1) / z`` for ``|z| <= NEAR_0``."""
    p = 1.0 / 479001600.0
    p = p * z + 1.0 / 39916800.0
    p = p * z + 1.0 / 3628800.0
    p = p * z + 1.0 / 362880.0
    p = p * z + 1.0 / 40320.0
    p = p * z + 1.0 / 5040.0
    p = p * z + 1.0 / 720.0
    p = p * z + 1.0 / 120.0
    p = p * z + 1.0 / 24.0
    p = p * z + 1.0 / 6.0
    p = p * z + 0.5
    return p * z + 1.0


@inline_kernel
def exponential_ratio(z: float) -> float:
    """``(exp(z) - 1) / z``."""
    far = (vexp(z) - 1.0) / z
    return far if abs(z) > NEAR_0 else exponential_ratio_near_0(z)


@inline_kernel
def bernoulli_slope(z: float) -> float:
    """Derivative of `bernoulli_ratio`."""
    far_enough = abs(z) > 0.4
    safe = z if far_enough else 1.0
    # For large z both numerator and denominator overflow unless divided by exp(z).
    e = vexp(-abs(safe))
    positive, negative = e - e * e - safe * e, e - 1.0 - safe * e
    far = (positive if safe > 0.0 else negative) * reciprocal((1.0 - e) * (1.0 - e))
    q = z * z
    near = -0.5 + z * (
        1.0 / 6.0
        + q * (-1.0 / 180.0 + q * (1.0 / 5040.0 + q * (-1.0 / 151200.0 + q * (1.0 / 4790016.0 - q * (691.0 / 108972864000.0)))))
    )
    return far if far_enough else near
