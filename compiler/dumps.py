"""`DLC_DUMP_IR_TO=folder`: every stage and every pass of every compilation as files that `dlc-opt` reads.

```
folder/train_step/0_tensor.mlir … 6_llvm.mlir, 7_llvm-opt.ll, 8_asm.s       the stages
folder/train_step/passes/01_expand-transforms.mlir …                         after every pass
```
Every file starts with the command that makes the next one. Operations carry the user's file and line as `loc(…)`.
`DLC_DUMP_IR_MODES=fused,loops` restricts the dump to some stages and leaves out the passes.
"""

import os
import shlex
import threading
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from compiler.errors import ArgumentError
from compiler.instrumentation import pass_spec
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, TEXT_STAGES, Observer, Target, make_pass, passes_to_stage, stages
from compiler.printing import machine_text, to_text

SUFFIX = {"llvm-opt": "ll", "asm": "s", "ptx": "ptx"}
_taken: dict[Path, int] = {}
_lock = threading.Lock()


def _folder_for(root: Path, name: str) -> Path:
    """`root/name`, or `root/name.1` and so on for the further compilations of this process."""
    with _lock:
        number = _taken.get(root / name, 0)
        _taken[root / name] = number + 1
    return root / (name if number == 0 else f"{name}.{number}")


def _modes(target: Target) -> tuple[str, ...] | None:
    """The stages that `DLC_DUMP_IR_MODES` asks for; `None` for all stages and passes."""
    text = os.environ.get("DLC_DUMP_IR_MODES", "")
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in stages(target):
            raise ArgumentError(f"DLC_DUMP_IR_MODES: unknown stage '{name}'; use some of {', '.join(stages(target))}")
    return names or None


class DumpObserver(Observer):
    """Writes the files of one compilation."""

    def __init__(self, root: str, name: str, module: ModuleOp, target: Target, options: CompileOptions):
        self._folder = _folder_for(Path(root), name)
        self._target: Target = target
        self._options = options
        self._modes = _modes(target)
        by_stage = passes_to_stage(target, options)
        self._stage_after: dict[int, str] = {}
        count = 0
        for stage in IR_STAGES[target]:
            count += len(by_stage[stage])
            self._stage_after[count] = stage
        self._passes = [make_pass(spec) for stage in IR_STAGES[target] for spec in by_stage[stage]]
        self._count = 0
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._modes is None:
            (self._folder / "passes").mkdir(exist_ok=True)
        self._write_stage("tensor", module)

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Write the module after a pass, and the stage if the pass completes one."""
        del seconds
        self._count += 1
        if self._modes is None:
            path = self._folder / "passes" / f"{self._count:02d}_{executed.name}.mlir"
            following = self._passes[self._count : self._count + 1]
            command = f"dlc-opt {path.name} -p {shlex.quote(pass_spec(following[0]))}" if following else ""
            _write(path, command, to_text(module, debug_info=True))
        stage = self._stage_after.get(self._count)
        if stage is not None:
            self._write_stage(stage, module)

    def _write_stage(self, stage: str, module: ModuleOp) -> None:
        names = stages(self._target)
        position = names.index(stage)
        if self._is_wanted(stage):
            path = self._folder / f"{position}_{stage}.mlir"
            target = "" if self._target == "cpu" else f" --target={self._target}"
            following = names[position + 1]
            choices = {"vector-bits": self._options.vector_bits, "threads": self._options.threads}
            flags = "".join(f" --{name}={value}" for name, value in choices.items() if value is not None)
            flags += f" --cuda-arch={self._options.cuda_arch}" if self._options.cuda_arch else ""
            flags += f" --math={self._options.math}" if self._options.math != "accurate" else ""
            command = f"dlc-opt {path.name}{target}{flags} --compile-from={stage} --compile-to={following}"
            _write(path, command, to_text(module, debug_info=True))
        if stage == IR_STAGES[self._target][-1]:
            for text_stage in TEXT_STAGES[self._target]:
                if self._is_wanted(text_stage):
                    path = self._folder / f"{names.index(text_stage)}_{text_stage}.{SUFFIX[text_stage]}"
                    path.write_text(machine_text(module, text_stage, self._target, self._options))

    def _is_wanted(self, stage: str) -> bool:
        return self._modes is None or stage in self._modes


def _write(path: Path, next_command: str, text: str) -> None:
    header = f"// next: {next_command}\n" if next_command else ""
    path.write_text(header + text)
