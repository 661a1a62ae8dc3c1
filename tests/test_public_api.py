"""What users may rely on: names, signatures, cheap import, and examples in docstrings that are true."""

import doctest
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compiler

ROOT = Path(__file__).resolve().parent.parent

SIGNATURES = {
    "compiler.jit": "(fun=None, *, static_argnums=(), static_argnames=(), donate_argnums=(), target='cpu', options=None)",
    "compiler.grad": "(fun, argnums=0, *, has_aux=False)",
    "compiler.value_and_grad": "(fun, argnums=0, *, has_aux=False)",
    "compiler.vjp": "(fun, *primals, has_aux=False)",
    "compiler.jvp": "(fun, primals, tangents, has_aux=False)",
    "compiler.linearize": "(fun, *primals, has_aux=False)",
    "compiler.linear_transpose": "(fun, *primals)",
    "compiler.jacfwd": "(fun, argnums=0, has_aux=False, *, holomorphic=False)",
    "compiler.jacrev": "(fun, argnums=0, has_aux=False, *, holomorphic=False)",
    "compiler.hessian": "(fun, argnums=0, has_aux=False, *, holomorphic=False)",
    "compiler.stop_gradient": "(x)",
    "compiler.vmap": "(fun, in_axes=0, out_axes=0, *, axis_size=None)",
    "compiler.dynamic_slice": "(x, starts, sizes)",
    "compiler.dynamic_update_slice": "(x, update, starts)",
    "compiler.checkpoint": "(fun, *, policy=None, prevent_cse=True)",
    "compiler.custom_jvp": "(fun, nondiff_argnums=())",
    "compiler.custom_vjp": "(fun, nondiff_argnums=())",
    "compiler.Tensor": "(data, dtype=None)",
    "compiler.cond": "(pred, true_fun, false_fun, *operands)",
    "compiler.switch": "(index, branches, *operands)",
    "compiler.scan": "(f, init, xs=None, length=None, reverse=False, unroll=1)",
    "compiler.fori_loop": "(lower, upper, body_fun, init_val, *, unroll=None)",
    "compiler.while_loop": "(cond_fun, body_fun, init_val, *, max_steps=None)",
    "compiler.map": "(f, xs, *, batch_size=None)",
    "compiler.associative_scan": "(fn, elems, reverse=False, axis=0)",
    "compiler.CompileOptions": "(vector_bits=None, blas=None, cuda_arch=None, max_group_size=64)",
    "compiler.nn.relu": "(input)",
    "compiler.nn.sigmoid": "(input)",
    "compiler.nn.gelu": "(input, approximate='none')",
    "compiler.nn.softmax": "(input, dim=-1)",
    "compiler.nn.log_softmax": "(input, dim=-1)",
    "compiler.nn.cross_entropy": "(input, target, *, reduction='mean', label_smoothing=0.0)",
    "compiler.nn.logsumexp": "(input, dim=None, keepdim=False)",
    "compiler.nn.reduce_window": (
        "(input, computation, window_dimensions, window_strides=1, padding='VALID', base_dilation=1, window_dilation=1)"
    ),
    "compiler.nn.top_k": "(input, k, dim=-1, largest=True)",
    "compiler.nn.layer_norm": "(input, normalized_shape, weight=None, bias=None, eps=1e-05)",
    "compiler.nn.log_sigmoid": "(input)",
    **{
        f"compiler.special.{name}": "(x)"
        for name in (
            *("erf", "erfc", "erfcx", "erfinv", "erfcinv", "gammaln", "psi", "digamma", "expit", "logit", "log_expit"),
            *("ndtr", "log_ndtr", "ndtri", "entr"),
        )
    },
    **{f"compiler.special.{name}": "(x, y)" for name in ("xlogy", "xlog1py", "rel_entr", "kl_div")},
    "compiler.special.betaln": "(a, b)",
    "compiler.special.polygamma": "(n, x)",
    "compiler.special.logsumexp": "(a, axis=None, b=None, keepdims=False)",
    "compiler.special.softmax": "(x, axis=None)",
    "compiler.special.log_softmax": "(x, axis=None)",
    "compiler.optim.sgd": "(learning_rate, momentum=0.0, *, nesterov=False, weight_decay=0.0)",
    "compiler.optim.adam": "(learning_rate, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)",
    "compiler.optim.adamw": "(learning_rate, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)",
    "compiler.random.PRNGKey": "(seed)",
    "compiler.random.bernoulli": "(key, p=0.5, shape=None)",
    "compiler.random.beta": "(key, a, b, shape=None, dtype=<class 'numpy.float64'>)",
    "compiler.random.bits": "(key, shape=(), dtype=<class 'numpy.uint32'>)",
    "compiler.random.categorical": "(key, logits, axis=-1, shape=None)",
    "compiler.random.cauchy": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.choice": "(key, a, shape=(), replace=True, p=None, axis=0)",
    "compiler.random.dirichlet": "(key, alpha, shape=None, dtype=<class 'numpy.float64'>)",
    "compiler.random.exponential": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.fold_in": "(key, data)",
    "compiler.random.gamma": "(key, a, shape=None, dtype=<class 'numpy.float64'>)",
    "compiler.random.gumbel": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.key": "(seed)",
    "compiler.random.laplace": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.loggamma": "(key, a, shape=None, dtype=<class 'numpy.float64'>)",
    "compiler.random.logistic": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.normal": "(key, shape=(), dtype=<class 'numpy.float64'>)",
    "compiler.random.permutation": "(key, x, axis=0, independent=False)",
    "compiler.random.poisson": "(key, lam, shape=None, dtype=<class 'numpy.int64'>)",
    "compiler.random.rademacher": "(key, shape=(), dtype=<class 'numpy.int64'>)",
    "compiler.random.randint": "(key, shape, minval, maxval, dtype=<class 'numpy.int64'>)",
    "compiler.random.split": "(key, num=2)",
    "compiler.random.truncated_normal": "(key, lower, upper, shape=None, dtype=<class 'numpy.float64'>)",
    "compiler.random.uniform": "(key, shape=(), dtype=<class 'numpy.float64'>, minval=0.0, maxval=1.0)",
}
ERRORS = {
    "CompilerError": (Exception,),
    "TracingError": (compiler.CompilerError,),
    "ShapeError": (compiler.CompilerError, ValueError),
    "DtypeError": (compiler.CompilerError, TypeError),
    "UnsupportedError": (compiler.CompilerError, NotImplementedError),
    "ArgumentError": (compiler.CompilerError, TypeError),
    "CopyError": (compiler.CompilerError, ValueError),
    "MissingLibraryError": (compiler.CompilerError, ImportError),
    "InternalError": (compiler.CompilerError,),
}
METHODS = {
    "JitFunction": ["cache_clear", "cache_info", "lower", "trace"],
    "Traced": ["as_text", "lower", "out_info"],
    "Lowered": ["as_text", "compile", "cost_analysis", "memory_analysis", "remarks"],
    "Compiled": ["as_text", "cost_analysis", "memory_analysis", "remarks"],
}
MODULES_WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "compiler").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8") and path.parent.name != "numpy"
)
"""All that have any; those of `compiler.numpy` run in `test_array_api.py`, with its names at hand."""


def plain_signature(function):
    """The signature without annotations."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def resolve(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_the_public_names_are_these():
    functions = {name.removeprefix("compiler.") for name in SIGNATURES if name.count(".") == 1}
    assert set(compiler.__all__) == functions | set(ERRORS) | {"nn", "numpy", "optim", "random", "special"}
    assert set(compiler.__all__) <= set(dir(compiler))


@pytest.mark.parametrize("module", ["nn", "optim", "random", "special"])
def test_the_public_names_of_modules_are_these(module):
    functions = {name.rpartition(".")[2] for name in SIGNATURES if f".{module}." in name}
    classes = {"AdamState", "Optimizer", "SgdState"} if module == "optim" else set()
    assert set(getattr(compiler, module).__all__) == functions | classes


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_these(name):
    assert plain_signature(resolve(name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_builtin_errors_too(name):
    assert getattr(compiler, name).__bases__ == ERRORS[name]


def test_stages_have_these_methods():
    from compiler import jit_function, stages

    for name, methods in METHODS.items():
        owner = getattr(jit_function, name, None) or getattr(stages, name)
        assert set(methods) <= set(dir(owner))


@pytest.mark.parametrize("name", [*SIGNATURES, *(f"compiler.{error}" for error in ERRORS)])
def test_every_public_name_is_documented(name):
    assert len(inspect.getdoc(resolve(name)) or "") > 20


@pytest.mark.parametrize("name", [name for name in SIGNATURES if name != "compiler.CompileOptions"])
def test_every_public_function_has_an_example(name):
    document = inspect.getdoc(resolve(name))
    assert ">>>" in document or name in {"compiler.optim.adam", "compiler.optim.adamw"}


@pytest.mark.parametrize("module", MODULES_WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(module):
    loaded = importlib.import_module(module)
    with np.printoptions():
        result = doctest.testmod(loaded, extraglobs={"np": np, "grad": compiler.grad})
    assert result.attempted > 0
    assert result.failed == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'compiler' has no attribute 'jot'"):
        compiler.jot  # noqa: B018


def modules_after(statement):
    """The modules that a fresh process has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_import_loads_neither_xdsl_nor_llvm_nor_numpy():
    loaded = modules_after("import compiler")
    assert not {"xdsl", "llvmlite", "numpy", "optree"} & loaded
    assert {name for name in loaded if name.startswith(("dialects", "passes", "runtime"))} == set()


def test_decorating_does_not_load_llvm_or_passes():
    loaded = modules_after("import compiler\n@compiler.jit\ndef f(x): return x")
    assert "llvmlite" not in loaded
    assert not {name for name in loaded if name.startswith(("passes.", "runtime."))}


def test_compiling_for_the_cpu_loads_no_parser_tools_or_gpu():
    loaded = modules_after("import compiler\ncompiler.jit(lambda x: x + 1)(1.0)")
    assert not {"pycuda", "compiler.cuda", "compiler.opt", "argparse"} & loaded


def test_public_parameters_are_annotated():
    for name in SIGNATURES:
        signature = inspect.signature(resolve(name))
        assert all(p.annotation is not p.empty for p in signature.parameters.values()), name
