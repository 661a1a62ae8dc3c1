"""What one process has compiled, others load; nothing else that lies in the cache is ever executed."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compiler
from compiler import program_cache
from runtime import native, object_cache, target
from runtime.dispatch.native_library import native_library

ROOT = Path(__file__).resolve().parent.parent
X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of this test."""
    native_library()  # kept elsewhere
    path = tmp_path / "cache"
    monkeypatch.setenv("DLC_CACHE_DIR", str(path))
    for variable in ("DLC_BLAS", "DLC_CACHE_SIZE", "DLC_DUMP_IR_TO", "DLC_VERIFY", "DLC_DISABLE_JIT"):
        monkeypatch.delenv(variable, raising=False)
    forget()
    yield path
    forget()


def forget():
    """Be as a new process."""
    program_cache._programs = OrderedDict()
    object_cache._surroundings.cache_clear()
    object_cache._warn.cache_clear()
    object_cache._room.clear()


def run(options=None, scale=2.0):
    """Compile and call a function; check its result."""
    result = compiler.jit(lambda x: np.tanh(x) * np.float32(scale), options=options)(X)
    np.testing.assert_allclose(result, np.tanh(X) * scale, rtol=1e-5)


def files(folder):
    """What is in the cache, with the numbers that tell a file from one that replaced it."""
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def only_file(folder):
    (path,) = folder.iterdir()
    return path


PROGRAM = """
import sys
import ml_dtypes
import numpy as np
import compiler

def layer(x, w):
    return np.maximum(x @ w, 0).sum(axis=0), x * x

x = np.arange(6, dtype=np.float32).reshape(2, 3)
total, square = compiler.jit(layer)(x, x.T)
assert (total == np.maximum(x @ x.T, 0).sum(axis=0)).all() and (square == x * x).all()
for dtype in (np.uint8, np.float16, ml_dtypes.bfloat16, np.complex64, np.bool_):
    y = compiler.jit(lambda x: x == x)(x.astype(dtype))
    assert y.dtype == bool and y.all()
    y = compiler.jit(lambda x: x[::-1])(x.astype(dtype))
    assert y.dtype == dtype and (y == x.astype(dtype)[::-1]).all()
compiling = ("passes.linalg.bufferize", "runtime.llvm_text", "xdsl.dialects.llvm", "runtime.native", "llvmlite.binding")
print(any(name in sys.modules for name in compiling))
"""


def start(folder, code=PROGRAM, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DLC_CACHE_DIR": str(folder), **environment}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        cwd=environment["PYTHONPATH"],  # the first place where it looks for modules
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compiled_anything(process):
    """Whether the process had to compile; it must have succeeded."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output.strip() == "True"


def test_another_process_compiles_nothing_that_one_has_compiled(tmp_path):
    assert compiled_anything(start(tmp_path, PYTHONHASHSEED="1"))
    before = files(tmp_path)
    assert before
    assert not compiled_anything(start(tmp_path, PYTHONHASHSEED="2"))
    assert files(tmp_path) == before


def test_what_the_runtime_compiles_from_text_is_kept_by_text_and_target(folder, monkeypatch):
    def compiled(number, level=3):
        text = f"define i32 @f() {{ ret i32 {number} }}"
        code = object_cache.stored_object(text, replace(native.host_target(), level=level))
        assert ctypes.CFUNCTYPE(ctypes.c_int)(native.load(code).address("f"))() == number

    for size, arguments in enumerate(((1,), (2,), (2, 0)), start=1):
        compiled(*arguments)
        assert len(files(folder)) == size
    monkeypatch.setattr(native, "emit_object", None)
    for arguments in ((1,), (2,), (2, 0)):
        compiled(*arguments)


def test_processes_may_compile_the_same_at_the_same_time(tmp_path):
    for process in [start(tmp_path) for _ in range(4)]:
        compiled_anything(process)
    names = [path.name for path in tmp_path.iterdir()]
    assert all(len(name) == 64 + len(object_cache.SUFFIX) for name in names)
    assert not compiled_anything(start(tmp_path))


def test_a_program_is_found_by_all_that_it_follows_from(folder, monkeypatch):
    run()
    first = files(folder)
    forget()
    run()
    assert files(folder) == first
    run(scale=-2.0)
    assert len(files(folder)) == 2
    run(compiler.CompileOptions(vector_bits=128))
    assert len(files(folder)) == 3
    monkeypatch.setenv("DLC_BLAS", "/another/library.so")  # which this program does not call
    run()
    assert len(files(folder)) == 4
    monkeypatch.delenv("DLC_BLAS")
    forget()
    monkeypatch.setattr("llvmlite.__version__", "0.0")
    run()
    assert len(files(folder)) == 5
    forget()
    host = native.host_target()
    lacking = native.Target(host.triple, host.cpu, "-".join(host.features.rsplit("+", 1)))
    assert lacking != host
    monkeypatch.setattr(target, "host_target", lambda: lacking)
    run()
    assert len(files(folder)) == 6


def test_a_change_of_our_sources_makes_a_new_entry(tmp_path):
    sources, cache = tmp_path / "sources", tmp_path / "cache"
    for package in ("compiler", "dialects", "passes", "runtime"):
        shutil.copytree(ROOT / package, sources / package)
    code = "import compiler, numpy as np; compiler.jit(lambda x: x + 1)(np.ones(3))"

    def entries():
        compiled_anything(start(cache, code, PYTHONPATH=str(sources)))
        return len(files(cache))

    assert entries() == 2  # the function, and the code of calls
    assert entries() == 2
    with (sources / "passes/dlc/inline.py").open("a") as file:
        file.write("# changed\n")
    assert entries() == 4


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-20] + bytes([content[-20] ^ 4]) + content[-19:],
    "another format": lambda content: content.replace(b"dlc machine code 1", b"dlc machine code 0"),
    "text": lambda content: b"not machine code\n" * 100,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_anew_and_replaced(folder, damage):
    run()
    path = only_file(folder)
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))
    forget()
    run()
    assert only_file(folder).read_bytes() == content


def test_the_file_of_another_program_is_not_executed(folder):
    run()
    path = only_file(folder)
    content = path.read_bytes()
    run(scale=3.0)
    (other,) = (other for other in folder.iterdir() if other != path)
    path.write_bytes(other.read_bytes())
    forget()
    run()
    assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="has no such rights")
def test_what_others_may_write_is_not_executed(folder):
    run()
    path = only_file(folder)
    before = files(folder)
    path.chmod(0o666)
    forget()
    run()
    assert files(folder) != before
    assert path.stat().st_mode & 0o777 == 0o600
    before = files(folder)
    folder.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others may write to .*chmod 700"):
        run(scale=4.0)
    assert files(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_others_own_is_not_executed(folder):
    run()
    before = files(folder)
    os.chown(only_file(folder), 12345, -1)
    forget()
    run()
    assert files(folder) != before
    os.chown(folder, 12345, -1)
    with pytest.warns(RuntimeWarning, match="others may write"):
        run(scale=4.0)
    assert len(files(folder)) == 1


def test_the_folder_is_for_its_user_alone(folder):
    run()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


FULL_DISK = """
import resource, signal, warnings
import numpy as np
import compiler

resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for n in (1, 2, 3):
        assert (compiler.jit(lambda x: x + n)(np.ones(3)) == n + 1).all()
print(len(caught), caught[0].message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limits")
def test_a_full_disk_costs_the_cache_only_and_is_told_once(tmp_path):
    output, errors = start(tmp_path, FULL_DISK).communicate(timeout=300)
    assert errors == ""
    assert output.startswith("1 compiled programs are not kept on disk: cannot write to")
    assert files(tmp_path) == {}


@pytest.mark.parametrize("step", ["create", "write", "replace"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EDQUOT])
def test_a_failing_disk_costs_the_cache_only_and_leaves_nothing(folder, monkeypatch, step, number):
    run()
    before = files(folder)
    make, error = tempfile.NamedTemporaryFile, OSError(number, os.strerror(number))

    def fail(*args, **kwargs):
        raise error

    def failing_file(**kwargs):
        if step == "create":
            raise error
        file = make(**kwargs)
        file.write = fail
        return file

    if step == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", failing_file)
    with pytest.warns(RuntimeWarning, match=f"{os.strerror(number)}; make room, or set DLC_CACHE_DIR"):
        run(scale=3.0)
    run(scale=4.0)  # told once
    assert files(folder) == before
    forget()
    run()  # reads


def test_a_folder_in_the_place_of_a_file_costs_that_file_only(folder):
    run()
    path = only_file(folder)
    path.unlink()
    path.mkdir()
    forget()
    with pytest.warns(RuntimeWarning, match="cannot write to"):
        run()
    run(scale=3.0)
    assert len(files(folder)) == 2


def test_a_folder_that_is_removed_meanwhile_is_made_again(folder):
    run()
    shutil.rmtree(folder)
    run(scale=3.0)
    assert len(files(folder)) == 1


def test_a_limit_below_the_size_of_a_file_keeps_none(folder, monkeypatch):
    monkeypatch.setenv("DLC_CACHE_SIZE", "100")
    run()
    run(scale=3.0)
    assert not files(folder)


def test_a_folder_that_cannot_be_made_costs_the_cache_only(folder, monkeypatch):
    folder.write_text("a file")
    with pytest.warns(RuntimeWarning, match="set DLC_CACHE_DIR"):
        run()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(scale=3.0)  # told once


@pytest.mark.parametrize("off", ["", "0"])
def test_the_cache_can_be_turned_off(off, tmp_path, monkeypatch):
    monkeypatch.setenv("DLC_CACHE_DIR", off)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    run()
    assert not files(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the place on Linux")
def test_the_cache_is_where_the_platform_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.delenv("DLC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    run()
    assert len(files(tmp_path / "dlc")) == 1


def test_the_files_used_least_recently_make_room(folder, monkeypatch):
    run()
    first = only_file(folder)
    size = first.stat().st_size
    monkeypatch.setenv("DLC_CACHE_SIZE", str(4 * size + size // 2))
    for i, scale in enumerate((3.0, 4.0, 5.0)):
        run(scale=scale)
        for path in folder.iterdir():  # time passes
            status = path.stat()
            os.utime(path, (status.st_atime - 100, status.st_mtime - 100))
        assert len(files(folder)) == i + 2
    forget()
    run()  # uses the first again
    run(scale=6.0)
    kept = files(folder)
    assert first.name in kept
    assert len(kept) == 3


def test_a_limit_may_have_a_unit(monkeypatch):
    for text, size in (("", 2**30), ("100", 100), ("3K", 3 * 2**10), ("500M", 500 * 2**20), ("2G", 2**31)):
        monkeypatch.setenv("DLC_CACHE_SIZE", text)
        assert object_cache.size_limit() == size


def test_a_wrong_limit_is_told(folder, monkeypatch):
    monkeypatch.setenv("DLC_CACHE_SIZE", "much")
    with pytest.raises(compiler.ArgumentError, match="DLC_CACHE_SIZE is 'much'; use a number of bytes"):
        run()


def test_stages_and_dumps_show_a_compilation_whatever_the_cache_holds(folder, tmp_path, monkeypatch):
    run()
    forget()
    compiled = compiler.jit(lambda x: np.tanh(x) * np.float32(2)).lower(X).compile()
    assert "llvm.func" in compiled.as_text("llvm")
    assert compiled.remarks()
    monkeypatch.setenv("DLC_DUMP_IR_TO", str(tmp_path / "dump"))
    run()
    assert list((tmp_path / "dump").rglob("*fused.mlir"))
