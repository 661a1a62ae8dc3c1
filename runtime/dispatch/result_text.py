"""Making arrays for results and building trees of them, as LLVM assembly."""

from enum import IntEnum


class Build(IntEnum):
    """A step of building results on a stack."""

    ARRAY = 0  # push the array number `Step.count`
    TUPLE = 1  # `Step.count` items become a tuple
    LIST = 2
    DICT = 3  # … with the keys `Step.value`, a tuple
    OBJECT = 4  # push `Step.value`
    WRAP = 5  # an array becomes an object of the class `Step.value` with it in the slot at `Step.count`
    CALL = 6  # the function `Step.value` of an object


def result_text() -> str:
    """`dlc.build`, `dlc.make_array` and `dlc.make_over` as LLVM assembly, with accesses to fields."""
    return f"""
@dlc.array_type = external global i8
declare ptr @dlc.new_array(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @dlc.set_base(ptr, ptr)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare ptr @PyDict_New()
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)

; The tree of results, built on a stack whose height is `top`; null after an error. An array moves there and leaves null behind.
define internal ptr @dlc.build(ptr %entry, ptr %arrays) {{
start:
  %steps = get Entry.steps, %entry
  %step_count = get Entry.step_count, %entry
  %stack = alloca ptr, i64 %step_count
  br label %step
step:
  %s = phi i64 [ 0, %start ], [ %s.next, %stepped ]
  %top = phi i64 [ 0, %start ], [ %new_top, %stepped ]
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
  ret ptr %tree
fail_building:
  call void @dlc.drop(ptr %stack, i64 %top)
  ret ptr null
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

"""
