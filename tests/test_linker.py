"""Object code in memory, linked by LLVM's functions that are declared here and not imported from llvmlite."""

import ctypes
import gc
import threading
import time

import llvmlite.binding as llvm
import numpy as np
import pytest

from dialects.errors import InternalError, MissingLibraryError
from runtime import linker, llvm_library
from runtime.llvm_library import with_text
from runtime.native import emit_object
from runtime.target import host_target

STORE = """
declare double @given(double)
define void @store(ptr %table) {
  %to = load ptr, ptr %table
  %x = load double, ptr %to
  %y = call double @given(double %x)
  store double %y, ptr %to
  ret void
}
define void @unlinked(ptr %table) {
  ret void
}
"""


@ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
def twice(x):
    return 2 * x


TWICE = ctypes.cast(twice, ctypes.c_void_p).value


def test_code_calls_the_functions_that_it_is_given():
    program = linker.load(emit_object(STORE), {"given": TWICE})
    value = ctypes.c_double(21)
    program.call("store", [ctypes.addressof(value)])
    assert value.value == 42


def test_code_is_dropped_with_its_program():
    def look_up(library):
        address = ctypes.c_uint64()
        functions = llvm_library.llvm_library()
        tracker, _ = with_text(functions.LLJITLookup, linker._linker(), library, b"unlinked", ctypes.byref(address))
        return tracker

    program = linker.load(emit_object(STORE), {"given": TWICE})
    program.address("store")
    library = program._library
    tracker = look_up(library)
    assert tracker
    linker._drop(tracker)
    del program
    gc.collect()
    assert not look_up(library)


def test_what_cannot_be_linked_is_named():
    with pytest.raises(InternalError, match="cannot link 'nothing': it is not in the object"):
        linker.load(emit_object(STORE), {"given": TWICE}).address("nothing")
    with pytest.raises(InternalError, match=r"cannot link 'store': .* has no address: .*store"):
        linker.load(emit_object(STORE)).address("store")
    with pytest.raises(InternalError, match="cannot load the object"):
        linker.load(b"no object")


def test_threads_load_at_the_same_time():
    code, values = emit_object(STORE), [ctypes.c_double(i) for i in range(8)]

    def work(value):
        for _ in range(5):
            linker.load(code, {"given": TWICE}).call("store", [ctypes.addressof(value)])

    threads = [threading.Thread(target=work, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value.value for value in values] == [32 * i for i in range(8)]


def test_the_processor_is_what_llvmlite_says():
    host = host_target()
    assert host.triple == llvm.get_process_triple()
    assert host.cpu == llvm.get_host_cpu_name()
    assert host.features == llvm.get_host_cpu_features().flatten()


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(llvm_library, "find_spec", lambda name: None)
    with pytest.raises(
        MissingLibraryError, match="no LLVM: the package llvmlite cannot be found; run `pip install llvmlite`"
    ):
        llvm_library.llvm_library.__wrapped__()


def test_two_hundred_programs_come_and_go():
    for number in range(200):
        text = f"define void @f(ptr %t) nounwind {{\n%p = load ptr, ptr %t\nstore i32 {number}, ptr %p\nret void\n}}\n"
        program = linker.load(emit_object(text))
        result = np.zeros(1, np.int32)
        program.call("f", [result.ctypes.data])
        assert result[0] == number


def test_threads_that_ask_for_an_address_first_look_it_up_once(monkeypatch):
    program = linker.load(emit_object("define i32 @f() { ret i32 7 }"))
    hold, start, lookups, addresses = program._hold, threading.Barrier(4), [], []

    def slow_hold(tracker):
        lookups.append(tracker)
        time.sleep(0.05)
        hold(tracker)

    def ask():
        start.wait()
        addresses.append(program.address("f"))

    monkeypatch.setattr(program, "_hold", slow_hold)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lookups) == 1
    assert [ctypes.CFUNCTYPE(ctypes.c_int)(address)() for address in addresses] == [7] * 4
