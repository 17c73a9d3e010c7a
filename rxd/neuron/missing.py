"""NEURON names that are missing here, with a reason and what to use instead.

In: a name of `h`, or of a class. Out: the text of the error. Nothing is ever answered with None.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rxd.neuron.errors import NotSupported

__all__ = ["METHODS", "MISSING", "missing_member", "why_missing"]

_GRAPHICS = "NEURON's own windows are not available; use PlotShape, RangeVarPlot or matplotlib"
_HOC = "it is a word of hoc: write it within h('...')"
_LEGACY = "it belongs to NEURON's oldest interface"
_MENUS = (
    "AtolToolItem Branch2SomaInfo CellBuild CellBuildSection CellBuildTopology CellGeometry CellManage CellMembrane "
    "DomainParmInfo ExecCommand FakeMechStan GUIMath GeoSpec GeoType InhomoFun InhomoParm LDiamInfo MStanWrap "
    "NEURONMainMenu P3D Plot PointBrowser PointProcessMark SDIDispListItem SNList SectionSubsets WindowGroup WindowGroupItem "
    "WindowGroupManager WindowMenu buildmenu cbimportmenu channel_builder clipboard_file clipboard_get "
    "clipboard_retrieve clipboard_save clipboard_set distmechmenu distmechviewers fittingmenu globalra_panel "
    "graph_menu_remove_most helpmenu hoc_pointer_ impedancemenu ivoc "
    "makePointBrowser makecellbuilder makeimport3dtool miscellaneousmenu movierun movierunsave moviestep "
    "newvectorplot nrnallpointmenu nrnmechmenu "
    "pointmenu pointprocessesmenu "
    "show_winio string_dialog toolmenu vectormenu windowmenu"
)
_WORDS = (
    "begintemplate break connect continue create debug delete depvar double else endtemplate eqinit eqn external "
    "for forall forsec func if ifsec insert iterator iterator_statement local localobj new obfunc objectvar objref "
    "print proc public read return stop strdef uninsert while argtype numarg"
)

MISSING: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_MENUS.split(), _GRAPHICS),
        **dict.fromkeys(_WORDS.split(), _HOC),
        **dict.fromkeys(("fclampi", "fclampv", "fstimi", "fsyng", "fsyni", "prstim"), f"{_LEGACY}; use point processes"),
        **dict.fromkeys(("solve", "prmat"), f"{_LEGACY}; use numpy.linalg.solve, or h.Matrix and its solv"),
        **dict.fromkeys(("xred", "sred"), "it asks at the terminal; use Python's input()"),
        **dict.fromkeys(
            ("Import3d_Eutectic_read", "Import3d_MorphML", "Import3d_Neurolucida_read"),
            "files of this format are not read; convert them to SWC, and use Import3d_SWC_read",
        ),
        **dict.fromkeys(
            ("Import3d_LexToken", "Import3d_Property", "Import3d_Spine"),
            "readers of cells have no parts here; instantiate the cell and look at its sections",
        ),
        **dict.fromkeys(("vext", "xg", "xc", "xraxial"), "it belongs to segments with extracellular: soma(0.5).xg[0]"),
        **dict.fromkeys(("object_push", "object_pop", "object_pushed"), "call methods of the object instead"),
        **dict.fromkeys(("fastpas", "e_fastpas", "g_fastpas"), "use pas"),
        **dict.fromkeys(("eps_IntFire4", "taueps_IntFire4", "ib_IntFire4"), "IntFire4 is exact here, without tolerances"),
        **dict.fromkeys(
            ("nrn_get_config_key", "nrn_get_config_val", "nrn_num_config_keys"), "NEURON has not been built; use h.nrnversion"
        ),
        **dict.fromkeys(
            ("make_mechanism", "make_pointprocess"),
            "classes of hoc are no mechanisms here; write a mod file (AFTER SOLVE is run at the end of every step)",
        ),
        **dict.fromkeys(("ModelView", "mview"), "its windows are not available; print h.topology() and sec.psection()"),
        "hoc_obj_": "use Python's variables",
        "FImpedance": "use h.Impedance",
        "OClamp": "use h.SEClamp or h.IClamp",
        "TQueue": "use CVode.event",
        "Timer": "use Python's threading.Timer",
        "NMODLRandom": "it belongs to mod files, whose objects have their RANDOM variables as attributes",
        "fclamp": "use h.SEClamp", "fstim": "use h.IClamp", "fsyn": "use h.AlphaSynapse",
        "GapJunction": "declare the current with rxd",
        "fadvance_noblock": "use h.fadvance",
        "fmatrix": "use h.Impedance, or h.ri and seg.area() for the matrix itself",
        "symbols": "use dir(h)",
        "valid_name_syntax": "use Python's str.isidentifier()",
        "install_vector_fitness": "use vec.meansqerr(other)",
        "setSpineArea": "set seg.diam, or add the spines' area to the 3-d points",
        "print_local_memory_usage": "use Python's resource.getrusage",
        "nrniv_bind_thread": "use rxd.nthread",
        "rtstart": "runs are not in real time",
        "coreneuron_handle": "use neuron.coreneuron", "coredump_on_error": "errors are Python's exceptions",
    }
)  # fmt: skip

_GID = "use save and restore, which keep all cells"
METHODS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        **{("BBSaveState", f"{way}_{what}"): _GID for way in ("save", "restore") for what in ("gid", "request", "test_bin")},
        ("StringFunctions", "references"): "use Python's gc.get_referrers",
        ("MechanismStandard", "save"): "write count(), name() and get() to a file",
        ("Graph", "gif"): "use matplotlib: axes.imshow",
        ("PlotShape", "gif"): "use matplotlib: axes.imshow",
        ("RangeVarPlot", "d2root"): "use h.distance(rvp.left(), sec=sec)",
        ("Random", "ACG"): "it is not in NEURON 9, nor here: use Random123(id1, id2, id3) or MCellRan4(place)",
        ("Random", "MLCG"): "it is not in NEURON 9, nor here: use Random123(id1, id2, id3) or MCellRan4(place)",
        ("Random", "Isaac64"): "it is not in NEURON 9, nor here: use Random123(id1, id2, id3) or MCellRan4(place)",
        **{
            (reader, name): "instantiate the cell, and look at its sections"
            for reader in ("Import3d_SWC_read", "Import3d_Neurolucida3")
            for name in (
                "sections lines pt2sec sec2pt pt2id id2pt id2line point2sec type x y z d id pid label mark header spines"
            ).split()
        },
    }
)  # fmt: skip
"""Methods of NEURON's classes that are missing here, and what to use."""


def why_missing(name: str) -> str:
    """What to say about a name that is not here."""
    if name in MISSING:
        return f"h.{name} is not supported: {MISSING[name]}."
    return (
        f"h.{name}: no such name. It is neither a NEURON name that Axoplasm has (docs/neuron-compatibility.md lists them) nor "
        f"something this session has defined; if it belongs to a mod file, put that file beside the script or load "
        f"its folder with h.nrn_load_dll."
    )


def missing_member(kind: type, name: str) -> AttributeError:
    """The error for what an object of a class does not have."""
    for one in kind.__mro__:
        remedy = METHODS.get((one.__name__, name))
        if remedy is not None:
            return NotSupported(f"{one.__name__}.{name} is not supported: {remedy}.")
    known = sorted({key for one in kind.__mro__ for key in vars(one) if not key.startswith("_")} - {"hname", "same"})
    has = "" if name.startswith("_") or not known else f"; it has: {', '.join(known)}"
    return AttributeError(f"'hoc.{kind.__name__}' object has no attribute '{name}'{has}")
