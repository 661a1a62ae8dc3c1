"""One host block while its storages are planned: where its values live, and what may be written over."""

from collections.abc import Sequence

from xdsl.ir import Block, Operation, SSAValue

from passes.linalg.storage import Storage, StoragePlan, last_uses


class BlockPlan:
    """The plan of one host block; `carried` are the storages of the carried values, if it is the body of a loop."""

    def __init__(self, plan: StoragePlan, block: Block, carried: Sequence[Storage] = ()):
        self.plan = plan
        self.block = block
        self.carried = carried
        self.operations = list(block.ops)
        self.last_use = last_uses(self.operations)

    def enter(self, value: SSAValue, storage: Storage, position: int) -> None:
        """Let `value`, which the operation at `position` computes, live in `storage`."""
        self.plan.storage_of[value] = storage
        storage.last_use = max(storage.last_use, self.last_use.get(value, position))

    def share(self, source: SSAValue, view: SSAValue) -> None:
        """Let `view` be a view of all that `source` is."""
        self.plan.storage_of[view] = self.plan.storage_of[source]
        if source in self.plan.parts:
            self.plan.parts.add(view)

    def new(self, position: int, *, writable: bool = True) -> Storage:
        """A storage of its own for what the operation at `position` computes."""
        return Storage(self.block, writable, first=position, last_use=position)

    def may_overwrite(self, value: SSAValue, position: int) -> bool:
        """Whether the operation at `position` may write to the buffer of `value`, because nothing reads it later."""
        storage = self.plan.storage_of[value]
        if value in self.plan.parts or not storage.writable or storage.scope is not self.block:
            return False
        return storage.last_use <= position and self.last_use.get(value, position) <= position

    def is_whole(self, value: SSAValue) -> bool:
        """Whether `value` fills a buffer of this block that can still be chosen."""
        storage = self.plan.storage_of[value]
        return storage.is_free and storage.scope is self.block and value not in self.plan.parts

    def position_of(self, value: SSAValue) -> int:
        """The position of the operation that computes `value`; -1 if it does not lie in this block."""
        owner = value.owner
        return self.operations.index(owner) if isinstance(owner, Operation) and owner.parent is self.block else -1
