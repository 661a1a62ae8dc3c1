"""The native call as LLVM assembly: one function for all programs, which reads what to do from records.

Code for each signature would not be faster by much and would have to be compiled; records are filled in microseconds.
No address is part of the text: objects of Python are external symbols.
"""

from enum import IntEnum

SMALL_ARENA = 1 << 14
"""Arenas of at most as many bytes are on the stack of the caller."""


class Fetch(IntEnum):
    """Where a node is in its parent; the comment says what `Node.where` is."""

    TUPLE = 0  # the index
    LIST = 1  # the index
    DICT = 2  # the key, an object
    SLOT = 3  # the offset in bytes


class Check(IntEnum):
    """What a node must be, beside of its type."""

    TYPE = 0
    COUNT = 1  # as many items as `Node.size`
    ARRAY = 2  # with the flags `Node.flags`, of rank `Node.size`, sizes `Node.sizes`, dtype `Node.value`
    SAME = 3  # the object `Node.value`
    BOOL = 4
    INT = 5
    FLOAT = 6
    COMPLEX = 7


class Build(IntEnum):
    """A step of building results on a stack."""

    ARRAY = 0  # push the array number `Step.count`
    TUPLE = 1  # `Step.count` items become a tuple
    LIST = 2
    DICT = 3  # … with the keys `Step.value`, a tuple
    OBJECT = 4  # push `Step.value`
    WRAP = 5  # an array becomes an object of the class `Step.value` with it in the slot at `Step.count`
    CALL = 6  # the function `Step.value` of an object


def call_text() -> str:
    """The call as LLVM assembly, with accesses to fields."""
    return f"""
@dlc.slow_name = external global i8
@dlc.array_type = external global i8
@dlc.true = external global i8
@dlc.handler = external global i8
declare ptr @dlc.new_array(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @dlc.set_handler(ptr)
declare i32 @dlc.set_base(ptr, ptr)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyObject_Call(ptr, ptr, ptr)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare ptr @PyDict_New()
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare double @PyComplex_RealAsDouble(ptr)
declare double @PyComplex_ImagAsDouble(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @PyErr_Clear()
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
  %positional = get PySized.count, %args
  %expected_positional = get Entry.positional_count, %entry
  %has_positional = icmp eq i64 %positional, %expected_positional
  br i1 %has_positional, label %count_keywords, label %miss
count_keywords:
  %expected_keywords = get Entry.keyword_count, %entry
  %has_none = icmp eq ptr %kwargs, null
  br i1 %has_none, label %compare_keywords, label %load_keywords
load_keywords:
  %passed_keywords = get PySized.count, %kwargs
  br label %compare_keywords
compare_keywords:
  %keywords = phi i64 [ 0, %count_keywords ], [ %passed_keywords, %load_keywords ]
  %has_keywords = icmp eq i64 %keywords, %expected_keywords
  br i1 %has_keywords, label %begin, label %miss
miss:
  ret ptr inttoptr (i64 -1 to ptr)

begin:
  %nodes = get Entry.nodes, %entry
  %node_count = get Entry.node_count, %entry
  %argument_count = get Entry.argument_count, %entry
  %constant_count = get Entry.constant_count, %entry
  %output_count = get Entry.output_count, %entry
  %step_count = get Entry.step_count, %entry
  %input_count = add i64 %argument_count, %constant_count
  %arena_place = add i64 %input_count, %output_count
  %pointer_count = add i64 %arena_place, 1
  %objects = alloca ptr, i64 %node_count
  %scalars = alloca [16 x i8], i64 %argument_count, align 16
  %pointers = alloca ptr, i64 %pointer_count
  %arrays = alloca ptr, i64 %output_count
  %stack = alloca ptr, i64 %step_count
  %overflow = alloca i32
  store ptr %args, ptr %objects
  %keywords.at = getelementptr ptr, ptr %objects, i64 1
  store ptr %kwargs, ptr %keywords.at
  br label %visit

; Match the nodes after the two roots; parents come first.
visit:
  %k = phi i64 [ 2, %begin ], [ %k.next, %advance ]
  %is_matched = icmp eq i64 %k, %node_count
  br i1 %is_matched, label %check_donated, label %fetch
advance:
  %k.next = add i64 %k, 1
  br label %visit
fetch:
  %node = item Node, %nodes, %k
  %parent = get Node.parent, %node
  %parent.at = getelementptr ptr, ptr %objects, i64 %parent
  %container = load ptr, ptr %parent.at
  %where = get Node.where, %node
  %fetching = get Node.fetch, %node
  switch i64 %fetching, label %in_tuple [
    i64 {Fetch.LIST}, label %in_list
    i64 {Fetch.DICT}, label %in_dict
    i64 {Fetch.SLOT}, label %in_slot
  ]
in_tuple:
  %tuple_items = at PySized.items, %container
  %tuple_item.at = getelementptr ptr, ptr %tuple_items, i64 %where
  %tuple_item = load ptr, ptr %tuple_item.at
  br label %fetched
in_list:
  %list_items = get PySized.items, %container
  %list_item.at = getelementptr ptr, ptr %list_items, i64 %where
  %list_item = load ptr, ptr %list_item.at
  br label %fetched
in_dict:
  %key = inttoptr i64 %where to ptr
  %value = call ptr @PyDict_GetItemWithError(ptr %container, ptr %key)
  br label %fetched
in_slot:
  %slot.at = getelementptr i8, ptr %container, i64 %where
  %slot = load ptr, ptr %slot.at
  br label %fetched
fetched:
  %object = phi ptr [ %tuple_item, %in_tuple ], [ %list_item, %in_list ], [ %value, %in_dict ], [ %slot, %in_slot ]
  %is_absent = icmp eq ptr %object, null
  br i1 %is_absent, label %absent, label %present
absent:
  call void @PyErr_Clear()
  br label %miss
present:
  %object.at = getelementptr ptr, ptr %objects, i64 %k
  store ptr %object, ptr %object.at
  %type.at = getelementptr i8, ptr %object, i64 {object.__basicsize__ - 8}
  %type = load ptr, ptr %type.at
  %expected_type = get Node.type, %node
  %has_type = icmp eq ptr %type, %expected_type
  br i1 %has_type, label %inspect, label %miss
inspect:
  %expected = get Node.value, %node
  %place = get Node.place, %node
  %pointer.at = getelementptr ptr, ptr %pointers, i64 %place
  %scalar = getelementptr [16 x i8], ptr %scalars, i64 %place
  %checking = get Node.check, %node
  switch i64 %checking, label %advance [
    i64 {Check.COUNT}, label %is_sized
    i64 {Check.ARRAY}, label %is_array
    i64 {Check.SAME}, label %is_same
    i64 {Check.BOOL}, label %is_bool
    i64 {Check.INT}, label %is_int
    i64 {Check.FLOAT}, label %is_float
    i64 {Check.COMPLEX}, label %is_complex
  ]
is_sized:
  %count = get PySized.count, %object
  %expected_count = get Node.size, %node
  %has_count = icmp eq i64 %count, %expected_count
  br i1 %has_count, label %advance, label %miss
is_same:
  %is_identical = icmp eq ptr %object, %expected
  br i1 %is_identical, label %advance, label %miss
is_bool:
  %is_true = icmp eq ptr %object, @dlc.true
  %bit = zext i1 %is_true to i8
  store i8 %bit, ptr %scalar
  br label %is_scalar
is_int:
  %integer = call i64 @PyLong_AsLongLongAndOverflow(ptr %object, ptr %overflow)
  store i64 %integer, ptr %scalar
  %overflowed = load i32, ptr %overflow
  %is_number = icmp eq i32 %overflowed, 0
  br i1 %is_number, label %is_scalar, label %miss
is_float:
  %float = call double @PyFloat_AsDouble(ptr %object)
  store double %float, ptr %scalar
  br label %is_scalar
is_complex:
  %real = call double @PyComplex_RealAsDouble(ptr %object)
  store double %real, ptr %scalar
  %imaginary = call double @PyComplex_ImagAsDouble(ptr %object)
  %imaginary.at = getelementptr double, ptr %scalar, i64 1
  store double %imaginary, ptr %imaginary.at
  br label %is_scalar
is_scalar:
  store ptr %scalar, ptr %pointer.at
  br label %advance
is_array:
  %dtype = get PyArray.dtype, %object
  %has_dtype = icmp eq ptr %dtype, %expected
  br i1 %has_dtype, label %check_layout, label %miss
check_layout:
  %flags = get PyArray.flags, %object
  %wide_flags = zext i32 %flags to i64
  %expected_flags = get Node.flags, %node
  %layout = and i64 %wide_flags, %expected_flags
  %has_layout = icmp eq i64 %layout, %expected_flags
  %rank = get PyArray.rank, %object
  %wide_rank = zext i32 %rank to i64
  %expected_rank = get Node.size, %node
  %has_rank = icmp eq i64 %wide_rank, %expected_rank
  %has_both = and i1 %has_layout, %has_rank
  br i1 %has_both, label %check_sizes, label %miss
check_sizes:
  %sizes = get PyArray.sizes, %object
  %expected_sizes = get Node.sizes, %node
  %data = get PyArray.data, %object
  store ptr %data, ptr %pointer.at
  br label %check_size
check_size:
  %d = phi i64 [ 0, %check_sizes ], [ %d.next, %next_size ]
  %is_last = icmp eq i64 %d, %expected_rank
  br i1 %is_last, label %advance, label %compare_size
compare_size:
  %size.at = getelementptr i64, ptr %sizes, i64 %d
  %size = load i64, ptr %size.at
  %expected_size.at = getelementptr i64, ptr %expected_sizes, i64 %d
  %expected_size = load i64, ptr %expected_size.at
  %has_size = icmp eq i64 %size, %expected_size
  br i1 %has_size, label %next_size, label %miss
next_size:
  %d.next = add i64 %d, 1
  br label %check_size

; What is overwritten must not overlap another argument.
check_donated:
  %donated = get Entry.donated, %entry
  %donated_count = get Entry.donated_count, %entry
  br label %next_donated
next_donated:
  %g = phi i64 [ 0, %check_donated ], [ %g.next, %was_alone ]
  %are_alone = icmp eq i64 %g, %donated_count
  br i1 %are_alone, label %matched, label %find_others
find_others:
  %donor.at = getelementptr i64, ptr %donated, i64 %g
  %donor = load i64, ptr %donor.at
  %donor_node = item Node, %nodes, %donor
  %donor_bytes = get Node.bytes, %donor_node
  %donor_place = get Node.place, %donor_node
  %donor_pointer.at = getelementptr ptr, ptr %pointers, i64 %donor_place
  %donor_start = load i64, ptr %donor_pointer.at
  %donor_end = add i64 %donor_start, %donor_bytes
  br label %next_other
next_other:
  %v = phi i64 [ 2, %find_others ], [ %v.next, %other_is_apart ]
  %has_no_other = icmp eq i64 %v, %node_count
  br i1 %has_no_other, label %was_alone, label %compare_ranges
compare_ranges:
  %other = item Node, %nodes, %v
  %other_check = get Node.check, %other
  %other_is_array = icmp eq i64 %other_check, {Check.ARRAY}
  %is_another = icmp ne i64 %v, %donor
  %must_be_apart = and i1 %other_is_array, %is_another
  br i1 %must_be_apart, label %compare_starts, label %other_is_apart
compare_starts:
  %other_bytes = get Node.bytes, %other
  %other_place = get Node.place, %other
  %other_pointer.at = getelementptr ptr, ptr %pointers, i64 %other_place
  %other_start = load i64, ptr %other_pointer.at
  %other_end = add i64 %other_start, %other_bytes
  %is_below = icmp ule i64 %other_end, %donor_start
  %is_above = icmp uge i64 %other_start, %donor_end
  %is_apart = or i1 %is_below, %is_above
  br i1 %is_apart, label %other_is_apart, label %miss
other_is_apart:
  %v.next = add i64 %v, 1
  br label %next_other
was_alone:
  %g.next = add i64 %g, 1
  br label %next_donated

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

; Build the tree of results; `top` is the height of the stack. An array moves there and leaves null behind.
build:
  %steps = get Entry.steps, %entry
  br label %step
step:
  %s = phi i64 [ 0, %build ], [ %s.next, %stepped ]
  %top = phi i64 [ 0, %build ], [ %new_top, %stepped ]
  %is_built = icmp eq i64 %s, %step_count
  br i1 %is_built, label %built, label %take_step
stepped:
  %result = phi ptr [ %pushed, %push_array ], [ %group, %fill_group ], [ %dict, %drop_values ], [ %step_value, %push_object ],
    [ %wrapper, %fill_wrapper ], [ %called, %drop_argument ]
  %result_place = phi i64 [ %top, %push_array ], [ %bottom, %fill_group ], [ %bottom, %drop_values ], [ %top, %push_object ],
    [ %last, %fill_wrapper ], [ %last, %drop_argument ]
  %result.at = getelementptr ptr, ptr %stack, i64 %result_place
  store ptr %result, ptr %result.at
  %new_top = add i64 %result_place, 1
  %s.next = add i64 %s, 1
  br label %step
take_step:
  %step_record = item Step, %steps, %s
  %step_count_word = get Step.count, %step_record
  %step_value = get Step.value, %step_record
  %bottom = sub i64 %top, %step_count_word
  %bottom.at = getelementptr ptr, ptr %stack, i64 %bottom
  %last = sub i64 %top, 1
  %last.at = getelementptr ptr, ptr %stack, i64 %last
  %step_kind = get Step.kind, %step_record
  switch i64 %step_kind, label %push_array [
    i64 {Build.TUPLE}, label %make_tuple
    i64 {Build.LIST}, label %make_list
    i64 {Build.DICT}, label %make_dict
    i64 {Build.OBJECT}, label %push_object
    i64 {Build.WRAP}, label %wrap
    i64 {Build.CALL}, label %call
  ]
push_array:
  %pushed.at = getelementptr ptr, ptr %arrays, i64 %step_count_word
  %pushed = load ptr, ptr %pushed.at
  store ptr null, ptr %pushed.at
  br label %stepped
push_object:
  call void @Py_IncRef(ptr %step_value)
  br label %stepped
make_tuple:
  %tuple = call ptr @PyTuple_New(i64 %step_count_word)
  %has_tuple = icmp ne ptr %tuple, null
  br i1 %has_tuple, label %find_tuple_items, label %fail_building
find_tuple_items:
  %new_tuple_items = at PySized.items, %tuple
  br label %fill_group
make_list:
  %list = call ptr @PyList_New(i64 %step_count_word)
  %has_list = icmp ne ptr %list, null
  br i1 %has_list, label %find_list_items, label %fail_building
find_list_items:
  %new_list_items = get PySized.items, %list
  br label %fill_group
fill_group:
  %group = phi ptr [ %tuple, %find_tuple_items ], [ %list, %find_list_items ]
  %group_items = phi ptr [ %new_tuple_items, %find_tuple_items ], [ %new_list_items, %find_list_items ]
  %group_bytes = shl i64 %step_count_word, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %group_items, ptr %bottom.at, i64 %group_bytes, i1 false)
  br label %stepped
make_dict:
  %dict = call ptr @PyDict_New()
  %has_dict = icmp ne ptr %dict, null
  br i1 %has_dict, label %find_keys, label %fail_building
find_keys:
  %keys = at PySized.items, %step_value
  br label %set_item
set_item:
  %i = phi i64 [ 0, %find_keys ], [ %i.next, %set_next ]
  %has_items = icmp eq i64 %i, %step_count_word
  br i1 %has_items, label %drop_values, label %set_one
set_one:
  %new_key.at = getelementptr ptr, ptr %keys, i64 %i
  %new_key = load ptr, ptr %new_key.at
  %new_value.at = getelementptr ptr, ptr %bottom.at, i64 %i
  %new_value = load ptr, ptr %new_value.at
  %set_status = call i32 @PyDict_SetItem(ptr %dict, ptr %new_key, ptr %new_value)
  %is_set = icmp eq i32 %set_status, 0
  br i1 %is_set, label %set_next, label %drop_dict
set_next:
  %i.next = add i64 %i, 1
  br label %set_item
drop_dict:
  call void @Py_DecRef(ptr %dict)
  br label %fail_building
drop_values:
  call void @dlc.drop(ptr %bottom.at, i64 %step_count_word)
  br label %stepped
wrap:
  %wrapper = call ptr @PyType_GenericAlloc(ptr %step_value, i64 0)
  %has_wrapper = icmp ne ptr %wrapper, null
  br i1 %has_wrapper, label %fill_wrapper, label %fail_building
fill_wrapper:
  %wrapped = load ptr, ptr %last.at
  %wrapped_flags.at = at PyArray.flags, %wrapped
  %wrapped_flags = load i32, ptr %wrapped_flags.at
  %read_only = and i32 %wrapped_flags, {~0x400}
  store i32 %read_only, ptr %wrapped_flags.at
  %wrapper_slot.at = getelementptr i8, ptr %wrapper, i64 %step_count_word
  store ptr %wrapped, ptr %wrapper_slot.at
  br label %stepped
call:
  %argument = load ptr, ptr %last.at
  %called = call ptr @PyObject_CallOneArg(ptr %step_value, ptr %argument)
  %has_called = icmp ne ptr %called, null
  br i1 %has_called, label %drop_argument, label %fail_building
drop_argument:
  call void @Py_DecRef(ptr %argument)
  br label %stepped
built:
  %tree = load ptr, ptr %stack
  br label %finish

; Failures leave an error set.
fail_building:
  call void @dlc.drop(ptr %stack, i64 %top)
  br label %fail
fail:
  %array_count = phi i64 [ %o, %try_allocated ], [ %output_count, %no_arena ], [ %output_count, %fail_building ]
  call void @dlc.drop(ptr %arrays, i64 %array_count)
  br label %finish
finish:
  %answer = phi ptr [ %tree, %built ], [ null, %fail ]
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

; A new array, not initialised.
define internal ptr @dlc.make_array(ptr %dtype, i32 %rank, ptr %sizes) {{
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr @dlc.new_array(ptr @dlc.array_type, ptr %dtype, i32 %rank, ptr %sizes, ptr null, ptr null, i32 0, ptr null)
  ret ptr %array
}}

; An array over the memory of another one, which it keeps alive.
define internal ptr @dlc.make_over(ptr %owner, ptr %dtype, i32 %rank, ptr %sizes) {{
start:
  %data = get PyArray.data, %owner
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr @dlc.new_array(ptr @dlc.array_type, ptr %dtype, i32 %rank, ptr %sizes, ptr null, ptr %data, i32 {0x501}, ptr null)
  %is_none = icmp eq ptr %array, null
  br i1 %is_none, label %done, label %own
own:
  call void @Py_IncRef(ptr %owner)
  %status = call i32 @dlc.set_base(ptr %array, ptr %owner)
  %is_owned = icmp eq i32 %status, 0
  br i1 %is_owned, label %done, label %undo
undo:
  call void @Py_DecRef(ptr %array)
  br label %done
done:
  %answer = phi ptr [ %array, %start ], [ %array, %own ], [ null, %undo ]
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
