"""Where the windows of a convolution lie: what its operations and their lowering share."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute

from dialects.builder import int_array
from dialects.dlc.interfaces import Properties, ints

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """Where images and windows lie, for each spatial dimension.

    Element `j` of the image lies at `low + j * lhs_dilation`, and element `k` of the kernel in window `p` at
    `p * strides + k * rhs_dilation`. All other places are zero; the last is `high` behind the last element.
    """

    strides: Sizes
    low: Sizes
    high: Sizes
    lhs_dilation: Sizes
    rhs_dilation: Sizes
    groups: int

    @classmethod
    def of(cls, properties: Properties) -> "Geometry":
        """The geometry among the properties of an operation."""
        arrays = {field.name: ints(properties[field.name]) for field in fields(cls) if field.name != "groups"}
        return cls(**arrays, groups=cast(IntegerAttr[Any], properties["groups"]).value.data)

    def properties(self) -> dict[str, Attribute]:
        """The properties of an operation with this geometry."""
        arrays = {name: int_array(value) for name, value in vars(self).items() if name != "groups"}
        return {**arrays, "groups": IntegerAttr(self.groups, i64)}

    def spans(self, kernel: Sequence[int]) -> Sizes:
        """How far windows of a kernel with these sizes extend."""
        return tuple((k - 1) * dilation + 1 for k, dilation in zip(kernel, self.rhs_dilation, strict=True))

    def extents(self, image: Sequence[int]) -> Sizes:
        """How far an image with these sizes extends without padding."""
        return tuple((n - 1) * dilation + 1 if n else 0 for n, dilation in zip(image, self.lhs_dilation, strict=True))

    def counts(self, image: Sequence[int], kernel: Sequence[int]) -> Sizes:
        """How many windows there are."""
        amounts = zip(self.extents(image), self.low, self.high, self.spans(kernel), self.strides, strict=True)
        return tuple(max(0, (extent + low + high - span) // stride + 1) for extent, low, high, span, stride in amounts)

    def adjoint(self, image: Sequence[int], kernel: Sequence[int]) -> "Geometry":
        """That of the convolution of the cotangent with the reversed kernel that is the cotangent of the image."""
        low = tuple(span - 1 - amount for span, amount in zip(self.spans(kernel), self.low, strict=True))
        counts = self.counts(image, kernel)
        amounts = zip(self.extents(image), self.spans(kernel), counts, self.strides, low, strict=True)
        high = tuple(
            extent - 1 + span - ((count - 1) * stride + 1) - amount for extent, span, count, stride, amount in amounts
        )
        return replace(self, strides=self.lhs_dilation, low=low, high=high, lhs_dilation=self.strides)

    def with_groups(self, groups: int) -> "Geometry":
        """The same with another number of groups."""
        return replace(self, groups=groups)
