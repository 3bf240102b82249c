"""Numbers of the system calls that computing needs, for those who may make no others.

From the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and, for aarch64,
include/uapi/asm-generic/unistd.h. `seccomp` looks at the arguments of some of them.
"""

from __future__ import annotations

X86_64 = {
    # descriptors that are open
    **{"read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "ioctl": 16},
    **{"pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "select": 23, "dup": 32},
    **{"dup2": 33, "dup3": 292, "fcntl": 72, "fadvise64": 221, "pselect6": 270, "ppoll": 271},
    **{"preadv": 295, "recvfrom": 45, "recvmsg": 47},
    # files to read
    **{"open": 2, "openat": 257, "stat": 4, "lstat": 6, "newfstatat": 262, "statx": 332},
    **{"access": 21, "faccessat": 269, "faccessat2": 439, "readlink": 89, "readlinkat": 267},
    **{"getdents": 78, "getdents64": 217, "getcwd": 79},
    # memory
    **{"mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "msync": 26},
    **{"mincore": 27, "madvise": 28},
    # threads, signals and the end
    **{"futex": 202, "futex_waitv": 449, "clone": 56, "clone3": 435, "set_robust_list": 273},
    **{"get_robust_list": 274, "set_tid_address": 218, "rseq": 334, "membarrier": 324},
    **{"arch_prctl": 158, "prctl": 157, "sched_yield": 24, "sched_getaffinity": 204},
    **{"sched_getparam": 143, "sched_getscheduler": 145, "getcpu": 309, "getpriority": 140},
    **{"rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "rt_sigtimedwait": 128},
    **{"sigaltstack": 131, "restart_syscall": 219, "kill": 62, "tkill": 200, "tgkill": 234},
    **{"exit": 60, "exit_group": 231},
    # the clock, chance, and what this process is
    **{"time": 201, "gettimeofday": 96, "clock_gettime": 228, "clock_getres": 229, "times": 100},
    **{"nanosleep": 35, "clock_nanosleep": 230, "getrandom": 318, "getrusage": 98},
    **{"getrlimit": 97, "setrlimit": 160, "prlimit64": 302, "sysinfo": 99, "uname": 63},
    **{"getpid": 39, "getppid": 110, "gettid": 186, "getuid": 102, "getgid": 104},
    **{"geteuid": 107, "getegid": 108},
}

AARCH64 = {
    # descriptors that are open
    **{"read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "ioctl": 29},
    **{"pread64": 67, "pwrite64": 68, "readv": 65, "writev": 66, "dup": 23, "dup3": 24},
    **{"fcntl": 25, "fadvise64": 223, "pselect6": 72, "ppoll": 73, "preadv": 69},
    **{"recvfrom": 207, "recvmsg": 212},
    # files to read
    **{"openat": 56, "newfstatat": 79, "statx": 291, "faccessat": 48, "faccessat2": 439},
    **{"readlinkat": 78, "getdents64": 61, "getcwd": 17},
    # memory
    **{"mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214, "mremap": 216, "msync": 227},
    **{"mincore": 232, "madvise": 233},
    # threads, signals and the end
    **{"futex": 98, "futex_waitv": 449, "clone": 220, "clone3": 435, "set_robust_list": 99},
    **{"get_robust_list": 100, "set_tid_address": 96, "rseq": 293, "membarrier": 283},
    **{"prctl": 167, "sched_yield": 124, "sched_getaffinity": 123, "sched_getparam": 121},
    **{"sched_getscheduler": 120, "getcpu": 168, "getpriority": 141},
    **{"rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "rt_sigtimedwait": 137},
    **{"sigaltstack": 132, "restart_syscall": 128, "kill": 129, "tkill": 130, "tgkill": 131},
    **{"exit": 93, "exit_group": 94},
    # the clock, chance, and what this process is
    **{"gettimeofday": 169, "clock_gettime": 113, "clock_getres": 114, "times": 153},
    **{"nanosleep": 101, "clock_nanosleep": 115, "getrandom": 278, "getrusage": 165},
    **{"getrlimit": 163, "setrlimit": 164, "prlimit64": 261, "sysinfo": 179, "uname": 160},
    **{"getpid": 172, "getppid": 173, "gettid": 178, "getuid": 174, "getgid": 176},
    **{"geteuid": 175, "getegid": 177},
}
