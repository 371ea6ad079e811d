"""Give up, for good, the system calls that no answer needs: Linux on x86_64 and aarch64.

The worker gets a copy of this file where normcourse is absent. The filter is a list of what is refused, not
of what is allowed: a second wall behind the sandbox, and the main one where there is no sandbox.
"""

import ctypes
import os
import platform
import signal
import struct

__all__ = [
    "available",
    "die_with_parent",
    "drop_capabilities",
    "install",
    "set_not_dumpable",
    "set_subreaper",
]

# The numbers of the calls, by machine. Zero: the machine does not have it.
REFUSED = {
    # processes, threads (the libraries have one, and nothing else bounds their number) and programs
    "clone": (56, 220), "clone3": (435, 435), "fork": (57, 0), "vfork": (58, 0), "execve": (59, 221),
    "execveat": (322, 281), "setpgid": (109, 154), "setsid": (112, 157),
    # signals, and other processes
    "timer_create": (222, 107), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    # network, and what outlives a process
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # changes of the file system
    "creat": (85, 0), "unlink": (87, 0), "unlinkat": (263, 35), "rename": (82, 0), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, 0), "mkdirat": (258, 34), "rmdir": (84, 0), "link": (86, 0),
    "linkat": (265, 37), "symlink": (88, 0), "symlinkat": (266, 36), "mknod": (133, 0),
    "mknodat": (259, 33), "chmod": (90, 0), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, 0), "fchown": (93, 55), "lchown": (94, 0),
    "fchownat": (260, 54), "truncate": (76, 45),
    "ftruncate": (77, 46), "fallocate": (285, 47), "utime": (132, 0), "utimes": (235, 0),
    "futimesat": (261, 0), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "fsconfig": (431, 431), "fspick": (433, 433), "quotactl_fd": (443, 443), "open_tree_attr": (467, 467),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
    # what slows or disturbs other processes
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "kcmp": (312, 272), "sync": (162, 81), "syncfs": (306, 267),
    "vhangup": (153, 58), "syslog": (103, 116),
    # privileges and the kernel
    "setrlimit": (160, 164), "unshare": (272, 97), "setns": (308, 268), "setuid": (105, 146),
    "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159), "capset": (126, 91), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "acct": (163, 89),
    "quotactl": (179, 60), "fanotify_init": (300, 262), "iopl": (172, 0), "ioperm": (173, 0),
}  # fmt: skip
OPEN, OPENAT, OPENAT2 = (2, 0), (257, 56), (437, 437)
PRCTL, PRLIMIT64, FCNTL, IOCTL = (157, 167), (302, 261), (72, 25), (16, 29)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # the column above, and the audit number

# Requests that have the kernel send signals, type on a terminal, or change a file's flags.
OWNERS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
DEVICE_REQUESTS = (0x8901, 0x8902, 0x5412, 0x540E, 0x541C, 0x40086602, 0x401C5820)
WRITES = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026

Line = tuple[int, int, int, int]  # operation, lines to skip if true, if false, operand


def available() -> bool:
    """Return whether this machine can have the filter."""
    return platform.system() == "Linux" and platform.machine() in MACHINES


def install() -> None:
    """Put the filter over this process, for the rest of its life."""
    lines = program(platform.machine())
    text = b"".join(struct.pack("=HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(text, len(text))
    # struct sock_fprog: a count, padding, a pointer.
    head = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(buffer)))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, 2, ctypes.addressof(head))


def set_not_dumpable() -> None:
    """Keep other processes of this user from looking into the memory of this one."""
    _prctl(PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Be killed when the thread ends that started this process."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def drop_capabilities() -> None:
    """Be no more than an ordinary user, also as root: only the files of that user remain."""
    version = ctypes.create_string_buffer(struct.pack("=II", 0x20080522, 0))  # the third, of this process
    none = ctypes.create_string_buffer(24)
    if ctypes.CDLL(None, use_errno=True).capset(version, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def set_subreaper() -> None:
    """Become the parent of this process's orphaned descendants, so that they can be found."""
    _prctl(PR_SET_SUBREAPER, 1)


def program(machine: str) -> list[Line]:
    """Return the filter for a machine, line by line."""
    column, audit = MACHINES[machine]
    lines: list[Line] = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, EPERM)]  # the numbers of x32
    for numbers in REFUSED.values():
        if numbers[column]:
            lines += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, EPERM)]
    # The caller then takes the older call, whose flags can be looked at.
    lines += [(EQUAL, 0, 1, OPENAT2[column]), (RETURN, 0, 0, ENOSYS)]
    if OPEN[column]:
        lines += _argument(OPEN[column], 1, [(ANY_BIT, 0, 1, WRITES), (RETURN, 0, 0, EPERM)])
    lines += _argument(OPENAT[column], 2, [(ANY_BIT, 0, 1, WRITES), (RETURN, 0, 0, EPERM)])
    lines += _argument(PRCTL[column], 0, _none_of(PR_SET_PDEATHSIG, PR_SET_DUMPABLE))
    lines += _argument(FCNTL[column], 1, _none_of(*OWNERS))
    lines += _argument(IOCTL[column], 1, _none_of(*DEVICE_REQUESTS))
    # A new limit is a pointer: either half of it tells.
    for half in (0, 4):
        lines += _argument(PRLIMIT64[column], 2, [(EQUAL, 1, 0, 0), (RETURN, 0, 0, EPERM)], half)
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _none_of(*values: int) -> list[Line]:
    return [line for value in values for line in ((EQUAL, 0, 1, value), (RETURN, 0, 0, EPERM))]


def _argument(call: int, number: int, test: list[Line], half: int = 0) -> list[Line]:
    """Return the test of one argument of one call, and load the call's number again after it."""
    return [
        (EQUAL, 0, len(test) + 2, call),
        (LOAD, 0, 0, 16 + 8 * number + half),
        *test,
        (LOAD, 0, 0, 0),
    ]


def _prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4])) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")
