"""Loading emitted text, and saying of an error in it which of the user's lines it comes from."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Mapping
from typing import Any

from tensorgraph.codegen.emit import Module
from tensorgraph.codegen.team import share
from tensorgraph.ir.node import Node

__all__ = ["failed_at", "loaded", "note"]


def loaded(name: str, source: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Run the module's text, with other values for what is given; gives its file name and its names.

    Tracebacks and debuggers find the text in `linecache`.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<tensorgraph {name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"tensorgraph_{name}", "__file__": filename}
    exec(compile(source, filename, "exec"), namespace)
    namespace.update(given)  # users' functions keep their own globals
    if "share" in namespace:
        namespace["share"] = share  # one team of threads for all kernels
    return filename, namespace


def failed_at(error: BaseException, filename: str, module: Module) -> Node | None:
    """The node whose statement raised an error, if it came from a statement of this module."""
    trace = error.__traceback__
    found = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == filename and (code.co_name == "compute" or code.co_name.startswith("block_")):
            found = module.locate(trace.tb_lineno)
        trace = trace.tb_next
    return found


def note(error: Exception, name: str, filename: str, module: Module) -> None:
    """Note the user's line on an error that emitted source raised."""
    node = failed_at(error, filename, module)
    if node is not None:
        origin = node if node.primal is None else node.primal
        where = f" ({origin.location})" if origin.location else ""
        what = "" if node.primal is None else "the gradient of "
        error.add_note(f"{name}: in {what}{origin.op.name}{where}")
