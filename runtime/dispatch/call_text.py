"""The native call as LLVM assembly: one function for all programs, which reads what to do from records.

Code for each signature would not be faster by much and would have to be compiled; records are filled in microseconds.
No address is part of the text: objects of Python are external symbols.
"""

SMALL_ARENA = 1 << 14
"""Arenas of at most as many bytes are on the stack of the caller."""


def call_text() -> str:
    """`dlc_call` as LLVM assembly, with accesses to fields."""
    return f"""
@dlc.slow_name = external global i8
@dlc.handler = external global i8
declare ptr @dlc.set_handler(ptr)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyObject_Call(ptr, ptr, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyErr_NoMemory()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)


; `tp_call`: the first entry that the arguments match, else the method in Python.
define ptr @dlc_call(ptr %self, ptr %args, ptr %kwargs) {{
start:
  %state_object = get PySlotted.first, %self
  %state = get PyData.data, %state_object
  %gate = get State.gate, %state
  %is_gated = icmp ne ptr %gate, null
  br i1 %is_gated, label %ask, label %search
ask:
  %pauses = load i64, ptr %gate
  %is_paused = icmp ne i64 %pauses, 0
  br i1 %is_paused, label %slow, label %search
search:
  %first.at = at State.first, %state
  %first = load ptr, ptr %first.at
  br label %next
next:
  %entry = phi ptr [ %first, %search ], [ %following, %miss ]
  %link = phi ptr [ %first.at, %search ], [ %entry, %miss ]
  %is_end = icmp eq ptr %entry, null
  br i1 %is_end, label %slow, label %attempt
attempt:
  %result = call ptr @dlc.try(ptr %entry, ptr %args, ptr %kwargs, ptr %first.at, ptr %link)
  %is_miss = icmp eq ptr %result, inttoptr (i64 -1 to ptr)
  br i1 %is_miss, label %miss, label %done
miss:
  %following = get Entry.next, %entry
  br label %next
done:
  ret ptr %result
slow:
  %method = call ptr @PyObject_GetAttr(ptr %self, ptr @dlc.slow_name)
  %has_failed = icmp eq ptr %method, null
  br i1 %has_failed, label %fail, label %answer
fail:
  ret ptr null
answer:
  %answered = call ptr @PyObject_Call(ptr %method, ptr %args, ptr %kwargs)
  call void @Py_DecRef(ptr %method)
  ret ptr %answered
}}

; The result of a call, null after an error, or -1 if the arguments are not those of the entry; `link` points to the entry.
define internal ptr @dlc.try(ptr %entry, ptr %args, ptr %kwargs, ptr %first.at, ptr %link) noinline {{
start:
  %node_count = get Entry.node_count, %entry
  %argument_count = get Entry.argument_count, %entry
  %constant_count = get Entry.constant_count, %entry
  %output_count = get Entry.output_count, %entry
  %input_count = add i64 %argument_count, %constant_count
  %arena_place = add i64 %input_count, %output_count
  %pointer_count = add i64 %arena_place, 1
  %objects = alloca ptr, i64 %node_count
  %scalars = alloca [16 x i8], i64 %argument_count, align 16
  %pointers = alloca ptr, i64 %pointer_count
  %arrays = alloca ptr, i64 %output_count
  %is_match = call i1 @dlc.match(ptr %entry, ptr %args, ptr %kwargs, ptr %objects, ptr %pointers, ptr %scalars)
  br i1 %is_match, label %matched, label %miss
miss:
  ret ptr inttoptr (i64 -1 to ptr)

; The entry used last becomes the first. Nothing it needs can go away before `finish`.
matched:
  %following = get Entry.next, %entry
  store ptr %following, ptr %link
  %first = load ptr, ptr %first.at
  %next.at = at Entry.next, %entry
  store ptr %first, ptr %next.at
  store ptr %entry, ptr %first.at
  %hits = get Entry.hits, %entry
  %hits.at = at Entry.hits, %entry
  %more_hits = add i64 %hits, 1
  store i64 %more_hits, ptr %hits.at
  %owner = get Entry.owner, %entry
  call void @Py_IncRef(ptr %owner)
  %is_long_word = get Entry.is_long, %entry
  %is_long = icmp ne i64 %is_long_word, 0
  br i1 %is_long, label %hold, label %fill
hold:
  %h = phi i64 [ 2, %matched ], [ %h.next, %hold_one ]
  %is_held = icmp eq i64 %h, %node_count
  br i1 %is_held, label %fill, label %hold_one
hold_one:
  %held.at = getelementptr ptr, ptr %objects, i64 %h
  %held = load ptr, ptr %held.at
  call void @Py_IncRef(ptr %held)
  %h.next = add i64 %h, 1
  br label %hold
fill:
  %constants = get Entry.constants, %entry
  %constants.at = getelementptr ptr, ptr %pointers, i64 %argument_count
  %constant_bytes = shl i64 %constant_count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %constants.at, ptr %constants, i64 %constant_bytes, i1 false)
  %outputs = get Entry.outputs, %entry
  %outputs.at = getelementptr ptr, ptr %pointers, i64 %input_count
  br label %allocate

allocate:
  %o = phi i64 [ 0, %fill ], [ %o.next, %allocated ]
  %has_all = icmp eq i64 %o, %output_count
  br i1 %has_all, label %find_arena, label %allocate_one
allocate_one:
  %output = item Output, %outputs, %o
  %output_dtype = get Output.dtype, %output
  %output_rank = get Output.rank, %output
  %output_sizes = get Output.sizes, %output
  %narrow_rank = trunc i64 %output_rank to i32
  %reused_node = get Output.node, %output
  %is_reused = icmp ne i64 %reused_node, 0
  br i1 %is_reused, label %reuse, label %allocate_new
reuse:
  %reused.at = getelementptr ptr, ptr %objects, i64 %reused_node
  %reused = load ptr, ptr %reused.at
  %over = call ptr @dlc.make_over(ptr %reused, ptr %output_dtype, i32 %narrow_rank, ptr %output_sizes)
  br label %try_allocated
allocate_new:
  %is_large_word = get Output.is_large, %output
  %is_large = icmp ne i64 %is_large_word, 0
  br i1 %is_large, label %allocate_large, label %allocate_small
allocate_small:
  %small = call ptr @dlc.make_array(ptr %output_dtype, i32 %narrow_rank, ptr %output_sizes)
  br label %try_allocated
allocate_large:
  %usual_handler = call ptr @dlc.set_handler(ptr @dlc.handler)
  %large = call ptr @dlc.make_array(ptr %output_dtype, i32 %narrow_rank, ptr %output_sizes)
  %our_handler = call ptr @dlc.set_handler(ptr %usual_handler)
  call void @Py_DecRef(ptr %usual_handler)
  call void @Py_DecRef(ptr %our_handler)
  br label %try_allocated
try_allocated:
  %array = phi ptr [ %small, %allocate_small ], [ %large, %allocate_large ], [ %over, %reuse ]
  %has_array = icmp ne ptr %array, null
  br i1 %has_array, label %allocated, label %fail
allocated:
  %array.at = getelementptr ptr, ptr %arrays, i64 %o
  store ptr %array, ptr %array.at
  %array_data = get PyArray.data, %array
  %array_pointer.at = getelementptr ptr, ptr %outputs.at, i64 %o
  store ptr %array_data, ptr %array_pointer.at
  %o.next = add i64 %o, 1
  br label %allocate

find_arena:
  %arena_bytes = get Entry.arena_bytes, %entry
  %is_on_stack = icmp ule i64 %arena_bytes, {SMALL_ARENA}
  br i1 %is_on_stack, label %push_arena, label %acquire_arena
push_arena:
  %pushed_arena = alloca i8, i64 %arena_bytes, align 64
  br label %run
acquire_arena:
  %acquired_arena = call ptr @dlc_acquire(i64 %arena_bytes)
  %has_arena = icmp ne ptr %acquired_arena, null
  br i1 %has_arena, label %run, label %no_arena
no_arena:
  %no_memory = call ptr @PyErr_NoMemory()
  br label %fail
run:
  %arena = phi ptr [ %pushed_arena, %push_arena ], [ %acquired_arena, %acquire_arena ]
  %arena.at = getelementptr ptr, ptr %pointers, i64 %arena_place
  store ptr %arena, ptr %arena.at
  %program = get Entry.program, %entry
  br i1 %is_long, label %run_long, label %run_short
run_short:
  call void %program(ptr %pointers)
  br label %has_run
run_long:
  %thread = call ptr @PyEval_SaveThread()
  call void %program(ptr %pointers)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %has_run
has_run:
  br i1 %is_on_stack, label %build, label %release_arena
release_arena:
  call void @dlc_release(ptr %arena)
  br label %build
build:
  %tree = call ptr @dlc.build(ptr %entry, ptr %arrays)
  %has_tree = icmp ne ptr %tree, null
  br i1 %has_tree, label %finish, label %fail

; Failures leave an error set. Arrays that are in the tree have left null behind.
fail:
  %array_count = phi i64 [ %o, %try_allocated ], [ %output_count, %no_arena ], [ %output_count, %build ]
  call void @dlc.drop(ptr %arrays, i64 %array_count)
  br label %finish
finish:
  %answer = phi ptr [ %tree, %build ], [ null, %fail ]
  br i1 %is_long, label %let_go, label %return
let_go:
  %held_objects = getelementptr ptr, ptr %objects, i64 2
  %held_count = sub i64 %node_count, 2
  call void @dlc.drop(ptr %held_objects, i64 %held_count)
  br label %return
return:
  call void @Py_DecRef(ptr %owner)
  ret ptr %answer
}}

; Put an entry before all others.
define void @dlc_insert(ptr %state, ptr %entry) {{
  %first = get State.first, %state
  %first.at = at State.first, %state
  %next.at = at Entry.next, %entry
  store ptr %first, ptr %next.at
  store ptr %entry, ptr %first.at
  ret void
}}

; Give up `count` references, some of them null.
define internal void @dlc.drop(ptr %objects, i64 %count) {{
start:
  br label %next
next:
  %i = phi i64 [ 0, %start ], [ %i.next, %drop_one ]
  %is_done = icmp eq i64 %i, %count
  br i1 %is_done, label %done, label %drop_one
drop_one:
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object.at
  call void @Py_DecRef(ptr %object)
  %i.next = add i64 %i, 1
  br label %next
done:
  ret void
}}
"""
