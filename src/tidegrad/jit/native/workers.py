"""Floor 6. Workers: what native threads do before, between and after programs, as LLVM IR."""

from __future__ import annotations

import os

from .signals import signals
from .target import Target

__all__ = ["BARRIER", "MOST", "program"]

MOST = 1 if os.name == "nt" else 1024  # threads of one program; Windows has no pthreads
LOOKS = 10 * 64  # how often to look at a signal where there are more threads than cores

# What a program needs to call `@tide_barrier(ptr %barrier)`, with the pointer it was given:
# every thread of it waits there until all have come.
BARRIER = """
define internal void @tide_barrier(ptr %barrier) alwaysinline nounwind {
  %wait = load ptr, ptr %barrier, align 8
  call void %wait(ptr %barrier)
  ret void
}
"""


def program(target: Target, kernel: str) -> str:
    """The workers' code; `kernel` is the way in which threads sleep, a key of signals.SLEEP."""
    text = signals(target, kernel) + TEAM + GATE
    return text.replace("MOST", str(MOST)).replace("LOOKS", str(LOOKS))


TEAM = """
@solo = internal constant { ptr, i32 } { ptr @barrier, i32 1 }, align 128
@team = internal global { ptr, i32 } { ptr @barrier, i32 1 }, align 128  ; threads of the program
@program = internal global { ptr, ptr } zeroinitializer, align 128  ; function, argument
@spins = internal global i32 0, align 128
@size = internal global i32 1, align 128  ; threads there are, the caller included
@cores = internal global i32 1
@patience = internal global i32 0

@arrived = internal global %Signal zeroinitializer, align 128
@phase = internal global %Signal zeroinitializer, align 128
@working = internal global %Signal zeroinitializer, align 128
@done = internal global %Signal zeroinitializer, align 128
@held = internal global %Signal zeroinitializer, align 128
@tickets = internal global [MOST x %Signal] zeroinitializer, align 128

define internal void @barrier(ptr %team) nounwind {
  %place = getelementptr { ptr, i32 }, ptr %team, i64 0, i32 1
  %threads = load i32, ptr %place
  %alone = icmp eq i32 %threads, 1
  br i1 %alone, label %end, label %arrive
arrive:
  %phase = load atomic i32, ptr @phase acquire, align 4
  %before = atomicrmw add ptr @arrived, i32 1 seq_cst, align 4
  %count = add i32 %before, 1
  %last = icmp eq i32 %count, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i32 0, ptr @arrived monotonic, align 4
  %next = add i32 %phase, 1
  call void @announce(ptr @phase, i32 %next)
  ret void
wait:
  %spins = load atomic i32, ptr @spins monotonic, align 4
  call void @await(ptr @phase, i32 %phase, i32 %spins)
  ret void
end:
  ret void
}

; What a worker does all its life. Its ticket is changed when a program needs it.
define ptr @tide_worker(i64 %index) nounwind {
start:
  %ticket = getelementptr [MOST x %Signal], ptr @tickets, i64 0, i64 %index
  br label %idle
idle:
  %old = phi i32 [ 0, %start ], [ %new, %leave ]
  %spins = load atomic i32, ptr @spins monotonic, align 4
  call void @await(ptr %ticket, i32 %old, i32 %spins)
  %new = load atomic i32, ptr %ticket acquire, align 4
  %function = load ptr, ptr @program
  %argument = load ptr, ptr getelementptr ({ ptr, ptr }, ptr @program, i64 0, i32 1)
  %threads = load i32, ptr getelementptr ({ ptr, i32 }, ptr @team, i64 0, i32 1)
  %n = zext i32 %threads to i64
  call void %function(ptr %argument, i64 %index, i64 %n, ptr @team)
  %before = atomicrmw sub ptr @working, i32 1 seq_cst, align 4
  %last = icmp eq i32 %before, 1
  br i1 %last, label %end, label %leave
end:
  %done = load i32, ptr @done
  %done.next = add i32 %done, 1
  call void @announce(ptr @done, i32 %done.next)
  br label %leave
leave:
  br label %idle
}

; The caller is thread 0 of the program.
define internal void @together(ptr %function, ptr %argument, i32 %threads) nounwind {
start:
  %cores = load i32, ptr @cores
  %patience = load i32, ptr @patience
  br label %try
try:
  %pair = cmpxchg ptr @held, i32 0, i32 1 seq_cst seq_cst, align 4
  %mine = extractvalue { i32, i1 } %pair, 1
  br i1 %mine, label %write, label %busy
busy:
  call void @await(ptr @held, i32 1, i32 %patience)
  br label %try
write:  ; with more threads than cores, offer the core ten times, then sleep
  %crowded = icmp ugt i32 %threads, %cores
  %spins = select i1 %crowded, i32 LOOKS, i32 %patience
  store atomic i32 %spins, ptr @spins monotonic, align 4
  store i32 %threads, ptr getelementptr ({ ptr, i32 }, ptr @team, i64 0, i32 1)
  store ptr %function, ptr @program
  store ptr %argument, ptr getelementptr ({ ptr, ptr }, ptr @program, i64 0, i32 1)
  %others = sub i32 %threads, 1
  store atomic i32 %others, ptr @working seq_cst, align 4
  %done = load i32, ptr @done
  %n = zext i32 %threads to i64
  br label %call
call:
  %index = phi i64 [ 1, %write ], [ %index.next, %call ]
  %ticket = getelementptr [MOST x %Signal], ptr @tickets, i64 0, i64 %index
  %value = load i32, ptr %ticket
  %value.next = add i32 %value, 1
  call void @announce(ptr %ticket, i32 %value.next)
  %index.next = add i64 %index, 1
  %more = icmp ult i64 %index.next, %n
  br i1 %more, label %call, label %work
work:
  call void %function(ptr %argument, i64 0, i64 %n, ptr @team)
  call void @await(ptr @done, i32 %done, i32 %spins)
  call void @announce(ptr @held, i32 0)
  ret void
}
"""

GATE = """
@inside = internal global %Signal zeroinitializer, align 128
@closed = internal global %Signal zeroinitializer, align 128

define internal void @leave() nounwind {
  %before = atomicrmw sub ptr @inside, i32 1 seq_cst, align 4
  call void @changed(ptr @inside)
  ret void
}

; Run a program on `threads` threads: 0, or 1 where there are too few and nothing was done.
define i32 @tide_run(ptr %function, ptr %argument, i32 %threads) nounwind {
start:
  br label %enter
enter:
  %before = atomicrmw add ptr @inside, i32 1 seq_cst, align 4
  %closed = load atomic i32, ptr @closed seq_cst, align 4
  %shut = icmp eq i32 %closed, 1
  br i1 %shut, label %outside, label %ask
outside:
  call void @leave()
  call void @await(ptr @closed, i32 1, i32 0)
  br label %enter
ask:
  %size = load atomic i32, ptr @size acquire, align 4
  %few = icmp ugt i32 %threads, %size
  br i1 %few, label %end, label %run
run:
  %alone = icmp ule i32 %threads, 1
  br i1 %alone, label %one, label %many
one:
  call void %function(ptr %argument, i64 0, i64 1, ptr @solo)
  br label %end
many:
  call void @together(ptr %function, ptr %argument, i32 %threads)
  br label %end
end:
  %result = zext i1 %few to i32
  call void @leave()
  ret i32 %result
}

; Let nobody in, and wait until nobody is inside.
define void @tide_close() nounwind {
  call void @announce(ptr @closed, i32 1)
  br label %look
look:
  %inside = load atomic i32, ptr @inside seq_cst, align 4
  %empty = icmp eq i32 %inside, 0
  br i1 %empty, label %end, label %wait
wait:
  call void @await(ptr @inside, i32 %inside, i32 0)
  br label %look
end:
  ret void
}

define void @tide_open() nounwind {
  call void @announce(ptr @closed, i32 0)
  ret void
}

define void @tide_grown(i32 %size) nounwind {
  store atomic i32 %size, ptr @size release, align 4
  ret void
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; As when the process began, where nobody else is running: the first time, and after a fork.
define void @tide_reset(i32 %cores, i32 %patience) nounwind {
  store i32 %cores, ptr @cores
  store i32 %patience, ptr @patience
  store i32 0, ptr @spins
  store i32 1, ptr @size
  store i64 0, ptr @arrived
  store i64 0, ptr @phase
  store i64 0, ptr @working
  store i64 0, ptr @done
  store i64 0, ptr @held
  store i64 0, ptr @inside
  store i64 0, ptr @closed
  %bytes = mul i64 MOST, 128
  call void @llvm.memset.p0.i64(ptr @tickets, i8 0, i64 %bytes, i1 false)
  call void @tide_sleep_reset()
  ret void
}
"""
