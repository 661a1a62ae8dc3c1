"""Write what the documents take from the program: IR, remarks, tables of operations, functions and passes.

```
python tools/generate_reference.py           # rewrites the generated parts of all documents
python tools/generate_reference.py --check   # exits with 1 if one is out of date
```

A generated part stands between `<!-- generated: NAME ARGUMENTS -->` and `<!-- end -->`; `PARTS` lists the names. Everything
else in a document is left alone. `tests/test_docs.py` checks that all parts are up to date.
"""

import inspect
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from documented_functions import ARGUMENTS, VECTOR_BITS
from xdsl.dialects.builtin import StringAttr

import compiler
from compiler.numpy_rules import FUNCTIONS
from compiler.numpy_ufuncs import UFUNC_RULES
from compiler.opt_flags import make_parser
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, passes_to_stage
from compiler.printing import to_text
from compiler.tracer import Tracer
from dialects.dlc.dialect import Dlc
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import PureOp, TensorOp
from passes import get_all_passes

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/tutorial.md",
    "docs/dlc-opt.md",
    "docs/ops.md",
    "docs/nn.md",
    "docs/convolution.md",
    "docs/recurrent.md",
    "docs/fft.md",
    "docs/linalg.md",
    "docs/performance.md",
)
PART = re.compile(
    r"(<!-- generated: (?P<name>[\w-]+)(?P<arguments>(?: [\w@][\w@.-]*)*) -->\n).*?(<!-- end -->)", re.DOTALL
)

FAMILIES = {
    "arithmetic": "Arithmetic",
    "unary": "Functions of one operand",
    "rounding": "Rounding",
    "binary": "Other functions of two operands",
    "powers": "Powers and roots",
    "trigonometric": "Trigonometry",
    "special": "Special functions",
    "bits": "Bits",
    "selection": "Comparison and selection",
    "conversion": "Conversion",
    "complex_parts": "Complex numbers",
    "constants": "Constants",
    "broadcast": "Broadcasting and its transpose",
    "reduction": "Reductions",
    "arg_extrema": "Positions of extremes",
    "cumulative": "Cumulative operations",
    "sorting": "Sorting and searching",
    "windows": "Sliding windows",
    "window_selection": "Extrema of windows",
    "unfolding": "Elements of windows",
    "resampling": "Resampling",
    "contraction": "Products",
    "triangular": "Triangular matrices",
    "lu": "LU factorization",
    "orthogonal": "QR factorization",
    "spectral": "Eigenvalues of Hermitian matrices, singular values",
    "eigen": "Eigenvalues of other matrices",
    "fourier": "Fourier transforms",
    "convolution": "Convolution",
    "random_bits": "Random bits",
    "shape": "Shapes",
    "slicing": "Slices",
    "updating": "Assignment to slices",
    "dynamic_slicing": "Slices at computed places",
    "indexing": "Gather and scatter",
    "transforms": "Calls and function transforms",
    "case": "Branches",
    "scan": "Loops of known length",
    "while_loop": "Loops that end by a condition",
    "custom_derivatives": "Derivatives that the user gives",
    "checkpoint": "Values computed again",
}


# Programs


def lowered(function_name: str) -> Any:
    """The traced program of a documented function."""
    function = next(function for function in ARGUMENTS if function.__name__ == function_name)
    options = CompileOptions(vector_bits=VECTOR_BITS)
    return compiler.jit(function, options=options).lower(*ARGUMENTS[function])


def source(function_name: str) -> str:
    """The source of a documented function without its docstring."""
    function = next(function for function in ARGUMENTS if function.__name__ == function_name)
    lines = inspect.getsource(function).splitlines()
    return block("python", "\n".join([lines[0], *lines[2:]]))


def dump(function_name: str, stage: str, *symbols: str) -> str:
    """The IR of a documented function at a stage, or of the chosen functions of it."""
    module = lowered(function_name).module_at(stage)
    shown: list[str] = []
    for op in module.body.block.ops:
        symbol = op.properties["sym_name"]
        assert isinstance(symbol, StringAttr)
        if not symbols or f"@{symbol.data}" in symbols:
            shown.append(to_text(op).rstrip())
    assert shown, f"{function_name} has no {symbols} at {stage}"
    return block("mlir", "\n".join(shown))


def remarks(function_name: str) -> str:
    """What the passes say about a documented function, with lines counted from its `def`."""
    function = next(function for function in ARGUMENTS if function.__name__ == function_name)
    first = function.__code__.co_firstlineno
    lines: list[str] = []
    for remark in lowered(function_name).remarks():
        text = re.sub(r"^.*?:(\d+): ", lambda match: f"{function_name}:{int(match[1]) - first}: ", str(remark))
        lines.append(text)
    return block("text", "\n".join(lines))


def memory(function_name: str) -> str:
    """The memory and the cost of a documented function."""
    program = lowered(function_name)
    return block("text", f"{program.memory_analysis()}\n{program.cost_analysis()}")


def python(place: str) -> str:
    """The source of a class or function, given as `package.module.name`."""
    module, _, attribute = place.rpartition(".")
    return block("python", inspect.getsource(getattr(import_module(module), attribute)).rstrip())


# Tables


def operations() -> str:
    """Every operation of the tensor dialect by family, with its meaning and its derivative."""
    parts: list[str] = []
    by_family: dict[str, list[Any]] = {}
    for operation in Dlc.operations:
        by_family.setdefault(operation.__module__.rpartition(".")[2], []).append(operation)
    assert set(by_family) <= set(FAMILIES), f"give {set(by_family) - set(FAMILIES)} a title in FAMILIES"
    for family, title in FAMILIES.items():
        rows = [f"| `{op.name}` | {cell(op.__doc__)} | {derivative(op)} |" for op in by_family[family]]
        parts.append(
            f"## {title}\n\n`dialects/dlc/{family}.py`\n\n| operation | meaning | derivative |\n|---|---|---|\n"
            + "\n".join(rows)
        )
    return "\n" + "\n\n".join(parts) + "\n\n"


def derivative(operation: Any) -> str:
    """What the documentation of an operation says about its derivative."""
    if issubclass(operation, HigherOrderOp):
        return cell(operation.jvp.__doc__)
    if not issubclass(operation, PureOp):
        return "expanded before it is asked for"
    if operation.NO_DERIVATIVE:
        return f"none: {operation.NO_DERIVATIVE}"
    if not issubclass(operation, TensorOp):
        return cell(operation.jvp_all.__doc__)
    return cell(operation.jvp.__doc__)


def supported_operations() -> str:
    """The names of the operations by family."""
    by_family: dict[str, list[str]] = {}
    for operation in Dlc.operations:
        by_family.setdefault(operation.__module__.rpartition(".")[2], []).append(operation.name.removeprefix("dlc."))
    rows = [f"| {FAMILIES[family].lower()} | {', '.join(by_family[family])} |" for family in FAMILIES]
    return "| family | operations |\n|---|---|\n" + "\n".join(rows) + "\n"


def numpy_functions() -> str:
    """The functions, ufuncs and methods of NumPy that traced arrays answer."""
    by_module: dict[str, list[str]] = {"numpy": [], "numpy.linalg": [], "numpy.fft": []}
    for function in FUNCTIONS:
        module = getattr(function, "__module__", "")
        by_module[module if module in by_module else "numpy"].append(function.__name__)
    ufuncs = [ufunc.__name__ for ufunc in UFUNC_RULES]
    methods = {name for name in dir(Tracer) if not name.startswith("_") and callable(getattr(Tracer, name))}
    methods &= set(dir(np.ndarray)) - {"item", "tolist"}  # these ask for Python values, which a traced array has not
    rows = {
        "ufuncs": ufuncs,
        "functions": by_module["numpy"],
        "`np.linalg`": by_module["numpy.linalg"],
        "`np.fft`": by_module["numpy.fft"],
        "methods": methods,
    }
    return "| | |\n|---|---|\n" + "".join(
        f"| {what} | {', '.join(sorted(set(names)))} |\n" for what, names in rows.items()
    )


def pass_table(target: str = "cpu") -> str:
    """The passes that lead to each stage."""
    assert target in IR_STAGES
    by_stage = passes_to_stage(target, CompileOptions(vector_bits=VECTOR_BITS))
    places = {name: loader.args[0] for name, loader in get_all_passes().items()}  # type: ignore[attr-defined]
    rows: list[str] = []
    for stage in IR_STAGES[target]:
        for name, _ in by_stage[stage]:
            module = import_module(f"passes.{places[name]}")
            rows.append(f"| {stage} | `{name}` | {cell(module.__doc__)} |")
    return "| leads to | pass | what it does |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def flags() -> str:
    """The flags of dlc-opt."""
    parts: list[str] = []
    for group in make_parser()._action_groups:
        rows = [
            f"| {', '.join(f'`{flag}`' for flag in action.option_strings)} | {cell(action.help or '')} |"
            for action in group._group_actions
            if action.option_strings
        ]
        title = (group.title or "").capitalize()
        if rows and title != "Options":
            parts.append(f"### {title}\n\n| flag | meaning |\n|---|---|\n" + "\n".join(rows))
    return "\n" + "\n\n".join(parts) + "\n\n"


# Text


def block(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text}\n```\n"


def cell(docstring: str) -> str:
    """The first paragraph of a docstring in one line, as a cell of a table."""
    paragraph = inspect.cleandoc(docstring).split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", r"\|").replace("%%", "%")


PARTS: dict[str, Callable[..., str]] = {
    "source": source,
    "dump": dump,
    "remarks": remarks,
    "memory": memory,
    "python": python,
    "operations": operations,
    "supported-operations": supported_operations,
    "numpy-functions": numpy_functions,
    "passes": pass_table,
    "flags": flags,
}


def updated(text: str) -> str:
    """A document with its generated parts made anew."""

    def replace(match: re.Match[str]) -> str:
        return match[1] + PARTS[match["name"]](*match["arguments"].split()) + match[4]

    return PART.sub(replace, text)


def main() -> int:
    """Rewrite or check the documents."""
    status = 0
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text()
        new = updated(text)
        if new == text:
            continue
        if "--check" in sys.argv:
            print(f"{name} is out of date; run tools/generate_reference.py")
            status = 1
        else:
            path.write_text(new)
            print(f"updated {name}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
