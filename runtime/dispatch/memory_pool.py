"""Blocks of memory for large results and for temporaries, taken from the system once and used again.

Fresh pages cost more than most programs that fill them. Arrays own their blocks through NumPy's own interface for
allocators, so a block comes back exactly when NumPy would have freed it: when nothing refers to the array or a view of it.
Blocks of 2 MiB and more ask for huge pages. All functions are called with the interpreter's lock held.
"""

import ctypes
import mmap
import os
from pathlib import Path

from runtime.byte_settings import bytes_setting
from runtime.dispatch.records import Block, Pool

LARGE = 1 << 18
"""Results of at least as many bytes come from the pool."""

HUGE = 1 << 21
"""The size of a huge page."""

_PATIENCE = 4096
"""A block that was not used while so many others were released goes back to the system."""

assert ctypes.sizeof(Block) == 64, "blocks are aligned to a line of the cache"


def memory_limit() -> int:
    """The most bytes of free blocks to keep: `DLC_POOL_SIZE`, or an eighth of the memory that this process may use.

    Raises:
        ArgumentError: `DLC_POOL_SIZE` is not a number of bytes, or of K, M or G.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            total = min(total, int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):
            continue
    return bytes_setting("DLC_POOL_SIZE", total // 8)


def pool_text() -> str:
    """The pool as LLVM assembly, with accesses to fields."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    advise = "" if advice is None else f"%advised = call i32 @madvise(ptr %aligned, i64 %wanted, i32 {advice})"
    return f"""
@dlc_pool = global [{ctypes.sizeof(Pool)} x i8] zeroinitializer, align 8
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @munmap(ptr, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.umin.i64(i64, i64)

; A block of `size` bytes or a quarter more; null if there is no memory.
define ptr @dlc_acquire(i64 %size) {{
start:
  %quarter = lshr i64 %size, 2
  %most = add i64 %size, %quarter
  br label %search
search:
  %link = phi ptr [ @dlc_pool, %start ], [ %block, %pass ]
  %block = get Block.next, %link
  %is_end = icmp eq ptr %block, @dlc_pool
  br i1 %is_end, label %fresh, label %compare
compare:
  %capacity = get Block.capacity, %block
  %holds = icmp uge i64 %capacity, %size
  %is_near = icmp ule i64 %capacity, %most
  %fits = and i1 %holds, %is_near
  br i1 %fits, label %take, label %pass
pass:
  br label %search
take:
  call void @dlc.unlink(ptr %block)
  %known = getelementptr i8, ptr %block, i64 {ctypes.sizeof(Block)}
  ret ptr %known
fresh:
  %with_header = add i64 %size, {ctypes.sizeof(Block) + mmap.PAGESIZE - 1}
  %wanted = and i64 %with_header, {-mmap.PAGESIZE}
  %is_huge = icmp uge i64 %wanted, {HUGE}
  %slack = select i1 %is_huge, i64 {HUGE}, i64 0
  %bytes = add i64 %wanted, %slack
  br label %map
map:
  %is_retry = phi i1 [ false, %fresh ], [ true, %empty ]
  %mapping = call ptr @mmap(ptr null, i64 %bytes, i32 {mmap.PROT_READ | mmap.PROT_WRITE}, i32 {flags}, i32 -1, i64 0)
  %failed = icmp eq ptr %mapping, inttoptr (i64 -1 to ptr)
  br i1 %failed, label %full, label %mapped
full:
  br i1 %is_retry, label %none, label %empty
empty:
  call void @dlc_trim(i64 0)
  br label %map
none:
  ret ptr null
mapped:
  br i1 %is_huge, label %align, label %ready
align:
  %place = ptrtoint ptr %mapping to i64
  %above = add i64 %place, {HUGE - 1}
  %rounded = and i64 %above, {-HUGE}
  %aligned = inttoptr i64 %rounded to ptr
  {advise}
  br label %ready
ready:
  %new = phi ptr [ %mapping, %mapped ], [ %aligned, %align ]
  %capacity.at = at Block.capacity, %new
  %room = sub i64 %wanted, {ctypes.sizeof(Block)}
  store i64 %room, ptr %capacity.at
  %mapping.at = at Block.mapping, %new
  store ptr %mapping, ptr %mapping.at
  %mapped_bytes.at = at Block.mapped_bytes, %new
  store i64 %bytes, ptr %mapped_bytes.at
  %memory = getelementptr i8, ptr %new, i64 {ctypes.sizeof(Block)}
  ret ptr %memory
}}

; Give a block back; those that were not used for long, or are too many, go to the system.
define void @dlc_release(ptr %memory) {{
  %block = getelementptr i8, ptr %memory, i64 {-ctypes.sizeof(Block)}
  %first = get Pool.next, @dlc_pool
  %first.at = at Pool.next, @dlc_pool
  %next.at = at Block.next, %block
  store ptr %first, ptr %next.at
  %previous.at = at Block.previous, %block
  store ptr @dlc_pool, ptr %previous.at
  %back.at = at Block.previous, %first
  store ptr %block, ptr %back.at
  store ptr %block, ptr %first.at
  %held.at = at Pool.held, @dlc_pool
  %held = get Pool.held, @dlc_pool
  %capacity = get Block.capacity, %block
  %more = add i64 %held, %capacity
  store i64 %more, ptr %held.at
  %time.at = at Pool.stamp, @dlc_pool
  %time = get Pool.stamp, @dlc_pool
  %now = add i64 %time, 1
  store i64 %now, ptr %time.at
  %stamp.at = at Block.stamp, %block
  store i64 %now, ptr %stamp.at
  %limit = get Pool.limit, @dlc_pool
  call void @dlc_trim(i64 %limit)
  ret void
}}

; Return free blocks to the system, the oldest first, until `limit` bytes are left and none is stale.
define void @dlc_trim(i64 %limit) {{
start:
  br label %look
look:
  %oldest = get Pool.previous, @dlc_pool
  %is_end = icmp eq ptr %oldest, @dlc_pool
  br i1 %is_end, label %done, label %weigh
weigh:
  %held = get Pool.held, @dlc_pool
  %is_much = icmp ugt i64 %held, %limit
  %now = get Pool.stamp, @dlc_pool
  %then = get Block.stamp, %oldest
  %age = sub i64 %now, %then
  %is_stale = icmp ugt i64 %age, {_PATIENCE}
  %goes = or i1 %is_much, %is_stale
  br i1 %goes, label %unmap, label %done
unmap:
  call void @dlc.unlink(ptr %oldest)
  %mapping = get Block.mapping, %oldest
  %mapped_bytes = get Block.mapped_bytes, %oldest
  %status = call i32 @munmap(ptr %mapping, i64 %mapped_bytes)
  br label %look
done:
  ret void
}}

define internal void @dlc.unlink(ptr %block) {{
  %next = get Block.next, %block
  %previous = get Block.previous, %block
  %next.at = at Block.next, %previous
  store ptr %next, ptr %next.at
  %previous.at = at Block.previous, %next
  store ptr %previous, ptr %previous.at
  %held.at = at Pool.held, @dlc_pool
  %held = get Pool.held, @dlc_pool
  %capacity = get Block.capacity, %block
  %less = sub i64 %held, %capacity
  store i64 %less, ptr %held.at
  ret void
}}

; NumPy's interface for allocators.
define ptr @dlc_malloc(ptr %context, i64 %size) {{
  %memory = call ptr @dlc_acquire(i64 %size)
  ret ptr %memory
}}

define ptr @dlc_calloc(ptr %context, i64 %count, i64 %size) {{
start:
  %bytes = mul i64 %count, %size
  %memory = call ptr @dlc_acquire(i64 %bytes)
  %is_none = icmp eq ptr %memory, null
  br i1 %is_none, label %done, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %memory, i8 0, i64 %bytes, i1 false)
  br label %done
done:
  ret ptr %memory
}}

define ptr @dlc_realloc(ptr %context, ptr %memory, i64 %size) {{
start:
  %block = getelementptr i8, ptr %memory, i64 {-ctypes.sizeof(Block)}
  %capacity = get Block.capacity, %block
  %new = call ptr @dlc_acquire(i64 %size)
  %is_none = icmp eq ptr %new, null
  br i1 %is_none, label %done, label %copy
copy:
  %common = call i64 @llvm.umin.i64(i64 %capacity, i64 %size)
  call void @llvm.memcpy.p0.p0.i64(ptr %new, ptr %memory, i64 %common, i1 false)
  call void @dlc_release(ptr %memory)
  br label %done
done:
  ret ptr %new
}}

define void @dlc_free(ptr %context, ptr %memory, i64 %size) {{
start:
  %is_none = icmp eq ptr %memory, null
  br i1 %is_none, label %done, label %release
release:
  call void @dlc_release(ptr %memory)
  br label %done
done:
  ret void
}}
"""
