"""Names of values without numbers at the end, so that printed names are unique.

The printer makes names unique by numbers: `x`, `x_1`, `x_2`. That works if no name ends in a number by itself; xDSL 0.74
takes off one number, so that the names `a_0, a_0_1, a_1, a_1_1` print as `a, a_0, a_1, a_1`, which cannot be read
back. `strip_numbers_of_names` lets it take off all of them.
"""

import re
from functools import cache
from typing import Any, cast

from xdsl.ir import core


@cache
def strip_numbers_of_names() -> None:
    """Correct xDSL, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    cast(Any, core)._VALUE_NAME_SUFFIX_PATTERN = re.compile(r"((?:_\d+)+)$")
