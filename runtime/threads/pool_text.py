"""The pool of threads as LLVM assembly: one function that runs the parts of some work, and one that its workers never leave.

Work is a function, a pointer for it, and a number of parts. `@dlc.claim` has the *generation* of the work in its upper half and the
next part in its lower one; whoever has a moment claims a part by compare-and-swap, the caller too. So a worker that comes late
finds nothing left, and nobody waits for it: the caller waits for parts only. A generation is odd while the work is being described;
as a part can only be claimed in the generation that was read before the description, descriptions are never mixed.

The pool works for one caller at a time. One who comes meanwhile, a part of the work itself among them, runs all parts itself.

Workers that find nothing to do look on for some 50 microseconds, then sleep on a lock of Python's. They are threads of the
system started by Python's own means (`PyThread_start_new_thread`), and know nothing of the interpreter, so all of this happens without its lock.

Linux likes to wake a thread on the processor of the one that wakes it, and can leave both there for a tenth of a second although another
processor is idle. So on Linux a worker tells where it runs, and a caller that finds it on its own processor sends it to the others.
"""

import platform

from runtime.threads.setting import MAX_THREADS

PARALLEL = "dlc_parallel"
"""The function that programs call: `void (void (*function)(void *argument, int64_t part), void *argument, int64_t count, int64_t limit)`."""

SPINS = 1024
"""How often a worker looks for work before it sleeps."""

_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "amd64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
    "arm64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}


PLACES = ("sched_getcpu", "gettid", "sched_getaffinity", "sched_setaffinity")
"""The functions of Linux that say and choose where a thread runs."""

_LARGEST_PROCESSOR = 1023

_WITH_PLACES = f"""
declare i32 @sched_getcpu()
declare i32 @gettid()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)

define internal i32 @dlc.processor() {{
  %processor = call i32 @sched_getcpu()
  ret i32 %processor
}}

define internal i32 @dlc.thread() {{
  %thread = call i32 @gettid()
  ret i32 %thread
}}

; Let a worker run where the caller may, but not on this processor; if there is no other, the system refuses, and all stays as it is.
define internal void @dlc.send_away(i64 %number, i32 %processor) noinline {{
start:
  %processor.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 2
  store atomic i32 -2, ptr %processor.at monotonic, align 4
  %mask = alloca [128 x i8], align 8
  %failure = call i32 @sched_getaffinity(i32 0, i64 128, ptr %mask)
  %has_mask = icmp eq i32 %failure, 0
  %is_known = icmp ule i32 %processor, {_LARGEST_PROCESSOR}
  %can_move = and i1 %has_mask, %is_known
  br i1 %can_move, label %move, label %return
move:
  %byte = lshr i32 %processor, 3
  %place = and i32 %processor, 7
  %bit = shl i32 1, %place
  %others = xor i32 %bit, -1
  %other_bits = trunc i32 %others to i8
  %bits.at = getelementptr i8, ptr %mask, i32 %byte
  %bits = load i8, ptr %bits.at
  %left = and i8 %bits, %other_bits
  store i8 %left, ptr %bits.at
  %thread.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 3
  %thread = load atomic i32, ptr %thread.at monotonic, align 4
  %refused = call i32 @sched_setaffinity(i32 %thread, i64 128, ptr %mask)
  br label %return
return:
  ret void
}}
"""

_WITHOUT_PLACES = """
define internal i32 @dlc.processor() {
  ret i32 -1
}
define internal i32 @dlc.thread() {
  ret i32 0
}
define internal void @dlc.send_away(i64 %number, i32 %processor) {
  ret void
}
"""


def pool_text(*, has_places: bool) -> str:
    """`PARALLEL` and `dlc_forget_workers` as LLVM assembly, with the functions `PLACES` if the system has them."""
    declare_pause, pause = _PAUSES.get(platform.machine().lower(), ("", ""))
    return f"""
%Worker = type {{ i64, ptr, i32, i32, [40 x i8] }}  ; whether it sleeps, the lock that it sleeps on, its processor, its thread
@dlc.workers = internal global [{MAX_THREADS} x %Worker] zeroinitializer, align 64  ; the caller is number 0
@dlc.started = internal global i64 1, align 64
@dlc.busy = internal global i64 0, align 64
@dlc.claim = internal global i64 0, align 64
@dlc.count = internal global i64 0, align 64
@dlc.helpers = internal global i64 0
@dlc.function = internal global ptr null
@dlc.argument = internal global ptr null
@dlc.done = internal global i64 0, align 64
@dlc.threads = external global i64
@dlc.own_threads = external global i8
declare ptr @PyThread_tss_get(ptr)
declare ptr @PyThread_allocate_lock()
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)
declare i32 @dlc.yield()
declare i64 @llvm.umin.i64(i64, i64)
{declare_pause}
{_WITH_PLACES if has_places else _WITHOUT_PLACES}
; Call `function(argument, i)` for every `i < count`, on at most `limit` threads if that is not 0.
define void @{PARALLEL}(ptr %function, ptr %argument, i64 %count, i64 %limit) {{
start:
  %own = call ptr @PyThread_tss_get(ptr @dlc.own_threads)
  %own_threads = ptrtoint ptr %own to i64
  %has_own = icmp ne i64 %own_threads, 0
  %common_threads = load atomic i64, ptr @dlc.threads monotonic, align 8
  %threads = select i1 %has_own, i64 %own_threads, i64 %common_threads
  %most = sub i64 %threads, 1
  %limit_helpers = sub i64 %limit, 1
  %useful = sub i64 %count, 1
  %fewer = call i64 @llvm.umin.i64(i64 %most, i64 %limit_helpers)
  %helpers = call i64 @llvm.umin.i64(i64 %fewer, i64 %useful)
  %is_alone = icmp eq i64 %helpers, 0
  br i1 %is_alone, label %serial, label %enter
enter:
  %entered = cmpxchg ptr @dlc.busy, i64 0, i64 1 acquire monotonic
  %has_pool = extractvalue {{ i64, i1 }} %entered, 1
  br i1 %has_pool, label %prepare, label %serial
serial:
  %s = phi i64 [ 0, %start ], [ 0, %enter ], [ %s.next, %serial_one ]
  %is_over = icmp eq i64 %s, %count
  br i1 %is_over, label %return, label %serial_one
serial_one:
  call void %function(ptr %argument, i64 %s)
  %s.next = add i64 %s, 1
  br label %serial
return:
  ret void

prepare:
  %started = load i64, ptr @dlc.started
  %has_started = icmp ugt i64 %started, %helpers
  br i1 %has_started, label %describe, label %start_more
start_more:
  call void @dlc.start_workers(i64 %helpers)
  br label %describe
describe:
  %claim = load atomic i64, ptr @dlc.claim monotonic, align 8
  %generation = lshr i64 %claim, 32
  %odd = add i64 %generation, 1
  %odd_claim = shl i64 %odd, 32
  store atomic i64 %odd_claim, ptr @dlc.claim monotonic, align 8
  fence seq_cst
  store atomic ptr %function, ptr @dlc.function monotonic, align 8
  store atomic ptr %argument, ptr @dlc.argument monotonic, align 8
  store atomic i64 %count, ptr @dlc.count monotonic, align 8
  store atomic i64 %helpers, ptr @dlc.helpers monotonic, align 8
  store atomic i64 0, ptr @dlc.done monotonic, align 8
  %even = add i64 %generation, 2
  %even_claim = shl i64 %even, 32
  store atomic i64 %even_claim, ptr @dlc.claim seq_cst, align 8
  %running = load i64, ptr @dlc.started
  %last = sub i64 %running, 1
  %awaited = call i64 @llvm.umin.i64(i64 %last, i64 %helpers)
  %processor = call i32 @dlc.processor()
  br label %wake
wake:
  %w = phi i64 [ 0, %describe ], [ %w.next, %awake ]
  %has_woken = icmp eq i64 %w, %awaited
  br i1 %has_woken, label %work, label %wake_one
wake_one:
  %w.next = add i64 %w, 1
  %processor.at = getelementptr %Worker, ptr @dlc.workers, i64 %w.next, i32 2
  %its_processor = load atomic i32, ptr %processor.at monotonic, align 4
  %is_here = icmp eq i32 %its_processor, %processor
  br i1 %is_here, label %send_away, label %look
send_away:
  call void @dlc.send_away(i64 %w.next, i32 %processor)
  br label %look
look:
  %asleep.at = getelementptr %Worker, ptr @dlc.workers, i64 %w.next, i32 0
  %asleep = load atomic i64, ptr %asleep.at seq_cst, align 8
  %sleeps = icmp ne i64 %asleep, 0
  br i1 %sleeps, label %rouse, label %awake
rouse:
  %slept = atomicrmw xchg ptr %asleep.at, i64 0 seq_cst
  %is_ours = icmp ne i64 %slept, 0
  br i1 %is_ours, label %release, label %awake
release:
  %lock.at = getelementptr %Worker, ptr @dlc.workers, i64 %w.next, i32 1
  %lock = load ptr, ptr %lock.at
  call void @PyThread_release_lock(ptr %lock)
  br label %awake
awake:
  br label %wake
work:
  %seen = call i64 @dlc.work(i64 0)
  br label %join
join:
  %j = phi i64 [ 0, %work ], [ %j.next, %pause ], [ %j, %yield ]
  %done = load atomic i64, ptr @dlc.done acquire, align 8
  %is_done = icmp eq i64 %done, %count
  br i1 %is_done, label %leave, label %wait
wait:
  %is_short = icmp ult i64 %j, 256
  br i1 %is_short, label %pause, label %yield
pause:
  {pause}
  %j.next = add i64 %j, 1
  br label %join
yield:
  %yielded = call i32 @dlc.yield()
  br label %join
leave:
  store atomic i64 0, ptr @dlc.busy release, align 8
  ret void
}}

; Run parts until none is left; the result is the generation of the last one.
define internal i64 @dlc.work(i64 %number) {{
start:
  br label %next
next:
  %claim = load atomic i64, ptr @dlc.claim acquire, align 8
  %function = load atomic ptr, ptr @dlc.function monotonic, align 8
  %argument = load atomic ptr, ptr @dlc.argument monotonic, align 8
  %count = load atomic i64, ptr @dlc.count monotonic, align 8
  %helpers = load atomic i64, ptr @dlc.helpers monotonic, align 8
  fence acquire
  %generation = lshr i64 %claim, 32
  %parity = and i64 %generation, 1
  %is_odd = icmp ne i64 %parity, 0
  br i1 %is_odd, label %pause, label %look
pause:
  {pause}
  br label %next
look:
  %index = and i64 %claim, 4294967295
  %is_left = icmp ult i64 %index, %count
  %is_wanted = icmp ule i64 %number, %helpers
  %is_mine = and i1 %is_left, %is_wanted
  br i1 %is_mine, label %take, label %return
take:
  %following = add i64 %claim, 1
  %exchange = cmpxchg ptr @dlc.claim, i64 %claim, i64 %following acq_rel monotonic
  %is_taken = extractvalue {{ i64, i1 }} %exchange, 1
  br i1 %is_taken, label %run, label %next
run:
  call void %function(ptr %argument, i64 %index)
  %before = atomicrmw add ptr @dlc.done, i64 1 release
  br label %next
return:
  ret i64 %generation
}}

define internal void @dlc.worker(ptr %number_as_pointer) {{
start:
  %number = ptrtoint ptr %number_as_pointer to i64
  %asleep.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 0
  %lock.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 1
  %lock = load ptr, ptr %lock.at
  %processor.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 2
  %thread.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 3
  %thread = call i32 @dlc.thread()
  store atomic i32 %thread, ptr %thread.at monotonic, align 4
  br label %work
work:
  %processor = call i32 @dlc.processor()
  store atomic i32 %processor, ptr %processor.at monotonic, align 4
  %seen = call i64 @dlc.work(i64 %number)
  br label %watch
watch:
  %spins = phi i64 [ 0, %work ], [ %spins.next, %watch_on ], [ %spins.next, %give_way ]
  %spins.next = add i64 %spins, 1
  %claim = load atomic i64, ptr @dlc.claim acquire, align 8
  %generation = lshr i64 %claim, 32
  %is_new = icmp ne i64 %generation, %seen
  br i1 %is_new, label %work, label %pause
pause:
  {pause}
  %is_tired = icmp ugt i64 %spins, {SPINS}
  br i1 %is_tired, label %lie_down, label %watch_on
watch_on:
  %beat = and i64 %spins.next, 63
  %is_turn = icmp eq i64 %beat, 0
  br i1 %is_turn, label %give_way, label %watch
give_way:
  %yielded = call i32 @dlc.yield()
  br label %watch

; Whoever has new work looks whether we sleep after it has told so, and we look for it after we have told that we sleep.
lie_down:
  store atomic i64 1, ptr %asleep.at seq_cst, align 8
  %last_claim = load atomic i64, ptr @dlc.claim seq_cst, align 8
  %last_generation = lshr i64 %last_claim, 32
  %is_late = icmp ne i64 %last_generation, %seen
  br i1 %is_late, label %get_up, label %sleep
get_up:
  %slept = atomicrmw xchg ptr %asleep.at, i64 0 seq_cst
  %is_ours = icmp ne i64 %slept, 0
  br i1 %is_ours, label %work, label %sleep
sleep:
  %acquired = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %work
}}

; Start workers up to this number, as many as the system gives.
define internal void @dlc.start_workers(i64 %helpers) noinline {{
start:
  br label %next
next:
  %number = load i64, ptr @dlc.started
  %is_enough = icmp ugt i64 %number, %helpers
  br i1 %is_enough, label %return, label %make_lock
make_lock:
  %lock = call ptr @PyThread_allocate_lock()
  %has_lock = icmp ne ptr %lock, null
  br i1 %has_lock, label %make_thread, label %return
make_thread:
  %acquired = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  %asleep.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 0
  %lock.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 1
  %processor.at = getelementptr %Worker, ptr @dlc.workers, i64 %number, i32 2
  store i64 0, ptr %asleep.at
  store ptr %lock, ptr %lock.at
  store i32 -2, ptr %processor.at
  %number_as_pointer = inttoptr i64 %number to ptr
  %thread = call i64 @PyThread_start_new_thread(ptr @dlc.worker, ptr %number_as_pointer)
  %has_failed = icmp eq i64 %thread, -1
  br i1 %has_failed, label %return, label %count
count:
  %more = add i64 %number, 1
  store i64 %more, ptr @dlc.started
  br label %next
return:
  ret void
}}

; In a forked child only the thread that forked goes on: there are no workers, and nothing is left of what others had them do.
define void @dlc_forget_workers() {{
  store i64 1, ptr @dlc.started
  store i64 0, ptr @dlc.busy
  store i64 0, ptr @dlc.claim
  store i64 0, ptr @dlc.count
  ret void
}}
"""
