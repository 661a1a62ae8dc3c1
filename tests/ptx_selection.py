"""Kernels that use one intrinsic each, and whether LLVM survives making PTX of them.

Run as a program, it reads a JSON object of LLVM texts by name, compiles each in a child process of its own for every architecture of
the command line, and prints the exit statuses: 0, or 3 if the PTX calls a function that is not there, or what killed the child.
"""

import json
import os
import sys

import llvmlite.binding as llvm

SCALARS = {"f32": "float", "f64": "double"}


def llvm_type(suffix):
    if suffix.startswith("v"):
        lanes, element = suffix[1:].split("f" if "f" in suffix else "i")
        return f"<{lanes} x {llvm_type(('f' if 'f' in suffix else 'i') + element)}>"
    return SCALARS.get(suffix, suffix)


def kernel(operand, body, declaration=""):
    """A kernel that loads `%a, %b, %c` of the type `operand` and stores `%r`, which `body` computes."""
    kind = llvm_type(operand)
    result = "i1" if "-> i1" in body else kind
    body = body.replace("-> i1", "").strip()
    store = "" if "%r =" not in body else f"store {result} %r, ptr addrspace(1) %z"
    return "\n".join(
        (
            declaration,
            "define ptx_kernel void @k(ptr addrspace(1) noalias %x, ptr addrspace(1) noalias %y, ptr addrspace(1) noalias %z) {",
            *(f"%{v} = load {kind}, ptr addrspace(1) %{p}" for v, p in (("a", "x"), ("b", "y"), ("c", "z"))),
            body,
            store,
            "ret void",
            "}",
        )
    )


def call(name, suffix, arguments, *, result=None, extra=()):
    """A kernel that calls `@llvm.name.suffix` on the first `arguments` values and the constants `extra`."""
    kind = llvm_type(suffix)
    values = [f"{kind} %{v}" for v in "abc"[:arguments]] + list(extra)
    types = ", ".join([kind] * arguments + [value.split()[0] for value in extra])
    returns = llvm_type(result) if result else kind
    text = f"%r = call {returns} @llvm.{name}({', '.join(values)})"
    if returns != kind:
        text += f"\nstore {returns} %r, ptr addrspace(1) %z"
        return kernel(suffix, text.replace("%r", "%q"), f"declare {returns} @llvm.{name}({types})")
    return kernel(suffix, text, f"declare {returns} @llvm.{name}({types})")


def instruction(opcode, suffix):
    return kernel(suffix, f"%r = {opcode} {llvm_type(suffix)} %a, %b")


def compile_for(text, arch):
    machine = llvm.Target.from_triple("nvptx64-nvidia-cuda").create_target_machine(cpu=arch, opt=3)
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = "nvptx64-nvidia-cuda", str(machine.target_data)
    module.verify()
    return machine.emit_assembly(module)


def child_status(text, arch):
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            os._exit(3 if ".extern .func" in compile_for(text, arch) else 0)
        except RuntimeError:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    cases = json.load(sys.stdin)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    print(
        json.dumps(
            {f"{name} {arch}": child_status(text, arch) for name, text in cases.items() for arch in sys.argv[1:]}
        )
    )


if __name__ == "__main__":
    main()
