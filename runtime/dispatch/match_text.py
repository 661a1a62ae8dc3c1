"""Matching arguments with an entry, as LLVM assembly."""

from enum import IntEnum


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


def match_text() -> str:
    """`dlc.match` as LLVM assembly, with accesses to fields."""
    return f"""
@dlc.true = external global i8
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare double @PyComplex_RealAsDouble(ptr)
declare double @PyComplex_ImagAsDouble(ptr)
declare void @PyErr_Clear()

; Whether the arguments are those of the entry. Fills `objects`, one for each node, and the `pointers` of the leaves, for which
; numbers are stored in `scalars`.
define internal i1 @dlc.match(ptr %entry, ptr %args, ptr %kwargs, ptr %objects, ptr %pointers, ptr %scalars) {{
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
  ret i1 false

begin:
  %nodes = get Entry.nodes, %entry
  %node_count = get Entry.node_count, %entry
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
  %other_bytes = get Node.bytes, %other
  %has_bytes = icmp ne i64 %other_bytes, 0
  %is_other_array = and i1 %other_is_array, %is_another
  %must_be_apart = and i1 %is_other_array, %has_bytes
  br i1 %must_be_apart, label %compare_starts, label %other_is_apart
compare_starts:
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
matched:
  ret i1 true
}}
"""
