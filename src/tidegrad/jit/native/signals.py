"""Floor 6. Signals: words that one native thread changes and others wait for, as LLVM IR.

A thread that waits looks at the word for a while, then sleeps in the kernel. Every signal has a
cache line of its own, which holds the number of its sleepers too.
"""

from __future__ import annotations

from .target import Target

__all__ = ["SLEEP", "signals"]


def signals(target: Target, kernel: str) -> str:
    """`@await`, `@announce`, `@changed`; `kernel`, a key of SLEEP, is how threads sleep."""
    arm = target.name == "aarch64"
    text = (PAUSE_ARM if arm else PAUSE_X86) + SIGNALS + SLEEP[kernel]
    return text.replace("FUTEX", "98" if arm else "202")


PAUSE_X86 = """
declare void @llvm.x86.sse2.pause()

define internal void @pause() alwaysinline nounwind {
  call void @llvm.x86.sse2.pause()
  ret void
}
"""

PAUSE_ARM = """
declare void @llvm.aarch64.isb(i32 immarg)

define internal void @pause() alwaysinline nounwind {
  call void @llvm.aarch64.isb(i32 15)
  ret void
}
"""

SIGNALS = """
%Signal = type { i32, i32, [120 x i8] }  ; its value, how many threads sleep for it

; Return once the word is no longer `old`.
define internal void @await(ptr %word, i32 %old, i32 %spins) nounwind {
start:
  br label %look
look:
  %n = phi i32 [ 0, %start ], [ %n.next, %offer ], [ %n.next, %stay ]
  %seen = load atomic i32, ptr %word acquire, align 4
  %same = icmp eq i32 %seen, %old
  br i1 %same, label %more, label %end
more:
  %n.next = add i32 %n, 1
  %patient = icmp ult i32 %n, %spins
  br i1 %patient, label %again, label %tired
again:  ; offer the core every so often, since who is waited for may lack one
  %part = and i32 %n.next, 63
  %polite = icmp eq i32 %part, 0
  br i1 %polite, label %offer, label %stay
offer:
  call void @yield()
  br label %look
stay:
  call void @pause()
  br label %look
tired:
  %sleepers = getelementptr i32, ptr %word, i64 1
  %before = atomicrmw add ptr %sleepers, i32 1 seq_cst, align 4
  br label %check
check:
  %now = load atomic i32, ptr %word seq_cst, align 4
  %still = icmp eq i32 %now, %old
  br i1 %still, label %rest, label %up
rest:
  call void @sleep(ptr %word, i32 %old)
  br label %check
up:
  %left = atomicrmw sub ptr %sleepers, i32 1 seq_cst, align 4
  br label %end
end:
  ret void
}

; Wake who sleeps for a word that has just been changed, by an operation that is seq_cst.
define internal void @changed(ptr %word) nounwind {
  %sleepers = getelementptr i32, ptr %word, i64 1
  %count = load atomic i32, ptr %sleepers seq_cst, align 4
  %none = icmp eq i32 %count, 0
  br i1 %none, label %end, label %some
some:
  call void @wake(ptr %word)
  br label %end
end:
  ret void
}

define internal void @announce(ptr %word, i32 %value) nounwind {
  %before = atomicrmw xchg ptr %word, i32 %value seq_cst, align 4
  call void @changed(ptr %word)
  ret void
}

define void @tide_spin(i32 %count) nounwind {
start:
  br label %loop
loop:
  %n = phi i32 [ 0, %start ], [ %n.next, %loop ]
  call void @pause()
  %n.next = add i32 %n, 1
  %more = icmp ult i32 %n.next, %count
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""

YIELD = """
declare i32 @sched_yield()

define internal void @yield() nounwind {
  call i32 @sched_yield()
  ret void
}
"""

FUTEXES = """
declare i64 @syscall(i64, ...)

define internal void @sleep(ptr %word, i32 %old) nounwind {
  call i64 (i64, ...) @syscall(i64 FUTEX, ptr %word, i64 128, i32 %old, ptr null, ptr null, i64 0)
  ret void
}

define internal void @wake(ptr %word) nounwind {
  call i64 (i64, ...) @syscall(i64 FUTEX, ptr %word, i64 129, i64 2147483647, ptr null, ptr null,
    i64 0)
  ret void
}

define internal void @tide_sleep_reset() nounwind {
  ret void
}
"""

# One condition serves all signals: who is woken for another one's sake looks, and sleeps again.
CONDITIONS = """
@mutex = internal global [128 x i8] zeroinitializer, align 128
@condition = internal global [128 x i8] zeroinitializer, align 128

declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)

define internal void @sleep(ptr %word, i32 %old) nounwind {
  call i32 @pthread_mutex_lock(ptr @mutex)
  %now = load atomic i32, ptr %word seq_cst, align 4
  %still = icmp eq i32 %now, %old
  br i1 %still, label %rest, label %end
rest:
  call i32 @pthread_cond_wait(ptr @condition, ptr @mutex)
  br label %end
end:
  call i32 @pthread_mutex_unlock(ptr @mutex)
  ret void
}

define internal void @wake(ptr %word) nounwind {
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_cond_broadcast(ptr @condition)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  ret void
}

define internal void @tide_sleep_reset() nounwind {
  call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  call i32 @pthread_cond_init(ptr @condition, ptr null)
  ret void
}
"""

# Where there are no workers, a thread that waits for another one's single-threaded program spins.
NOTHING = """
define internal void @yield() nounwind {
  ret void
}

define internal void @sleep(ptr %word, i32 %old) nounwind {
  ret void
}

define internal void @wake(ptr %word) nounwind {
  ret void
}

define internal void @tide_sleep_reset() nounwind {
  ret void
}
"""

# Linux; everywhere else; where there are no workers.
SLEEP = {"futex": YIELD + FUTEXES, "condition": YIELD + CONDITIONS, "spin": NOTHING}
