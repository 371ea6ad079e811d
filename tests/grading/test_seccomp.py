"""The filter of system calls, run by hand, also for the machine that this is not."""

import struct

import pytest

from normcourse.grading.seccomp import ALLOW, ENOSYS, EPERM, KILL, MACHINES, REFUSED, program

READ, MMAP, FUTEX = (0, 63), (9, 222), (202, 98)
THREAD = 0x3D0F00  # what a new thread is made with
PROCESS = 0x1200011  # what fork makes


def verdict(machine, call, *arguments, audit=None):
    """Return what the filter says to a call: the kernel's rules, for the operations that are used."""
    audit = MACHINES[machine][1] if audit is None else audit
    data = struct.pack("<IIQ6Q", call, audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    lines, at, value = program(machine), 0, 0
    while True:
        operation, if_true, if_false, operand = lines[at]
        at += 1
        if operation == 0x20:
            [value] = struct.unpack_from("<I", data, operand)
        elif operation == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x45: value & operand, 0x35: value >= operand}[operation]
            at += if_true if holds else if_false


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


def test_what_answers_need_is_allowed(machine):
    column = MACHINES[machine][0]
    for numbers in (READ, MMAP, FUTEX):
        assert verdict(machine, numbers[column]) == ALLOW
    assert verdict(machine, (257, 56)[column], 3, 0, 0o2000000) == ALLOW  # to read, closed on exec
    assert verdict(machine, (302, 261)[column], 0, 7, 0, 1 << 40) == ALLOW  # to read a limit
    assert verdict(machine, (157, 167)[column], 15) == ALLOW  # to name a thread
    assert verdict(machine, (72, 25)[column], 1, 3) == ALLOW  # the flags of a file


def test_each_call_of_the_list_is_refused(machine):
    column = MACHINES[machine][0]
    for name, numbers in REFUSED.items():
        if numbers[column]:
            assert verdict(machine, numbers[column]) == EPERM, name


@pytest.mark.parametrize("flags", [PROCESS, THREAD])
def test_there_are_no_new_processes_and_no_threads(machine, flags):
    column = MACHINES[machine][0]
    assert verdict(machine, (56, 220)[column], flags) == EPERM
    assert verdict(machine, 435) == EPERM  # whose flags lie behind a pointer


@pytest.mark.parametrize("flags", [0o1, 0o2, 0o100, 0o1000, 0o2000, 0o20200002])
def test_files_are_opened_to_read_alone(machine, flags):
    column = MACHINES[machine][0]
    assert verdict(machine, (257, 56)[column], 3, 0, flags) == EPERM
    if machine == "x86_64":
        assert verdict(machine, 2, 0, flags) == EPERM
        assert verdict(machine, 2, 0, 0) == ALLOW


def test_arguments_decide(machine):
    column = MACHINES[machine][0]
    assert verdict(machine, 437) == ENOSYS
    for pointer in (1, 1 << 40):
        assert verdict(machine, (302, 261)[column], 0, 7, pointer) == EPERM
    assert verdict(machine, (157, 167)[column], 4, 1) == EPERM  # to be dumpable
    assert verdict(machine, (72, 25)[column], 1, 8, 1) == EPERM  # to send signals by a file
    assert verdict(machine, (16, 29)[column], 1, 0x5412) == EPERM  # to type on a terminal


def test_calls_of_another_kind_end_the_process(machine):
    other = next(audit for name, (_, audit) in MACHINES.items() if name != machine)
    assert verdict(machine, READ[0], audit=other) == KILL
    assert verdict(machine, 4, audit=0x40000003) == KILL  # 32-bit
    if machine == "x86_64":
        assert verdict(machine, 0x40000000 + 57) == EPERM  # x32


def test_no_number_stands_twice():
    for column in (0, 1):
        numbers = [both[column] for both in REFUSED.values() if both[column]]
        assert len(numbers) == len(set(numbers))


def test_the_filter_is_of_a_length_that_the_kernel_takes(machine):
    assert len(program(machine)) < 4096
    assert all(0 <= skip < 256 for line in program(machine) for skip in line[1:3])
