"""Fixtures that several test files share."""

import io
import os

import pytest
from xdsl.passes import ModulePass

from compiler import opt
from passes import get_all_passes

os.environ["DLC_CACHE_DIR"] = "0"  # tests compile, and leave the user's cache alone


@pytest.fixture
def dlc_opt(capsys, monkeypatch):
    """Run dlc-opt on a text as standard input; give its status, output and error output."""

    def run(text, *flags):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        try:
            status = opt.main(["-", *map(str, flags)])
        except SystemExit as stopped:
            status = stopped.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def breaking_pass(monkeypatch):
    """A pass that leaves IR which does not verify, and one that raises, among those of dlc-opt."""

    class BreakTypesPass(ModulePass):
        name = "break-types"

        def apply(self, ctx, op):
            function = op.body.block.first_op
            function.body.block.first_op.results[0]._type = function.body.block.args[0].type

    class FallOverPass(ModulePass):
        name = "fall-over"

        def apply(self, ctx, op):
            raise KeyError("nothing here")

    passes = {**get_all_passes(), "break-types": lambda: BreakTypesPass, "fall-over": lambda: FallOverPass}
    monkeypatch.setattr(opt, "get_all_passes", lambda: passes)
