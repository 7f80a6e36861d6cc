"""Which sources are mutated, what a mutant is called, and which operations could show it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutants.operators import Edit, edits

__all__ = ["ROOT", "TARGETS", "Mutant", "mutants"]

ROOT = Path(__file__).parents[2]


def every(scope: str) -> bool:
    """All of it."""
    return True


def fast_forms(scope: str) -> bool:
    """What kernels run: the nested-loop definitions are what it is compared with."""
    return not scope.endswith("_reference") and scope not in {"conv_terms", "max_pool_choices", "avg_pool_count"}


def type_rules(scope: str) -> bool:
    """What decides types, and what is emitted: not axis maps, and what operations cost in time and memory."""
    return scope.rpartition(".")[2] not in {
        "temporaries", "columns", "padded", "padded_bytes", "chosen", "_one_by_one", "_choosing", "_wider", "_wide",
        "axes", "flops", "evaluate", "batch", "__init_subclass__", "labels", "factored", "_pair", "_flat", "_divides",
        "reduction_axes", "small", "_index_axes",
    }  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A source to mutate.

    Attributes
    ----------
    kind
        Decides which detectors run, and in which order.
    path
        Below the package.
    wanted
        The scopes that are mutated.
    tests
        Test files that see what properties of single operations do not.
    """

    kind: str
    path: str
    wanted: Callable[[str], bool] = every
    tests: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What its mutants are called by."""
        return self.path if self.path.count("/") == 1 else self.path.split("/", 1)[1]


FOUND = "tests/mutants/test_found.py tests/ops/test_edges.py"
RULES = (
    FOUND,
    "tests/autodiff/test_hard_points.py",
    "tests/autodiff/test_rules.py -k 'exponents or sinc or prod or composites'",
)
ENGINE = (FOUND, "tests/autodiff/test_engine.py", "tests/autodiff/test_hard_points.py", "tests/autodiff/test_custom.py",
          "tests/autodiff/test_complex.py", "tests/autodiff/test_transforms.py")  # fmt: skip
OPS = (
    FOUND, "tests/conv/test_window_types.py", "tests/ops", "tests/library/test_primitives.py",
    "tests/compiler/test_equivalence.py -k on_a_number",
)  # fmt: skip
WINDOWS = (FOUND, "tests/conv/test_window_types.py", "tests/conv", "tests/library/test_primitives.py")
PEAKS = "tests/schedule/test_footprint.py -k '(predicted or nothing) and not cnn'"
KERNELS = (
    "tests/codegen/test_golden.py -k 'not process'",
    "tests/compiler/test_kernel.py",
    "tests/schedule/test_plan.py",
    "tests/schedule/test_update_scalars.py",
    "tests/compiler/test_sizes_that_follow.py",
    "tests/codegen/test_saved.py",
    "tests/codegen/test_layout.py tests/codegen/test_bound.py",
    FOUND,
)
BLOCKS = (
    *KERNELS,
    "tests/schedule/test_memory.py tests/schedule/test_order.py",
    "tests/schedule/test_blocks.py",
    PEAKS,
)
UPDATES = (
    *KERNELS,
    "tests/schedule/test_memory.py",
    "tests/compiler/test_dropped_updates.py",
    "tests/compiler/test_check.py",
    "tests/optim",
)
EMITTED = (
    *KERNELS, "tests/compiler/test_debug_nans.py", "tests/compiler/test_bad_input.py", "tests/compiler/test_check.py",
    "tests/codegen/test_explain.py",
)  # fmt: skip
SIMPLIFY = "tests/passes/test_simplify.py -k 'not chains and not time'"  # those take most of a minute
LAWS = (
    "tests/passes/test_moves.py", "tests/passes/test_scatters.py", "tests/passes/test_programs.py", SIMPLIFY,
    "tests/passes/test_stability.py", "tests/passes/test_signs.py", "tests/passes/test_sums.py",
    "tests/rewrite/test_laws.py -k 'applies or says'",
)  # fmt: skip
PASSES = (
    SIMPLIFY, "tests/compiler/test_check.py", "tests/passes/test_fold.py", *LAWS,
    "tests/rewrite/test_laws.py -k wrong",
)  # fmt: skip

TARGETS = (
    Target("rules", "autodiff/rules.py", tests=RULES),
    Target("rules", "autodiff/structural.py", tests=RULES),
    Target("rules", "autodiff/library.py", tests=(FOUND, "tests/library/test_functions.py")),
    Target("rules", "autodiff/windows.py", tests=WINDOWS),
    Target("engine", "autodiff/engine.py", tests=ENGINE),
    Target("types", "ops/elementwise.py", type_rules, OPS),
    Target("types", "ops/reduction.py", type_rules, OPS),
    Target("types", "ops/shape.py", type_rules, OPS),
    Target("types", "ops/indexing.py", type_rules, OPS),
    Target("types", "ops/linalg.py", type_rules, OPS),
    Target("types", "ops/conv.py", type_rules, WINDOWS),
    Target("types", "ops/pool.py", type_rules, WINDOWS),
    Target("types", "ops/windows.py", type_rules, WINDOWS),
    Target("types", "ops/segment.py", type_rules, OPS),
    Target("numerics", "ops/numerics/conv.py", fast_forms, (FOUND, "tests/numerics/test_conv.py", "tests/conv")),
    Target("numerics", "ops/numerics/pool.py", fast_forms, (FOUND, "tests/numerics/test_pool.py", "tests/conv")),
    Target(
        "numerics",
        "ops/numerics/adaptive_pool.py",
        fast_forms,
        (FOUND, "tests/numerics/test_adaptive_pool.py", "tests/conv"),
    ),
    Target("numerics", "ops/numerics/basic.py", tests=(FOUND, "tests/library/test_functions.py")),
    Target(
        "numerics",
        "ops/numerics/segment.py",
        tests=(
            FOUND,
            "tests/numerics/test_segment.py",
        ),
    ),
    *(
        Target("laws", f"rewrite/laws/{name}.py", tests=LAWS)
        for name in ("structure", "algebra", "signs", "powers", "stability", "scatter", "scalars", "products", "reals")
    ),
    Target("compiler", "rewrite/law.py", tests=PASSES),
    Target("compiler", "rewrite/match.py", tests=PASSES),
    Target("compiler", "passes/fold.py", tests=PASSES),
    Target("compiler", "passes/simplify.py", tests=PASSES),
    Target("compiler", "passes/layout.py", tests=("tests/passes/test_layout.py -k 'not process'", *KERNELS)),
    Target("compiler", "passes/sizes.py", tests=("tests/compiler/test_size_names.py", *KERNELS)),
    Target("compiler", "schedule/plan.py", tests=BLOCKS),
    Target("compiler", "schedule/updates.py", tests=UPDATES),
    Target("compiler", "schedule/places.py", tests=BLOCKS),
    Target("compiler", "schedule/memory.py", tests=BLOCKS),
    Target("compiler", "schedule/blocks.py", tests=BLOCKS),
    Target("compiler", "schedule/lanes.py", tests=("tests/schedule/test_lanes.py", *BLOCKS)),
    Target("compiler", "schedule/cuts.py", tests=BLOCKS),
    Target("compiler", "schedule/sides.py", tests=("tests/schedule/test_sides.py", *BLOCKS)),
    Target("compiler", "schedule/order.py", tests=BLOCKS),
    Target("compiler", "schedule/program.py", tests=BLOCKS),
    Target(
        "compiler",
        "schedule/footprint.py",
        tests=("tests/schedule/test_footprint.py -k 'not cnn and not example'", *BLOCKS),
    ),
    Target("compiler", "codegen/emit.py", tests=EMITTED),
    Target("compiler", "codegen/statements.py", tests=EMITTED),
    Target("compiler", "codegen/workspace.py", tests=EMITTED),
    Target("compiler", "codegen/loops.py", tests=(*EMITTED, "tests/schedule/test_blocks.py")),
    Target("compiler", "codegen/sizes.py", tests=EMITTED),
    Target("compiler", "codegen/state.py", tests=(*EMITTED, "tests/optim")),
    Target("compiler", "codegen/runtime.py", tests=EMITTED),
    Target(
        "compiler",
        "codegen/inputs.py",
        tests=("tests/codegen/test_inputs.py", "tests/compiler/test_bad_input.py", *EMITTED),
    ),
    Target("compiler", "codegen/kernel.py", tests=EMITTED),
    Target("compiler", "codegen/team.py", tests=("tests/codegen/test_team.py", *BLOCKS)),
    Target("compiler", "codegen/tidy.py", tests=("tests/codegen/test_linted.py", *EMITTED)),
)


@dataclass(frozen=True)
class Mutant:
    """A source with one mistake."""

    id: str
    key: str  # the same as long as the mistake is: it names no line
    target: Target
    edit: Edit

    def source(self, root: Path = ROOT) -> str:
        """The mutated source."""
        return self.edit.applied((root / "tensorgraph" / self.target.path).read_text(encoding="utf-8"))

    def ops(self) -> list[str]:
        """Classes of operations, or names of laws, that may depend on the mutated scope, the nearest first."""
        scope = self.edit.scope
        row = re.fullmatch(r"RULES\[(?:\w+\.)?(\w+)\]", scope)
        if self.target.kind == "laws":
            return laws_of(self.target.path, scope.split(".")[0])
        return [row[1]] if row else dependents(scope.split(".")[0])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:60]} ... {line[-25:]}"


def mutants(targets: Sequence[Target] = TARGETS, root: Path = ROOT) -> list[Mutant]:
    """All mutants, in the order of the sources; an id names file, line and kind of mistake."""
    made = []
    for target in targets:
        source = (root / "tensorgraph" / target.path).read_text(encoding="utf-8")
        seen: Counter[str] = Counter()
        for edit in edits(source, target.wanted):
            stem = f"{target.name}:{edit.line}:{edit.operator}"
            seen[stem] += 1
            key = f"{target.name}: {edit.scope}: {_short(edit.before)} -> {_short(edit.after)}"
            seen[key] += 1
            made.append(Mutant(_numbered(stem, seen), _numbered(key, seen), target, edit))
    return made


def _numbered(name: str, seen: Counter[str]) -> str:
    return name if seen[name] == 1 else f"{name}:{seen[name]}"


# ---- who depends on what


@cache
def _mentions() -> dict[str, set[str]]:
    """For each definition of the rules, the operations and their numerics: the names that it mentions."""
    found: dict[str, set[str]] = {}
    folders = ("autodiff", "ops", "ops/numerics")
    for path in sorted(p for folder in folders for p in (ROOT / "tensorgraph" / folder).glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name, part in _definitions(node):
                found.setdefault(name, set()).update(_names(part))
    return found


def _definitions(node: ast.stmt) -> list[tuple[str, ast.AST]]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [(node.name, node)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
        rows = zip(node.value.keys, node.value.values, strict=True)
        return [(key.attr, value) for key, value in rows if isinstance(key, ast.Attribute)]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return [(node.targets[0].id, node.value)]
    return []


def _names(part: ast.AST) -> set[str]:
    return {
        n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(part) if isinstance(n, (ast.Name, ast.Attribute))
    }


@cache
def dependents(name: str) -> list[str]:
    """Definitions that reach a name, the nearest first; the name itself in front."""
    mentions = _mentions()
    order, position = [name], 0
    while position < len(order):
        order += sorted(d for d, names in mentions.items() if order[position] in names and d not in order)
        position += 1
    return order


@cache
def laws_of(path: str, name: str) -> list[str]:
    """Laws of a source that reach a name of it; all of them if none does."""
    body = ast.parse((ROOT / "tensorgraph" / path).read_text(encoding="utf-8")).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    laws = [
        name for name, node in functions.items() if any(_names(d) & {"law", "node_law"} for d in node.decorator_list)
    ]
    reached = [name]
    for one in reached:  # it grows on the way
        reached += [f for f, node in functions.items() if one in _names(node) and f not in reached]
    return [law for law in reached if law in laws] or laws
