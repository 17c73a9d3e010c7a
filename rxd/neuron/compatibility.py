"""docs/neuron-compatibility.md, made from the layer itself.

In: the tables of names. Out: Markdown: what there is, what is refused and why, where results differ from NEURON's and why.
`python -m rxd.neuron.compatibility > docs/neuron-compatibility.md` writes it; a test compares.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

from rxd.neuron.classes import CLASSES
from rxd.neuron.globals import CONSTANTS, Globals
from rxd.neuron.interpreter import FUNCTIONS
from rxd.neuron.mechanisms.known import DENSITY, POINTS
from rxd.neuron.missing import METHODS, MISSING
from rxd.neuron.runs.run_functions import nothing

__all__ = ["text"]

HEADER = """\
# NEURON scripts on Axoplasm

`python -m rxd.neuron SCRIPT [ARGS...]` runs a script written for NEURON's Python interface, unchanged: in that process, and
only there, `neuron` and its submodules are Axoplasm's. Notebooks (`.ipynb`) and hoc files (`.hoc`) run in the same way, and
`-m MODULE` (`-m pytest test_cell.py`, `-m IPython`), `-c CODE`, `-i SCRIPT` and `-` do what Python's own options do. In
Jupyter, `axoplasm kernel` adds a kernel, "NEURON scripts on Axoplasm", in which notebooks run unchanged; with any other the one
line to change is `from rxd.neuron import h, n, rxd`. The names and facts below were observed in NEURON 9.0.2. This page is made
by `python -m rxd.neuron.compatibility`.

Mod files are read, not compiled (docs/nmodl.md): those of the current folder, of the script's folder, of folders `mod`, `mods`
or `mechanisms` in them, and those behind what `h.nrn_load_dll` or `neuron.load_mechanisms` names. A file is read when a script
first asks for its mechanism; what cannot be translated is refused then, with file and line. `VecStim`, in NEURON a mod
file with C code in it (vecevent.mod), is built in. The command `nrnivmodl` is not needed; scripts
and notebooks that call it find one at the end of their PATH, which compiles nothing: it notes the folders it is given,
and so leads `h.nrn_load_dll` and `neuron.load_mechanisms` to the mod files in them, as do folders in which NEURON's has worked.

`neuron.nonvint_block_supervisor` lets Python code take part in fixed steps (setup, initialize, fixed_step_solve), as simulators
of molecules coupled to NEURON do; what it adds to currents is refused.

`import neuron.rxd.export` gives `rxd.export.sbml(segment)`: the reactions and rates of a segment as SBML.

A name that is not here raises `NotSupported` (an AttributeError) that says what to use instead; nothing is ever answered with
None.

## How it works

A `Session` holds sections, mechanisms, point processes, recordings and rxd declarations: the only default model of the
project, and replaceable (`with Session():`). Edits count a revision up; `finitialize()`, or the next step, compiles what has
changed. A section, species or reaction lives as long as somebody refers to it, as in NEURON; a reaction
refers to the species that are written in it without a region.

Fixed steps follow NEURON's order of events: thresholds and events up to the middle of a step, played Vectors, the step,
recordings, events up to its end. The step itself is NEURON's, too: the cable by backward Euler (or as `h.secondorder` says),
then diffusion and reactions in 1D, then reactions and diffusion in voxels; ions move by the currents of the step's start, and
that is when currents are read. Voxels and boxes diffuse by the line sweeps of Douglas and Gunn, as in NEURON, with the same
ringing where concentrations jump; what crosses from segments to voxels goes by forward Euler. Trajectories agree with NEURON's
to round-off and its finite differences, in voxels where its volumes are right. Variable steps are taken by Axoplasm's coupled
solver with the tolerances of `CVode`; steps differ, results agree within the tolerance. `Random` (of the kinds Random123 and
MCellRan4, and `Random(seed)`), `h.mcell_ran4` and the noise of NetStim give NEURON's own numbers.

Fixed steps go in compiled code until something happens that only Python can do: a function of `cvode.event` or of
`NetCon.record`, an event for a mod file with a NET_RECEIVE of more than one sum, a recording of what the state does not hold.
Spikes and their delivery to synapses and IntFire cells, NetStims, and Vectors that play IClamp.amp, SEClamp.amp1 to amp3 or a
parameter of a mechanism or synapse (not of a current that is linear in v, such as g_pas) are part of it.
"""

DIFFERENCES = """\
## Where results differ, and why

Where NEURON itself is wrong we give the right answer.

* **Reactions across a membrane on regions with different sections.** If some sections have all the regions of others and
  more, NEURON counts a MultiCompartmentReaction on the regions they share twice in them, with areas and volumes of other
  sections. Here once, with their own, and a warning says so.
* **Voxel volumes.** Volumes of voxels are exact here. NEURON loses volume at the rim of a cylinder whose diameter is a
  whole number of voxels (ratio 0.83 to 0.97), adds most of a ball where a wide section bends into a narrow one, and where a
  section ends on a border of voxels it may add a layer of them beyond, by round-off in single precision. Voxels lie where
  NEURON's lie: every region has a grid of its own, counted from two voxels and twice the largest radius outside it; regions
  with sections in common, or joined, share one and need the same dx. dx may differ next to segments, too, which NEURON
  refuses.
* **Long steps in voxels.** Line sweeps grow without bound among voxels that a membrane cuts where D dt is 5 to 10 times
  dx^2. Beyond 4 a step goes in several pieces here.
* **Currents of a membrane flux into a 1-D outer region** are twice too large in NEURON; not here.
* **A membrane flux out of a Parameter inside** carries its current; in NEURON it does not, though one into a Parameter
  outside does.
* **A membrane flux after a change of d.** Setting `species.d` in the middle of a run lets NEURON forget the currents of all
  reactions with `membrane_flux=True` (`seg.ik` is 0 until the next `finitialize`), while concentrations go on changing;
  here they flow on.
* **Joints at the 0 end of an inner section.** In NEURON, a section connected to the 0 end of one that is itself connected
  there exchanges species with the middle of its first segment, not with the point where the cable joins them; here with
  that point.
* **Sections connected by their 1 end** (`c.connect(a(1), 1)`) exchange species there, as the cable joins them. NEURON joins
  their 0 end for species.
* **Joints after a change of nseg.** Where nseg of a section changes after species were made, NEURON lets the sections
  joined to it exchange species with it through their last segments, until their own nseg changes, too; here through the
  joint.
* **nseg of a section in a box, changed in the middle of a run.** Segments see the voxels they are in. In NEURON
  they stay with those of the segments before until the next `finitialize`: of one segment that becomes three, in voxels with
  ko = 3.5, 4.5 and 5.5, all show 4.5.
* **A reaction deleted in the middle of a run** (`del reaction`) ends at once. In NEURON it goes on until the next
  `finitialize`, new species or change of nseg.
* **Diffusion along membranes.** A species on a region that is a membrane stays where it is, with a warning if its values
  differ; in NEURON it diffuses along the perimeter.
* **Shells that all have `nrn_region="i"`.** Currents go to the one with the membrane, as in NEURON; reversal potentials and
  `seg.nai` are its too, with a warning. In NEURON they are those of the last such region of the species.
* **Several products in extracellular space.** Of `MultiCompartmentReaction(x[cyt], y[ecs] + z[ecs], ...)` NEURON 9.0.2
  changes `z` with the multiple of `x`; here by as many molecules as `y`.
* **Steep rates among several species in a box or in voxels.** Where a rate of one species depends on another so steeply that
  NEURON's elimination exchanges rows of its matrix (`dt` times the slope above 1 or so), it forgets to exchange the right-hand
  side: `k' = -0.1 k b`, `b' = 0.1 exp(-100 (k - 1)) - 0.1 b` from 1 and 1 ends at k = 0.9910 after 20 steps of 0.025 ms; here
  at 0.9140, where NEURON's own equations solved in full have it.
* **Switches**: rates like `1 / (1 + exp((c - 2) / 0.001))` or `c**300 / (c**300 + 2**300)`. Where exponentials or squares of
  powers overflow, NEURON's solution is wrong without a word (of the first, less `0.01 c`, from 4: still 4 after 30 ms); here
  such rates and their slopes are evaluated in an order in which nothing overflows (2.963).
* **Several species that cross the membrane into a box.** The matrix of NEURON's implicit step has wrong entries as soon as two
  species of the model do so, even if they have nothing to do with each other: what one does changes by up to 0.5 % when the
  other is declared. The error is proportional to `dt`; here (and in NEURON with one species alone) there is none.
* **Two of one and one of another across the membrane into a box.** `MultiCompartmentReaction(x[cyt], 2 * y[ecs] + z[ecs], k)`
  gives the box no z in NEURON, or what belongs to the next reaction (-1.3 for 26 mM um3): numbers of molecules are counted in
  the wrong place. Here as much z comes out as x goes in.
* **Reversal potentials of concentrations of 0 or below** (`seg.eca`) are not numbers here, and currents that read them end
  the run with an error that names the place; NEURON goes on with 1e6 or -1e6 mV.
* **Boxes with CVode.** NEURON keeps the sides of a box where they were at the start, not at `ecs_boundary_conditions`, and
  takes its rates there over a step of `h.dt` in place of a moment. NEURON's fixed steps approach what is shown here.
* **Volume fraction and tortuosity that both differ from voxel to voxel.** At the last side in x NEURON takes the tortuosity of
  one voxel in a part of a step, and of the other in the rest, and does not keep the amount (of 8775, 0.16 are gone after 2 ms
  in a box of 4 x 3 x 3); here it is kept.
* **`seg.ko` of one of several segments in a voxel of a box**, set by a script between two steps, is for the step that follows
  what currents of all of these segments see; in NEURON those of that segment alone. (The step ends with what the voxel has.)
* **Properties of extracellular space set later.** A volume fraction that differs from voxel to voxel counts in diffusion
  also if it is set after the box was made (`ecs.alpha = ...`), and so does a permeability that is a State; in NEURON only
  those of the constructor do.
* **Volume fractions and permeabilities that reactions change** (a State or Species with a Rate) are held over each fixed
  step, with the values of its beginning; with CVode they are part of the equations. Concentrations stay as they are when the
  volume fraction alone changes, as in NEURON (amounts change with it). NEURON takes for currents that which the step's
  reactions have just made, a difference in proportion to `dt`, and for MultiCompartmentReactions without `membrane_flux`
  that of the initial state all the time: when it has fallen from 0.4 to 0.24 only 61 % of what leaves a cell arrive there;
  here all does.
* **Parts of the volume at joints.** Where segments meet voxels of a region that is a part of the volume
  (`FractionalVolume`), NEURON takes the voxels there for whole ones; here they have their part.
* **Dendrites that begin at an inner point of a soma** of many points stay where the file has them. NEURON's `define_shape`
  (and so its PlotShape) moves them by the distance of that point from the middle of the soma's section.
* **Segments on the 0 end of a root in voxels** exchange with its voxels; in NEURON they do not, but with other segments.
* **Somas drawn as outlines** (one contour in a Neurolucida file) are in voxels discs that span the outline, as in NEURON,
  and have all of their volume; NEURON loses 6 % of an oval of 18 x 10 um at dx = 0.5, 11 % at 1, and gives voxels of thin
  dendrites to the soma. The outline moves with the 3-d points of its section; if these are changed in another way, a
  warning says that they alone count (NEURON refuses a turned soma). Stacks of contours are in voxels what they are in 1D,
  as in NEURON.
* **Currents into voxels** follow the concentrations of every voxel at the membrane, with their parts of its area; in NEURON
  all voxels of a segment have the current of the segment, at its `seg.cai`.
* **Currents into voxels of several sections.** In a region with n sections in voxels NEURON gives voxel i the scale of
  voxel i / n, and most of the charge does not arrive: 24 % of it with two equal cylinders with hh. Here it all does.
* **Runs that stop early under CVode.** `continuerun(T)` ends at T, and so do `CVode.solve(T)` and `psolve(T)` where an event
  without an action (`CVode.event(t)`) lies before, at which NEURON's stop. Events due at T itself have arrived then; in NEURON
  they arrive with the next call. (Where CVode has been switched on by `CVode().active(1)` and not `h.cvode_active(1)`, NEURON's
  `continuerun(T)` ends with the step that passes T: at 15.5 ms for 1 where little happens.)
* **What a script sets of rxd in the middle of a run under CVode** (concentrations of nodes, values of Parameters, sources of
  `include_flux`) counts at once. In NEURON it is forgotten, unless `CVode.re_init()` follows.
* **`vec.as_numpy()` of a Vector that nobody keeps** shows freed memory in NEURON; here the array keeps its numbers. In
  `np.concatenate([y.to_python(), x.c().sqrt().as_numpy()])` NEURON's second part shows the numbers of `y`, since NumPy puts
  them into the memory just freed; here it shows the square roots. (So it is in the reference of acceptance script 22,
  elements 5 to 9 of `vec_ops`: no rule that keeps memory alive can give them.)
* **Rates of reactions that are sums.** Of `~ c <-> o (alpha + beta, k)` in a mod file NEURON 9.0.2 multiplies the last
  summand alone with c; here the sum.
* **`rxdmath.gamma`** is the gamma function; in NEURON's compiled rates it is its logarithm, as `lgamma` is. `degrees` and
  `radians`, with which NEURON 9.0.2 compiles no rate, can be used.
* **`vec.mean(first, last)`** is in NEURON 9.0.2 the sum over `last`, less `first`, plus 1; here the mean. `vec.medfltr`, which
  ends NEURON 9.0.2 or makes all elements the same, gives medians, and `vec.fit` finds the minimum, near which NEURON's search
  stops. `vec.convlv(source, response, -1)` undoes a convolution; in NEURON it does not (of 3, 2, 15, 16 and the response 1, 0.5
  it makes 13.5 everywhere).
* **Ranges of numbers in names of sections**: `forsec "dend[<9-12>]"` has the sections 9 to 12; NEURON 9.0.2 takes the digits
  one by one (`<10-11>` is 0 and 1, `<9-12>` an error).
* **The diameter of one segment of a section with 3-d points** (`seg.diam = 4`) gives all points the diameters of their
  segments. In NEURON those are still 500 um where nobody has asked for a diameter or an area since the points were added.
* **`vec.play(ref, times)` with a Vector of times that nobody keeps** does nothing in NEURON, silently; here it plays, as
  long as `vec` is kept.
* **Courses that Vectors play with interpolation** have in a fixed step the value of its middle, in nodes that of its end. In
  NEURON the parameters of mod files and synapses have that of the middle for currents and that of the end for states.
* **Places on the last side of a box** (`node_by_location`, x = xhi) belong to the last voxel. NEURON counts on and gives the
  first voxel of the next row, across the box. A segment whose middle lies on the border of two voxels of a box exchanges with
  the upper one; in NEURON with either, by round-off of 3-D points in single precision.
* **`h.dt` after CVode has been switched off** is the solver's last step in NEURON; here it is what it was.
* **Tables and LINEAR blocks of mod files under CVode.** A TABLE follows the temperature and the parameters it depends on at
  once, in hh, too; in NEURON from the next `finitialize` or fixed step on. A LINEAR block of BREAKPOINT is solved all the time;
  in NEURON its states stay what INITIAL left, and so does what a BREAKPOINT without currents assigns (`shown = cai`).
* **What BEFORE and AFTER blocks assign to a current** (`ica = ica + x`) is for the rest of the block. NEURON shows it up to
  the next BREAKPOINT; no current flows because of it, there or here.
* **`h.secondorder` set in the middle of a run** counts at once. In NEURON 9.0.2 it counts for the update of voltages at
  once, and for the equations when `h.dt` changes next or with `finitialize`: steps between are twice or half as long as
  they say.
* **Pointers and recordings after a change of nseg** show the same place x. In NEURON they show the segment of the same
  number, and nothing any more if there is none.
* **`h.t` set back** without `finitialize`: functions given to `CVode.event` for times before the old clock are called here;
  in NEURON they are lost, and `psolve` ends the process.
* **`record(h._ref_t, times)`** takes the time of the step's end; in NEURON it is that of its start (with `psolve`, of the
  start of the call).
* **Rates after `h.fcurrent()` with another `h.celsius`** (`seg.minf_hh`, `seg.ntau_hh`) are what they were; in NEURON those
  of 100 mV, where its tables end, until the next step.
* **`Impedance.compute(frequency, 1)`**, with gates that follow, is what a small current does, also in several sections.
  NEURON's is 0.4 % off for one section with hh, and 35.9 in place of 26.9 megohm for two (a current of 0.1 pA there gives
  26.9, too).
* **`seg.vext[1]`** is in NEURON's Python (not in its hoc) what `seg.vext[0]` is; here that of the second layer.
* **`h.secondorder` 1 or 2 and blocks of several methods.** Where a BREAKPOINT solves one block by cnexp and another by
  sparse or derivimplicit, NEURON moves the states of the first by half a step only; here by a whole one. What a KINETIC block
  assigns (`cai = ca[0]`) is of the end of the step here, in NEURON of its middle.
* **States that BREAKPOINT holds within bounds, in variable steps.** `if (m > 1) { m = 1 }` counts for the next step, as in
  fixed ones; in NEURON with CVode currents see it, and m goes on as if nothing held it.
* **Sums as rates of a KINETIC block.** `~ a <-> b (k1 + k2, k3)` is a rate of `(k1 + k2)*a`; NEURON's flux is `k1 + k2*a`,
  unless the file has `((k1 + k2), k3)`.
* **Layers of `extracellular` with `h.secondorder` 1 or 2.** NEURON's voltages converge to wrong ones as dt falls; here an
  error says so. (Where layers do not resist, which is NEURON's default, `h.secondorder` works.)
* **Regions that species do not have.** `Reaction(x[a], y[a], k, regions=[b])` acts on a, with a warning; NEURON takes x and y
  on b, and the rate of a. A `Rate` of this kind is refused by NEURON in cells, and taken as here in boxes.
* **`h.t` and `h.dt`** are in double precision, and so are 3-D points, which NEURON keeps in single precision.

NEURON 9.0.2 is wrong in seven more ways, which scripts live with and whose rules are simple. There the default is NEURON's
number, with a warning that names the reaction or the sections; `python -m rxd.neuron --correct SCRIPT`, or
`with Session(correct=True):`, applies every reaction once, at the rate it has, and leaves sections as they are:

* **A rate changed on the way** (`reaction.f_rate = 1.5` after `finitialize`, of a `Reaction`). NEURON compiles all
  reactions once more and adds them to those in force, until the next `finitialize`, new species or change of nseg: two
  species that decay with 0.1 and 0.02 per ms decay with 0.3 and 0.04 after the first rate is set to 0.2. A reaction made
  after `finitialize`, and the new rate of a MultiCompartmentReaction, count from the next time on that NEURON compiles. A
  Parameter as the rate, changed through its nodes, does what is meant. (A fixed step takes the new rate for all of its time,
  then the old one. In NEURON's tutorial, where 2 cl + ca goes 5 times as fast from 0.125 ms on, cl at 0.15 ms is 0.6920 mM,
  and 0.7122 with `--correct`.)
* **Reactions and rates on regions with different sections.** For every set of regions some section has, NEURON compiles the
  reactions for all sections with at least these regions. With `x` on a region of soma and dendrite, and anything on a
  region of the dendrite alone, a rate of `x` counts once in the soma and twice in the dendrite. (It solves one set after the
  other, where here rates are added up: they differ by the error of the step, some 1e-3.)
* **A State or Parameter on the right.** In `Reaction(x, y, kf, kb)` of a Species `x` and a State or Parameter `y`, without
  numbers and without regions, or with regions and a Parameter `y`, NEURON takes `kf` for the backward and `kb` for the
  forward rate (also of a MultiCompartmentReaction).
* **Reactions in a box whose species are written with it.** `Reaction(a[ecs] + b[ecs], c[ecs], k)` counts once for every
  species on its sides, here three times; `Reaction(a + b, c, k)` and rates count once. (With CVode more often still, unlike
  here.)
* **Reactions without regions of species that are in cells and in a box.** `Reaction(a, b, k)` acts in the cells alone; a `Rate`
  acts in both.
* **Rates of no regions.** `Rate(x, k, regions=[])` changes nothing; a `Reaction` acts wherever its species are. NetPyNE makes
  such a Rate where `species` names a region and `regions` is not given: in its example rxd_net the IP3 receptors' gate.
* **Joints in voxels.** Where sections meet (or a section's diameter jumps), each is in voxels as wide as the widest there, and
  tapers to its next point or border of segments: a neurite of 62 um3 on a bulb of 8 um has 115 um3 with 11 segments, and
  595 with one. The membrane of the cable stays what the points say.

Where NEURON makes choices, we make the same:

* Layers of `extracellular` (two) and LinearMechanisms are solved together with the voltages by backward Euler. What flows
  through the membrane comes out into the first layer; clamps inject from ground, and voltage clamps hold the potential
  inside. A LinearMechanism calls its function once at the start of every step.
* A point process at an end of a section (`dend(1)`) sits where sections meet and nothing is stored; `dend(1).v` is the
  voltage there. One that uses ions, and one at an end in voxels, acts on the last segment.
* With CVode, courses that Vectors play with interpolation into currents and commands of clamps or into `e_extracellular`
  are followed exactly; into anything else (a conductance, `rs`, a parameter) as stairs of at most 0.05 ms, shorter with smaller
  tolerances. Functions of a LinearMechanism are called at the beginning of each internal step, of at most 0.025 ms then.
* CVode finds thresholds within its steps, as NEURON does with `condition_order(2)`, of StateTransitionEvents,
  too; `maxorder`, `jacobian`, `stiff`, `use_daspk` and the like are taken note of: layers of `extracellular` that resist and
  LinearMechanisms need no other method. Recordings of every step have both values of a jump, as NEURON's have.
* With CVode active, what is due just when `CVode.solve(T)` or `psolve(T)` ends (events, spikes of NetStims, jumps that Vectors
  play, values recorded on a grid) waits for the next call; `continuerun(T)` has it.
* `CVode.store_events` has all events that are put on their way, those of NetCons, too; while it is at work, nothing goes in
  compiled runs. `CVode.spike_stat` counts what went through the queue, and compiled runs do not use it.
* `CVode.use_local_dt` is taken note of; the steps of the cell that needs the shortest are those of all cells, as with a
  global step in NEURON.
* Currents, and what else BREAKPOINT assigns, are computed at the start of a step, rates at its end. What a script sets in
  between shows in them after the next step; `h.fcurrent()` computes currents at once, `CVode.re_init()` nothing unless
  CVode is active.
* What INITIAL blocks compute stays until the next `finitialize`: the peak factor of Exp2Syn, the ends of the second and
  third level of SEClamp (the first ends as `dur1` says), tau1 of an Exp2Syn that is not below tau2.
* `SaveState.restore()` brings back time, voltages, states, events, weights, and synapses with their parameters. Other
  parameters, delays, `h.dt` and `h.celsius` stay as they are, and so do currents until the next step. Recordings at given
  times go back to the length they had, others go on. `restore(1)` leaves events, cells and weights alone.
* A NetCon that is not active sends nothing; what it sent before arrives. The NetCons of a source record
  in one Vector of times, as in NEURON, that of the last which asks (a warning says whose goes), and call one function. With
  CVode a step ends at a spike at which something is called, so that what is called sees the state of that moment.
* `ParallelNetManager` (`netparmpi.hoc`) has all cells in this process; `splitcell` is refused.
* A Vector that plays jumps writes each value once, after recordings of that time; what a script sets holds until the next.
* A recording on a grid takes its values among the events: at the very time of an event it shows what that has done if the event
  was sent before the value recorded last was taken. (In NEURON not where something is sent in between that is due earlier than
  all else on its way: what was the first then comes behind all others of its time.)
* hh takes its rates from tables in steps of 1 mV while `h.usetable_hh` is 1 (NEURON's default); `h.usetable_hh = 0` is
  exact, and faster.
* With fixed steps rates see an `h.celsius` that a Vector plays at the end of a step, and tables at its start. (In models that
  read tables all rates see it at the start, in NEURON only those from tables.)
* Where a section in voxels meets one that is not, half a segment and half a voxel conduct in series, shared among the
  voxels that NEURON takes for the end (it counts them as whole ones, here they have their part); `docs/space.md` has the better
  rule of Axoplasm itself.
* `seg.cai` follows the nodes at the end of a step (of segments joined to voxels: before these exchange with them): what a
  script writes to nodes shows after the next step, and currents see `seg.cai`. Voxels, and the current of a membrane flux, see
  concentrations of nodes at once.
* `seg.cai` of a section in voxels is the mean over the voxels at the surface (before the first fixed step: over the volume); a
  voxel that several segments share counts as of the first.
* `node.x3d`, `y3d` and `z3d` of a voxel are counted from sizes in single precision, some 1e-8 um off: `node.x3d < 1` is true of
  the voxels around 1 where it is in NEURON.
* A voxel that several segments share is that of the one nearest to the root (`node.segment`, `nodes(section)`).
* `nodes(section(0))` and `nodes(section(1))` are empty, with a warning: nothing is stored where a section ends.
* Two voxels with an open face exchange through the harmonic mean of the parts of them that are inside the cell;
  `docs/space.md` has the better rule of Axoplasm itself.
* Species diffuse along a cable through the cross-section at the border of two segments; voltage follows the exact integral.
* A section on the 0 end of a root is tied to the root's first segment through its own half alone, for species.
* `node.surface_area` of a voxel is that of a triangulated surface, some percent less than the membrane's; what crosses the
  membrane follows the exact area, so that nothing is lost on the way.
* `ecs_boundary_conditions` hold the outermost voxels themselves, from the end of the first fixed step on.
* Segments whose middles lie outside a box take no part in it: their currents do not reach it, and their concentrations outside
  are NEURON's own. (A MultiCompartmentReaction with a box needs all of its segments in it.) What a mod file writes of a
  concentration counts in these alone: where a species has it, in a box or in a cell, the species counts, with a warning. (In
  NEURON, mechanisms that come after that one in the same step see what it has written.)
* Currents enter a region through the part of the membrane it has (`surface_fraction` of a FractionalVolume, also in voxels):
  a Shell apart from the membrane, or a FractionalVolume without `surface_fraction`, takes up none, with a warning.
  `node.surface_area` is that part; NEURON shows the whole membrane in voxels.
* Sources added with `include_flux` act at the end of a fixed step, after reactions, and are read there if they vary. With
  CVode numbers are part of the equations, and functions and pointers are read at the beginning of each internal step, of at
  most 0.025 ms.
* With fixed steps, what `CVode.event` is given is called at the end of the step its time falls into, with `h.t` of that
  end, when all else that was due in it has been done: spikes sent, values recorded.
* Functions of x, y, z for the properties of a box are asked once, for the lower corner of every voxel; between two voxels
  the tortuosity of the higher one counts.
* Functions given as `initial` that draw random numbers are asked as often as in NEURON: four times until the first
  `finitialize` is done, three times in each later one.
* `node.d = ...` of an extracellular node, and `species[ecs].d = ...`, set the coefficient of the whole box; the former with a
  warning.
* Coefficients that differ (`node.d`): between two segments of a section the mean counts, where sections meet each half has
  its own, between two voxels that of the higher one counts.
* A formula given to `include_flux` is a rate in mM/ms, whatever the units.
* With `h.secondorder` 1 or 2 KINETIC blocks and derivimplicit are solved for the middle of a step, from where states go
  straight on. This takes occupancies of fast channels below 0 and above 1 (to -0.0014 and 1.17 in a sodium channel of 12
  states under a voltage clamp, with steps of 0.1 ms), and what is below 0 may have no solution in the next step, which is an
  error; NEURON goes on.
* A NetCon with a point process as its source whose mod file has no `net_event` watches its RANGE variable `x`, with a
  threshold of 10. What is above its threshold at the beginning, after an event or `CVode.re_init()`, or since the threshold has
  been lowered, is a spike at once; with CVode not the voltage above the threshold of a new NetCon, unless others watch it. (One
  whose voltage nobody has watched before sees it rise from then on; NEURON looks at it from the next `re_init` on.)
* Parameters of clamps and synapses that are built in may be targets of `pc.target_var`; they have the value of the end of the
  step before (currents of sources at `finitialize` are those of the initial state, in NEURON of the last run). Not with CVode.
* `KSChan` takes rates from no tables (`usetable` is taken note of): they are exact. What a script changes in the Vector that a
  rate is made of counts from the next call that makes steps. Variables change (ion, states, `iv_type`) while nobody has the
  channel; single channels that open at random are refused.
* VClamp takes `tau1`, `tau2`, `gain` and `fac` as NEURON does, step by step in Python; with CVode, where NEURON refuses it, it
  is the amplifier at its steady state.
* Nodes of a species are ordered tree by tree, level by level; children by place, the newest first.

Warned about, where NEURON is silent: a reaction left out since one of its species has gone out of scope, a variable given to
`include_flux` without units, a section that is connected again, nseg that changes after a section was cut into voxels, segments
shorter than voxels, of which some are in none (their currents reach nothing), cells whose voxels touch although nothing joins
them (species pass from one to the other there).
"""


def text() -> str:
    """The page."""
    parts = [HEADER, "## Names of `h`", ""]
    idle = sorted(name for name, function in FUNCTIONS.items() if function is nothing)
    working = sorted(name for name, function in FUNCTIONS.items() if function is not nothing)
    parts += ["Functions:", "", _row(working), "", "Accepted without effect (NEURON's windows and caches):", "", _row(idle), ""]
    parts += ["Variables and constants:", "", _row([*sorted(Globals().values), *CONSTANTS]), ""]
    parts += [
        'hoc code in `h("...")` and in files: `create access connect insert uninsert objref strdef double proc func obfunc'
    ]
    parts += [
        "iterator begintemplate public external if else for forall forsec ifsec while break continue return stop",
        "print new`, printing, `sprint`, `sscanf`, arrays, `$1 $s2 $o3 $&4 $i`, `diam(0:1) = 10:2`, `PythonObject`,",
        "`object_push`, `object_pop`, and all names below. A file may hold data that `fscan()` and `getstr()` read behind the",
        "statement that calls them. Sessions (`.ses`) set up what `SingleCompartment`, `Inserter`, `PointProcessManager`,",
        "`Electrode`, `ChannelBuild` and `NumericalMethodPanel` put into the model; their windows are not shown.",
        "",
    ]
    parts += [
        "Mechanisms: " + ", ".join(f"`{name}`" for name in DENSITY) + "; ions: any, `na`, `k`, `ca` with NEURON's values.",
        "",
    ]
    parts += ["## Classes", "", "| class | variables and methods |", "|---|---|"]
    parts += [f"| `{name}` | {_row(_members(name, kind))} |" for name, kind in sorted(CLASSES.items())]
    parts += ["", "## rxd", "", *_rxd_lines(), ""]
    parts += ["## Refused", "", "| name | why, and what to use |", "|---|---|"]
    reasons: dict[str, list[str]] = {}
    for name, reason in sorted(MISSING.items()):
        reasons.setdefault(reason, []).append(f"`h.{name}`")
    for (kind, name), reason in sorted(METHODS.items()):
        reasons.setdefault(reason, []).append(f"`{kind}.{name}`")
    parts += [f"| {', '.join(names)} | {reason} |" for reason, names in reasons.items()]
    parts += ["", DIFFERENCES]
    return "\n".join(parts)


def _row(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _members(name: str, kind: type[Any]) -> list[str]:
    variables = [*POINTS[name].parameters, *POINTS[name].assigned, *POINTS[name].arrays] if name in POINTS else []
    return list(dict.fromkeys([*variables, *_public(kind)]))


def _public(kind: type[Any]) -> list[str]:
    hidden = {
        "kind",
        "info",
        "values",
        "arrays",
        "record",
        "initialize",
        "begin",
        "stream_ids",
        "host",
        "receive",
        "fire",
        "later",
        "at",
        "factors",
        "last",
        "which",
        "own_event",
        "pending",
        "put",
        "resting",
        "row",
        "take_row",
        "turn",
        "ahead",
        "expects",
        "go_on",
        "keep_on",
        "kept",
        "stream_of_intervals",
    }
    hidden |= {"schedule", "push", "extend", "deliver", "spike", "check"} if kind.__name__ in {"Vector", "NetCon"} else set()
    hidden |= getattr(kind, "inner", frozenset()) | {"inner"}
    own = [member for member, _ in inspect.getmembers(kind) if not member.startswith("_")]
    return [member for member in own if member not in hidden or kind.__name__ in {"Section", "SectionList", "Random"}]


def _rxd_lines() -> list[str]:
    from rxd.neuron import rxd
    from rxd.neuron.rxd.node import Node
    from rxd.neuron.rxd.nodelist import NodeList
    from rxd.neuron.rxd.species import Species, SpeciesOnExtracellular, SpeciesOnRegion

    lines = ["Names of the module: " + _row(rxd.__all__), "", "`rxdmath`: " + _row(rxd.rxdmath.__all__), ""]
    lines += ["| object | attributes and methods |", "|---|---|"]
    kinds = (rxd.Region, rxd.Extracellular, Species, SpeciesOnRegion, SpeciesOnExtracellular, Node, NodeList, rxd.Reaction)
    hidden = {
        "records",
        "living",
        "label",
        "number",
        "session",
        "settled",
        "table",
        "adopt",
        "changed",
        "depends_on",
        "fractions",
        "known_fractions",
        "tortuosities",
        "values",
        "values_in",
        "write",
        "touched",
        "part",
    }
    hidden |= {"expression", "node_d", "kind", "of", "array", "parts", "symbols", "kf", "kb", "is_area"}
    hidden |= {
        "grid",
        "is_source",
        "d_on",
        "local_d",
        "set_d_on",
        "opened",
        "ready",
        "said",
        "shown",
        "sources",
    }
    for kind in kinds:
        names = [member for member, _ in inspect.getmembers(kind) if not member.startswith("_") and member not in hidden]
        lines.append(f"| `{kind.__name__}` | {_row(names)} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write(text())
