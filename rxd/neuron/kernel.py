"""A kernel for Jupyter in which `import neuron` finds Axoplasm, so that notebooks for NEURON run as they are.

In: where Jupyter looks for kernels. Out: a kernel specification there, which starts this Python by `python -m rxd.neuron`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["DISPLAY", "NAME", "install_kernel"]

NAME: Final = "axoplasm-neuron"
"""What `jupyter kernelspec list` and `nbconvert --ExecutePreprocessor.kernel_name` call it."""
DISPLAY: Final = "NEURON scripts on Axoplasm"
"""What Jupyter's menus call it."""


def install_kernel(user: bool = False, correct: bool = False) -> Path:
    """Write the kernel's specification where Jupyter finds it; one that is there already is replaced.

    Parameters
    ----------
    user : bool
        For all of the user's environments, not only for the one this Python belongs to.
    correct : bool
        As in `rxd.neuron.launcher.run_script`.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    ModuleNotFoundError
        If this environment has no ipykernel, which runs the cells.
    """
    if importlib.util.find_spec("ipykernel") is None:
        message = (
            "Jupyter's kernel for Python is not in this environment. "
            "Install it: python -m pip install 'axoplasm[jupyter]' (or ipykernel)"
        )
        raise ModuleNotFoundError(message, name="ipykernel")
    from jupyter_client.kernelspec import KernelSpecManager

    options = ["--correct"] if correct else []
    command = [sys.executable, "-m", "rxd.neuron", *options, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": command, "display_name": DISPLAY, "language": "python", "metadata": {"debugger": True}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(specification, indent=1))
        prefix = None if user else sys.prefix
        return Path(KernelSpecManager().install_kernel_spec(folder, NAME, user=user, prefix=prefix))
