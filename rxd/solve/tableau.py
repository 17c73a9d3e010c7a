"""Rosenbrock methods as records: the numbers of a linearly implicit step, its error estimate and its dense output.

With ``s = 1 / (gamma h)``, J and f_t the derivatives of f at (t, y), the stages u_i of one step solve (Hairer and Wanner,
Solving Ordinary Differential Equations II, section IV.7, https://doi.org/10.1007/978-3-642-05221-7)

    (s I - J) u_i = f(t + alpha_i h, y + sum_j a_ij u_j) + sum_j c_ij u_j / h + drift_i h f_t,
    y_new = y + sum_j m_j u_j,        error estimate = sum_j e_j u_j,
    y(t + x h) = (1 - x) y + x (y_new + (1 - x) (k_1 + x (k_2 + x k_3))),   k_l = sum_j dense_lj u_j.

All methods here are L-stable and stiffly accurate: their last stage is f at a point that lies close to y_new. In most of them
its increment is the error estimate; `near4` mixes the increments of all stages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from geometry.records import dataclass
from rxd.errors import DeclarationError

LOOSEST_OF_ORDER_FOUR: Final = 1e-5
"""Below this tolerance "auto" is "rodas4p", from it on "near4": about where both take the same time for the same error."""
ESTIMATED: Final = 0.026
"""What the error estimate of `near4` sees of a missed condition of order three: it decides how the error goes with rtol."""


@dataclass(frozen=True, slots=True, eq=False)
class Tableau:
    """Coefficients of one method.

    Attributes
    ----------
    name : str
    order, embedded_order, dense_order : int
        Of the step, of the formula it is compared with, of the dense output.
    gamma : float
    a, c : ndarray, shape (stages, stages), strictly lower triangular
    alpha, drift : ndarray, shape (stages,)
    m, e : ndarray, shape (stages,)
    dense : ndarray, shape (k, stages)
    source : str
        DOI.
    """

    name: str
    order: int
    embedded_order: int
    dense_order: int
    gamma: float
    a: np.ndarray
    c: np.ndarray
    alpha: np.ndarray
    drift: np.ndarray
    m: np.ndarray
    e: np.ndarray
    dense: np.ndarray
    source: str

    @property
    def stages(self) -> int:
        """Number of linear solves in a step."""
        return len(self.alpha)

    @property
    def fresh(self) -> np.ndarray:
        """Which stages evaluate f at a point of their own, shape (stages,); the others take f(t, y)."""
        needed = np.zeros(self.stages, dtype=bool)
        for i in range(1, self.stages):
            needed[i] = bool(np.any(self.a[i])) or self.alpha[i] != 0.0
        return needed

    @property
    def mixture(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the embedded formula and of the error estimate; empty if that is the last increment, which ends y_new."""
        plain = np.array_equal(self.a[-1], self.m - self.e)
        return (np.zeros(0), np.zeros(0)) if plain else (self.m - self.e, self.e.copy())

    def unjudged(self) -> Tableau:
        """The same steps with the last increment in the place of the error, which costs nothing: for steps of one length."""
        return replace(self, e=self.m - self.a[-1])

    @property
    def arrays(self) -> tuple[Any, ...]:
        """``gamma, a, c, alpha, drift, fresh, mixture`` for compiled steps."""
        return self.gamma, self.a, self.c, self.alpha, self.drift, self.fresh, self.mixture

    def classical(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``(alpha_ij, gamma_ij, b, b_hat)`` of the form in which order conditions are written."""
        gamma = np.linalg.inv(np.eye(self.stages) / self.gamma - self.c)
        return self.a @ gamma, gamma, self.m @ gamma, (self.m - self.e) @ gamma

    @property
    def polynomials(self) -> np.ndarray:
        """``m`` and, below it, the coefficients of the dense output by rising power, for compiled code."""
        return np.vstack([self.m, self.dense.reshape(-1, self.stages)])

    def dense_weights(self, x: float) -> np.ndarray:
        """Weights of the stages in ``y(t + x h) - y``, shape (stages,)."""
        inner = np.zeros(self.stages)
        for row in self.dense[::-1]:
            inner = row + x * inner
        return x * (self.m + (1.0 - x) * inner)


def _lower(stages: int, rows: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Strictly lower triangular matrix from the rows 1, 2 ... of its entries."""
    matrix = np.zeros((stages, stages))
    for i, row in enumerate(rows, start=1):
        matrix[i, : len(row)] = row
    return matrix


def _stiffly_accurate(
    name: str,
    orders: tuple[int, int, int],
    gamma: float,
    a: tuple[tuple[float, ...], ...],
    c: tuple[tuple[float, ...], ...],
    alpha: tuple[float, ...],
    drift: tuple[float, ...],
    dense: tuple[tuple[float, ...], ...],
    source: str,
) -> Tableau:
    """A method whose last stages all stand at the sum of those before them: ``a`` ends where that begins."""
    stages = len(alpha)
    full = _lower(stages, a)
    for i in range(len(a) + 1, stages):
        full[i] = full[i - 1]
        full[i, i - 1] = 1.0
    m = full[-1].copy()
    m[-1] = 1.0
    e = np.zeros(stages)
    e[-1] = 1.0
    inner = np.zeros((len(dense), stages))
    for row, values in zip(inner, dense, strict=True):
        row[: len(values)] = values
    arrays = (full, _lower(stages, c), np.array(alpha), np.array(drift), m, e, inner)
    for array in arrays:
        array.setflags(write=False)
    return Tableau(name, *orders, gamma, *arrays, source)


def _from_classical(name: str, alpha: np.ndarray, beta: np.ndarray, error: np.ndarray, source: str) -> Tableau:
    """A method of order 3(2) of four stages from ``alpha_ij``, ``beta_ij = alpha_ij + gamma_ij`` and weights of the error.

    The last row of beta is b. With four stages b(x) is all that satisfies the four conditions of order three at x: the dense
    output is of order three everywhere.
    """
    one = np.ones(len(beta))
    nodes, sums = alpha @ one, beta @ one
    conditions = np.array([one, sums, nodes**2, beta @ sums])
    inverse = np.linalg.inv(beta - alpha)
    # b(x) = p x + q x**2 + r x**3 at the end and in x
    p, r = np.linalg.solve(conditions, np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1 / 3, 1 / 6]]).T).T @ inverse
    m, a = beta[-1] @ inverse, np.tril(alpha @ inverse, -1)
    m[-1] = 1.0
    a[-1, :-1] = m[:-1]  # equal but for round-off
    arrays = (a, np.tril(-inverse, -1), nodes, (beta - alpha) @ one, m, error @ inverse, np.array([p - m, -r]))
    for array in arrays:
        array.setflags(write=False)
    return Tableau(name, 3, 2, 3, float(beta[0, 0]), *arrays, source)


def near4() -> Tableau:
    """Order 3(2), nearly 4: four stages, our own.

    Seven numbers are chosen, gamma close to the least with which it is L-stable, where the error of a linear equation nearly
    vanishes; the rest follows from the conditions of order three and from three of those of order four, which are met but for
    ``missed``. In Hairer and Wanner's notation, beta_4j = b_j, b_4 = gamma, alpha_4 = 1; B_i are sums of beta_ij over j < i.
    """
    gamma, alpha2, alpha3, alpha32, alpha43 = 0.224, 0.38, 0.57, -0.26, -0.51
    missed = -0.00045, 0.0009, 0.0018  # b alpha^3 - 1/4, b alpha A beta 1 - 1/8, b beta alpha^2 - 1/12
    squares, cubes = 1 / 3 - gamma, 1 / 4 + missed[0] - gamma
    b2, b3 = np.linalg.solve([[alpha2**2, alpha3**2], [alpha2**3, alpha3**3]], [squares, cubes])
    beta32 = (1 / 12 + missed[2] - 2 / 3 * gamma + gamma**2) / (b3 * alpha2**2)
    B2 = (1 / 6 - 3 / 2 * gamma + 3 * gamma**2 - gamma**3) / (b3 * beta32)
    B3 = (1 / 2 - 2 * gamma + gamma**2 - b2 * B2) / b3
    alpha42 = ((1 / 8 + missed[1] - gamma / 3 - b3 * alpha3 * alpha32 * B2) / gamma - alpha43 * B3) / B2
    alpha = _lower(4, ((alpha2,), (alpha3 - alpha32, alpha32), (1.0 - alpha42 - alpha43, alpha42, alpha43)))
    beta = _lower(4, ((B2,), (B3 - beta32, beta32), (1.0 - gamma - b2 - b3, b2, b3))) + gamma * np.eye(4)
    one = np.ones(4)
    # the error estimate is of order two and sees b alpha^2 alone of the two conditions of order three
    seen = np.array([one, beta @ one, (alpha @ one) ** 2, beta @ beta @ one])
    error = np.linalg.solve(seen, [0.0, 0.0, ESTIMATED, 0.0])
    return _from_classical("near4", alpha, beta, error, "docs/coupled.md")


def rodas3() -> Tableau:
    """RODAS3: order 3(2), four stages, three evaluations of f (Sandu et al. 1997); dense output of order 2 our own."""
    return _stiffly_accurate(
        "rodas3",
        (3, 2, 2),
        0.5,
        ((0.0,), (2.0, 0.0)),
        ((4.0,), (1.0, -1.0), (1.0, -1.0, -8.0 / 3.0)),
        (0.0, 0.0, 1.0, 1.0),
        (0.5, 1.5, 0.0, 0.0),
        ((3.0, -1.0, -1.0, -1.0), (0.0, 0.0, -1.0, -1.0)),
        "https://doi.org/10.1016/S1352-2310(97)83212-8",
    )


def rodas4p() -> Tableau:
    """RODASP: order 4(3), six stages, no order reduction on linear parabolic problems (Steinebach 1995, reviewed 2020)."""
    return _stiffly_accurate(
        "rodas4p",
        (4, 3, 3),
        0.25,
        (
            (3.0,),
            (1.831036793486759, 0.4955183967433795),
            (2.304376582692669, -0.05249275245743001, -1.176798761832782),
            (-7.170454962423024, -4.741636671481785, -16.31002631330971, -1.062004044111401),
        ),
        (
            (-12.0,),
            (-8.791795173947035, -2.207865586973518),
            (10.81793056857153, 6.780270611428266, 19.53485944642410),
            (34.19095006749676, 15.49671153725963, 54.74760875964130, 14.16005392148534),
            (34.62605830930532, 15.30084976114473, 56.99955578662667, 18.40807009793095, -5.714285714285717),
        ),
        (0.0, 0.75, 0.21, 0.63, 1.0, 1.0),
        (0.25, -0.5, -0.023504, -0.0362, 0.0, 0.0),
        (
            (25.09876703708589, 11.62013104361867, 28.49148307714626, -5.664021568594133),
            (1.638054557396973, -0.7373619806678748, 8.477918219238990, 15.99253148779520, -1.882352941176471),
        ),
        "https://doi.org/10.1007/978-3-030-53905-4_6",
    )


def rodas5p() -> Tableau:
    """Rodas5P: order 5(4), eight stages (Steinebach 2023)."""
    return _stiffly_accurate(
        "rodas5p",
        (5, 4, 4),
        0.21193756319429014,
        (
            (3.0,),
            (2.849394379747939, 0.45842242204463923),
            (-6.954028509809101, 2.489845061869568, -10.358996098473584),
            (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
            (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
        ),
        (
            (-14.155112264123755,),
            (-17.97296035885952, -2.859693295451294),
            (147.12150275711716, -1.41221402718213, 71.68940251302358),
            (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
            (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
            (
                30.91273214028599,
                -3.1208243349937974,
                77.79954646070892,
                34.28646028294783,
                -19.097331116725623,
                -28.087943162872662,
            ),
            (
                37.80277123390563,
                -3.2571969029072276,
                112.26918849496327,
                66.9347231244047,
                -40.06618937091002,
                -54.66780262877968,
                -9.48861652309627,
            ),
        ),
        (0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0),
        (0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069, 0.0, 0.0, 0.0),
        (
            (
                25.948786856663858,
                -2.5579724845846235,
                10.433815404888879,
                -2.3679251022685204,
                0.524948541321073,
                1.1241088310450404,
                0.4272876194431874,
                -0.17202221070155493,
            ),
            (
                -9.91568850695171,
                -0.9689944594115154,
                3.0438037242978453,
                -24.495224566215796,
                20.176138334709044,
                15.98066361424651,
                -6.789040303419874,
                -6.710236069923372,
            ),
            (
                11.419903575922262,
                2.8879645146136994,
                72.92137995996029,
                80.12511834622643,
                -52.072871366152654,
                -59.78993625266729,
                -0.15582684282751913,
                4.883087185713722,
            ),
        ),
        "https://doi.org/10.1007/s10543-023-00967-x",
    )


TABLEAUX: Final = (near4, rodas4p, rodas3, rodas5p)


def find_tableau(name: str, rtol: float = 0.0) -> Tableau:
    """The method of a name; of "auto" the one that takes the least time with a tolerance.

    Raises
    ------
    DeclarationError
        If there is none.
    """
    if name == "auto":
        return near4() if rtol >= LOOSEST_OF_ORDER_FOUR * (1.0 - 1e-9) else rodas4p()
    for make in TABLEAUX:
        if make.__name__ == name:
            return make()
    names = ", ".join(repr(make.__name__) for make in TABLEAUX)
    message = f"There is no Rosenbrock method {name!r}. Methods: 'auto', {names}."
    raise DeclarationError(message)
