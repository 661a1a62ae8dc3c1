"""lit settings: run the tools from this checkout with lit's own interpreter."""

import os
import shutil
import sys
from pathlib import Path

import lit.formats

ROOT = Path(__file__).resolve().parent.parent

config.name = "dlc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = str(ROOT / "lit_tests")
config.test_exec_root = str(ROOT / "build" / "lit_tests")
config.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
config.environment["PYTHONPATH"] = str(ROOT)
config.substitutions.append((r"\bdlc-opt\b", f"{sys.executable} -m compiler.opt"))
config.substitutions.append((r"\bdlc-run\b", f"{sys.executable} -m compiler.run"))
if shutil.which("ptxas"):
    config.available_features.add("ptxas")
if lit_config.maxIndividualTestTimeIsSupported[0]:
    lit_config.maxIndividualTestTime = 60
