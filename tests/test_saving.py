"""`compiler.save` and `compiler.load`: what is read is what was written, and what was there is never lost."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import optree
import pytest
import safetensors
import safetensors.numpy

import compiler
from compiler import optim
from compiler.abstract import SUPPORTED_DTYPES

ROOT = Path(__file__).resolve().parent.parent


class Pair(NamedTuple):
    first: Any
    second: Any


def assert_same(got, expected):
    assert optree.tree_structure(got) == optree.tree_structure(expected)
    for a, b in zip(optree.tree_leaves(got), optree.tree_leaves(expected), strict=True):
        assert type(a) is type(b)
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("dtype", SUPPORTED_DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (5,), (3, 4)], ids=str)
def test_arrays_of_every_dtype_and_shape_come_back(dtype, shape, path):
    rng = np.random.default_rng(0)
    tree = [np.asarray(rng.standard_normal(shape) * 10).astype(dtype), np.asarray(rng.random(shape) > 0.5)]
    compiler.save(path, tree)
    assert_same(compiler.load(path, like=tree), tree)
    assert_same(compiler.load(path), {str(i): leaf for i, leaf in enumerate(tree)})


def test_infinities_nans_and_signs_of_zero_come_back(path):
    values = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324])
    compiler.save(path, {"x": values, "z": values.view(np.complex128)})
    got = compiler.load(path)
    assert got["x"].tobytes() == got["z"].tobytes() == values.tobytes()


def test_containers_numbers_and_nothing_come_back_with_like(path):
    tree = {
        "list": [np.ones(2), (np.zeros(1), None)],
        "pair": Pair(1, {"a": 2.5, "b": True}),
        7: 1 + 2j,
        "empty": {},
    }
    compiler.save(path, tree)
    got = compiler.load(path, like=tree)
    assert_same(got, tree)
    assert [type(leaf) for leaf in (*got["pair"].second.values(), got["pair"].first)] == [float, bool, int]


def test_names_are_those_of_a_state_dict(path):
    compiler.save(path, {"layers": [{"weight": np.ones(2)}, Pair(np.zeros(1), 3)], "b": np.ones(())})
    assert sorted(safetensors.numpy.load_file(path)) == ["b", "layers.0.weight", "layers.1.first", "layers.1.second"]


def test_without_like_names_become_nested_dicts_in_the_order_of_their_numbers(path):
    compiler.save(path, {"layers": [np.full(1, i) for i in range(12)]})
    got = compiler.load(path)
    assert list(got["layers"]) == [str(i) for i in range(12)]
    assert [int(x[0]) for x in got["layers"].values()] == list(range(12))


def test_a_lone_array_and_no_array_come_back(path):
    compiler.save(path, np.arange(3))
    np.testing.assert_array_equal(compiler.load(path, like=np.zeros(3, np.int64)), np.arange(3))
    compiler.save(path, {"nothing": None})
    assert compiler.load(path) == {}
    assert compiler.load(path, like={"nothing": None}) == {"nothing": None}


def test_layouts_and_byte_orders_do_not_matter(path):
    base = np.arange(24.0).reshape(4, 6)
    tree = {"t": base.T, "s": base[::2, 1::2], "r": base[::-1], "big": base.astype(">f8"), "one": np.float32(3)}
    compiler.save(path, tree)
    got = compiler.load(path)
    for name, array in tree.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].dtype.isnative


@pytest.mark.parametrize("kind", [str, Path], ids=["str", "Path"])
def test_paths_may_be_texts_or_objects(kind, path):
    compiler.save(kind(path), {"x": np.ones(2)})
    assert_same(compiler.load(kind(path)), {"x": np.ones(2)})


def test_you_get_back_the_kind_of_array_that_like_has(path):
    tree = {"x": compiler.Tensor([1.0, 2.0]), "n": 3}
    compiler.save(path, tree)
    got = compiler.load(path, like=tree)
    assert type(got["x"]) is compiler.Tensor
    np.testing.assert_array_equal(np.asarray(got["x"]), [1.0, 2.0])
    assert got["n"] == 3


def test_like_may_be_shapes_and_dtypes_of_a_program(path):
    def init():
        return {"w": np.zeros((2, 3), np.float32), "step": np.zeros((), np.int64)}

    compiler.save(path, {"w": np.ones((2, 3), np.float32), "step": np.array(4)})
    got = compiler.load(path, like=compiler.jit(init).trace().out_info)
    assert_same(got, {"w": np.ones((2, 3), np.float32), "step": np.array(4)})


def test_the_state_of_an_optimiser_comes_back(path):
    params = {"w": np.ones((2, 3), np.float32), "b": np.zeros(3, np.float32)}
    for optimiser in (optim.adam(0.1), optim.sgd(0.1), optim.rmsprop(0.1, momentum=0.9)):
        _, state = compiler.jit(optimiser.update)(params, optimiser.init(params), params)
        compiler.save(path, state)
        assert_same(compiler.load(path, like=optimiser.init(params)), state)


def test_a_loaded_array_can_be_changed_without_changing_the_file(path):
    compiler.save(path, {"x": np.zeros(4)})
    loaded = compiler.load(path)["x"]
    loaded[:] = 7.0
    np.testing.assert_array_equal(compiler.load(path)["x"], np.zeros(4))


def test_loaded_arrays_stay_when_the_file_is_replaced(path):
    compiler.save(path, {"x": np.zeros(10_000)})
    loaded = compiler.load(path)["x"]
    compiler.save(path, {"x": np.ones(20_000)})
    np.testing.assert_array_equal(loaded, np.zeros(10_000))
    np.testing.assert_array_equal(compiler.jit(np.negative)(compiler.load(path)["x"]), -np.ones(20_000))


def test_loading_reads_what_is_used_only(path):
    compiler.save(path, {"x": np.ones(4 << 20)})
    program = (
        "import compiler, resource, sys\n"
        "import compiler.saving\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "array = compiler.load(sys.argv[1])['x']\n"
        "assert array[-1] == 1\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 8 << 10  # KiB, of the 32 MiB in the file


def test_metadata_are_in_the_header(path):
    compiler.save(path, {"z": np.ones(2, np.complex128)}, metadata={"model": "mlp"})
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["model"] == "mlp"
        assert file.get_slice("z").get_shape() == [2, 2]


def test_a_file_is_as_readable_as_any_new_file(path):
    compiler.save(path, {"x": np.ones(2)})
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(path):
    compiler.save(path, {"x": np.zeros(4)})
    program = (
        "import compiler, numpy, resource, sys\n"
        "import compiler.saving\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
        "try:\n    compiler.save(sys.argv[1], {'x': numpy.ones(1 << 16)})\n"
        "except OSError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "model.safetensors cannot be written: " in done.stdout
    assert list(path.parent.iterdir()) == [path]
    assert_same(compiler.load(path), {"x": np.zeros(4)})


def test_a_link_stays_a_link(path):
    target = path.with_name("target")
    compiler.save(target, {"x": np.zeros(4)})
    path.symlink_to(target)
    compiler.save(path, {"x": np.ones(4)})
    assert path.is_symlink()
    assert_same(compiler.load(target), {"x": np.ones(4)})


def test_of_saves_at_the_same_time_one_is_there_in_the_end(path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: compiler.save(path, {"x": np.full(10_000, i)}), range(8)))
    assert compiler.load(path)["x"].std() == 0
    assert list(path.parent.iterdir()) == [path]


def test_loading_while_another_thread_saves_gives_a_whole_file(path):
    compiler.save(path, {"x": np.zeros(10_000)})
    with ThreadPoolExecutor(1) as pool:
        saves = pool.map(lambda i: compiler.save(path, {"x": np.full(10_000 + i, i)}), range(40))
        for _ in range(100):
            x = compiler.load(path)["x"]
            assert x.std() == 0
            assert len(x) == 10_000 + x[0]
        list(saves)


def test_a_folder_or_path_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        compiler.save(tmp_path / "no" / "x", {"x": np.zeros(4)})
    with pytest.raises(FileNotFoundError):
        compiler.load(tmp_path / "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        compiler.save(tmp_path / "folder", {"x": np.zeros(4)})
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:20],
        lambda content: b"",
        lambda content: b"PK\x03\x04" + content,
        lambda content: content + b"more",
        lambda content: content.replace(b"F64", b"F99"),
        lambda content: content.replace(b"[3]", b"[4]"),
    ],
    ids=["a byte less", "header cut", "empty", "another format", "longer", "unknown dtype", "wrong shape"],
)
def test_a_damaged_file_is_an_error(damage, path):
    compiler.save(path, {"x": np.ones(3)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(compiler.FormatError, match=r"load: .*model.safetensors is not a complete safetensors file: "):
        compiler.load(path)


def raw(path, dtype, shape, data, name="x"):
    """Write a file as another program might."""
    header = json.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def test_a_dtype_that_is_not_supported_is_an_error(path):
    raw(path, "F8_E4M3", [4], bytes(4), "w.x")
    with pytest.raises(compiler.FormatError, match=r"load: 'w.x' in .* has the dtype F8_E4M3; use BOOL, I8, "):
        compiler.load(path)


def test_headers_of_any_length_are_read(path):
    for name in ("x" * n for n in range(1, 9)):
        raw(path, "F64", [2], np.array([1.0, 2.0]).tobytes(), name)
        loaded = compiler.load(path)[name]
        assert loaded.flags.aligned
        np.testing.assert_array_equal(loaded, [1.0, 2.0])


def test_an_array_inside_of_another_is_an_error_without_like(path):
    tree = {"a": np.ones(1), "a.b": np.zeros(2)}
    compiler.save(path, tree)
    with pytest.raises(compiler.FormatError, match=r"load: 'a.b' in .* lies inside of another array; give `like`"):
        compiler.load(path)
    assert_same(compiler.load(path, like=tree), tree)


@pytest.mark.parametrize("tree", [{"a": {"b": 1}, "a.b": 2}, {"0": 1, 0: 2}], ids=["dots", "integer keys"])
def test_two_leaves_of_one_name_are_an_error(tree, path):
    with pytest.raises(compiler.ArgumentError, match=r"save: two leaves have the name '(a\.b|0)'; rename a key"):
        compiler.save(path, tree)
    assert not path.exists()


@pytest.mark.parametrize(
    ("leaf", "error", "message"),
    [
        ("text", compiler.ArgumentError, "save: 'w.0' is a str; save arrays and numbers, and texts"),
        (np.array(["text"]), compiler.DtypeError, "argument save: 'w.0': dtype str"),
        (np.longdouble(1), compiler.DtypeError, "argument save: 'w.0': dtype (longdouble|float128) is not supported"),
    ],
)
def test_what_is_no_array_is_an_error(leaf, error, message, path):
    with pytest.raises(error, match=message):
        compiler.save(path, {"w": [leaf]})
    assert not path.exists()


def test_saving_traced_values_is_an_error(path):
    @compiler.jit
    def step(x):
        compiler.save(path, {"x": x})
        return x

    with pytest.raises(compiler.TracingError, match="save: 'x' is traced; save what the compiled function returns"):
        step(np.ones(2))


@pytest.mark.parametrize("metadata", [{"epoch": 3}, {1: "a"}, {"dlc.complex128": "a"}], ids=str)
def test_metadata_that_are_no_texts_are_an_error(metadata, path):
    with pytest.raises(compiler.ArgumentError, match="save: the metadata"):
        compiler.save(path, {"x": np.ones(2)}, metadata=metadata)


@pytest.mark.parametrize(
    ("like", "error", "message"),
    [
        ({"a": [np.ones((2, 3))]}, compiler.ArgumentError, r"lacks nothing and has 'b', 'c' beside what `like` has"),
        (
            {"a": [np.ones((2, 3))] * 6, "b": 1, "c": 1.0},
            compiler.ArgumentError,
            r"lacks 'a.1', 'a.2', 'a.3' and 2 more and has nothing beside",
        ),
        (
            {"a": [np.ones((3, 2))], "b": 1, "c": 1.0},
            compiler.ShapeError,
            r"'a.0' in .* has shape \(2, 3\), expected \(3, 2\)",
        ),
        (
            {"a": [np.ones((2, 3), np.float32)], "b": 1, "c": 1.0},
            compiler.DtypeError,
            "'a.0' .* float64, expected float32",
        ),
        ({"a": [np.ones((2, 3))], "b": 1.0, "c": 1.0}, compiler.DtypeError, "'b' .* int64, expected float64"),
        ({"a": ["text"], "b": 1, "c": 1.0}, compiler.ArgumentError, "like: 'a.0': str is not an array"),
    ],
)
def test_a_file_that_is_not_like_the_tree_is_an_error(like, error, message, path):
    compiler.save(path, {"a": [np.ones((2, 3))], "b": 1, "c": 1.0})
    with pytest.raises(error, match=message):
        compiler.load(path, like=like)


def test_weights_of_torch_are_read_and_ours_by_torch(path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    from safetensors.torch import load_file, save_file

    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2).to(torch.bfloat16))
    save_file(model.state_dict(), path)
    params = compiler.load(path)
    assert list(params) == ["0", "2"]
    np.testing.assert_array_equal(params["0"]["weight"], model[0].weight.detach().numpy())
    assert params["2"]["bias"].dtype == ml_dtypes.bfloat16
    compiler.save(path, params)
    model.load_state_dict(load_file(path))
    compiler.save(path, dict(model[0].state_dict()))
    assert_same(compiler.load(path), params["0"])


def test_a_leaf_that_a_file_could_not_hold_is_an_error(tmp_path):
    with pytest.raises(compiler.ArgumentError, match="save: a leaf has the name '__metadata__'"):
        compiler.save(tmp_path / "file", {"__metadata__": np.zeros(2)})


def test_arrays_are_restored_in_the_kind_of_pytorchs_like(tmp_path):
    torch = pytest.importorskip("torch", reason="restores PyTorch's tensors")
    path = tmp_path / "file"
    compiler.save(path, {"w": torch.ones(3), "step": 2})
    restored = compiler.load(path, like={"w": torch.zeros(3), "step": 0})
    assert isinstance(restored["w"], torch.Tensor)
    assert restored["w"].tolist() == [1.0, 1.0, 1.0]
    assert restored["step"] == 2


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"save: the folder does not exist; make it first: '.*missing'$"):
        compiler.save(tmp_path / "missing" / "model.safetensors", {"a": np.ones(2)})
