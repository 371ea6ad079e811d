"""Cells of submissions that attack, by what they do. A cell defines f_a, which is called with an array.

None does harm outside its own sandbox should a wall have fallen: it must be safe to run these tests then.
"""

# What does not end by itself, and the outcome of the task: cells.
STOPPED = {
    "loop in a cell": (
        "timeout",
        """
        while True: pass
        """,
    ),
    "loop in a function": (
        "timeout",
        """
        def f_a(x):
            while True: pass
        """,
    ),
    "loop that catches all": (
        "timeout",
        """
        def f_a(x):
            while True:
                try:
                    while True: pass
                except BaseException: pass
        """,
    ),
    "sleep": (
        "timeout",
        """
        def f_a(x):
            import time
            time.sleep(1000)
        """,
    ),
    "wait for a lock": (
        "timeout",
        """
        def f_a(x):
            import threading
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        """,
    ),
    "read a pipe": (
        "timeout",
        """
        def f_a(x):
            import os
            os.read(os.pipe()[0], 1)
        """,
    ),
    "wait for input": (
        "returned",
        """
        def f_a(x):
            import sys
            sys.stdin.read()
            return x
        """,
    ),
    "loop in a finalizer": (
        "timeout",
        """
        class A:
            def __init__(self, x): self.x = x
            def __array__(self, *_, **__): return self.x
            def __del__(self):
                while True: pass
        def f_a(x): return A(x)
        """,
    ),
    "loop in the text of an exception": (
        "timeout",
        """
        class E(Exception):
            def __str__(self):
                while True: pass
        def f_a(x): raise E
        """,
    ),
    "loop in a trace": (
        "timeout",
        """
        import sys
        def trace(*_):
            while True: pass
        def f_a(x):
            sys.settrace(trace)
            return g(x)
        def g(x): return x
        """,
    ),
    "slow printing": (
        "timeout",
        """
        def f_a(x):
            import time
            while True: print('.', flush=True); time.sleep(0.05)
        """,
    ),
    "fork bomb": (
        "timeout",
        """
        def f_a(x):
            import os, time
            for _ in range(20):
                try: os.fork() or time.sleep(60)
                except OSError: pass
            while True: pass
        """,
    ),
    "leave": (
        "crash",
        """
        import os
        os._exit(0)
        """,
    ),
    "leave from a function": (
        "crash",
        """
        def f_a(x):
            import os
            os._exit(0)
        """,
    ),
    "address 0": (
        "crash",
        """
        def f_a(x):
            import ctypes
            ctypes.string_at(0)
        """,
    ),
    "abort": (
        "crash",
        """
        def f_a(x):
            import os
            os.abort()
        """,
    ),
    "deep recursion in C": (
        "crash",
        """
        def f_a(x):
            chain = iter([1])
            for _ in range(300_000):  # each asks the one before, and no Python counts how deep that goes
                chain = filter(None, chain)
            return next(chain)
        """,
    ),
    "flood": (
        "crash",
        """
        def f_a(x):
            while True: print('x' * 100000)
        """,
    ),
    "flood of errors": (
        "crash",
        """
        def f_a(x):
            import os
            while True: os.write(2, b'x' * 100000)
        """,
    ),
    "32-bit call": (
        "crash",
        """
        def f_a(x):
            import ctypes, mmap
            code = mmap.mmap(-1, 4096, prot=7)
            code.write(bytes.fromhex('b814000000cd80c3'))
            ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
            return x
        """,
    ),
}

# What the kernel refuses: cells.
REFUSED = {
    "fork": """
        def f_a(x):
            import os
            os.fork()
        """,
    "fork by number": """
        def f_a(x):
            import ctypes
            return [ctypes.CDLL(None).syscall(n, 17, 0, 0, 0, 0) + 0 * x.sum() for n in (57, 58, 56, 435)]
        """,
    "a thread": """
        def f_a(x):
            import threading
            threading.Thread(target=print).start()
        """,
    "8000 threads": """
        def f_a(x):
            import threading, time
            threading.stack_size(32768)
            started = 0
            for _ in range(8000):
                try: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                except RuntimeError: continue
                started += 1
            raise RuntimeError("can't start new thread") if not started else SystemError(started)
        """,
    "program": """
        def f_a(x):
            import subprocess
            subprocess.run(['true'])
        """,
    "shell": """
        def f_a(x):
            import os
            raise OSError if os.system('true') else SystemError
        """,
    "exec": """
        def f_a(x):
            import os
            os.execv('/proc/self/exe', ['python'])
        """,
    "spawn": """
        def f_a(x):
            import os
            os.posix_spawn('/proc/self/exe', ['python', '-c', ''], {})
        """,
    "multiprocessing": """
        def f_a(x):
            import multiprocessing as m
            p = m.get_context('fork').Process(target=print)
            p.start()
        """,
    "socket": """
        def f_a(x):
            import socket
            socket.socket()
        """,
    "connection": """
        def f_a(x):
            import socket
            socket.create_connection(('127.0.0.1', 80))
        """,
    "name": """
        def f_a(x):
            import socket
            socket.getaddrinfo('example.org', 80)
        """,
    "unix socket": """
        def f_a(x):
            import socket
            socket.socketpair()
        """,
    "kill the worker": """
        def f_a(x):
            import os
            os.kill(os.getppid(), 9)
        """,
    "kill all": """
        def f_a(x):
            import os
            os.kill(-1, 0)
        """,
    "kill the group": """
        def f_a(x):
            import os
            os.killpg(0, 9)
        """,
    "kill itself by a timer": """
        def f_a(x):
            import ctypes, os, platform, struct
            event = ctypes.create_string_buffer(struct.pack('=qii48x', 0, 9, 0), 64)
            number = {'x86_64': 222, 'aarch64': 107}[platform.machine()]
            made = ctypes.CDLL(None, use_errno=True).syscall(number, 1, event, ctypes.byref(ctypes.c_int()))
            raise OSError if made else SystemError
        """,
    "stop itself": """
        def f_a(x):
            import os, signal
            os.kill(os.getpid(), signal.SIGSTOP)
        """,
    "stop by a thread": """
        def f_a(x):
            import signal, threading
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        """,
    "signal by a pipe": """
        def f_a(x):
            import fcntl, os
            fcntl.fcntl(os.pipe()[0], 8, os.getppid())
        """,
    "own session": """
        def f_a(x):
            import os
            os.setsid()
        """,
    "more memory": """
        def f_a(x):
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        """,
    "more time": """
        def f_a(x):
            import resource
            resource.prlimit(0, resource.RLIMIT_CPU, (-1, -1))
        """,
    "less priority for the worker": """
        def f_a(x):
            import os
            os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
        """,
    "be another user": """
        def f_a(x):
            import os
            os.setuid(12345)
        """,
    "shared memory": """
        def f_a(x):
            from multiprocessing import shared_memory as s
            s.SharedMemory(create=True, size=10)
        """,
    "memory file": """
        def f_a(x):
            import os
            os.memfd_create('x')
        """,
    "temporary file": """
        def f_a(x):
            import tempfile
            tempfile.TemporaryFile()
        """,
    "its own code": """
        def f_a(x):
            open('/proc/self/mem', 'r+b')
        """,
    "the worker's memory": """
        def f_a(x):
            import os
            open(f'/proc/{os.getppid()}/mem', 'rb').read(1)
        """,
    "the worker's variables": """
        def f_a(x):
            import os
            open(f'/proc/{os.getppid()}/environ', 'rb').read(1)
        """,
}

# What a function may return or raise: the outcome, its message, the cell.
HOSTILE = {
    "exit": (
        "raised",
        r"SystemExit",
        """
        def f_a(x):
            import sys
            sys.exit(0)
        """,
    ),
    "interrupt": (
        "raised",
        r"KeyboardInterrupt",
        """
        def f_a(x):
            raise KeyboardInterrupt
        """,
    ),
    "50 GB": (
        "raised",
        r"MemoryError|_ArrayMemoryError",
        """
        def f_a(x):
            import numpy as np
            return np.ones(50 * 2**30 // 8)
        """,
    ),
    "all memory": (
        "raised",
        r"MemoryError",
        """
        def f_a(x):
            kept = []
            while True: kept.append(bytes(1 << 24))
        """,
    ),
    "a view of 8 GB": (
        "unreadable",
        r"a returned array is too large: it holds 1073741824 numbers",
        """
        def f_a(x):
            import numpy as np
            return np.broadcast_to(1.0, 2**30)
        """,
    ),
    "recursion": (
        "raised",
        r"RecursionError",
        """
        def f_a(x):
            return f_a(x)
        """,
    ),
    "large": (
        "unreadable",
        r"the returned arrays are too large",
        """
        def f_a(x):
            import numpy as np
            return np.zeros(2**20 + 1)
        """,
    ),
    "complex": (
        "unreadable",
        r".*complex",
        """
        def f_a(x):
            return x + 1j
        """,
    ),
    "objects": (
        "unreadable",
        r".*object",
        """
        def f_a(x):
            import numpy as np
            return np.array([object()])
        """,
    ),
    "text": (
        "unreadable",
        r".*holds text",
        """
        def f_a(x):
            return 'right'
        """,
    ),
    "records": (
        "unreadable",
        r".*f8",
        """
        def f_a(x):
            import numpy as np
            return np.zeros(2, 'f8,i4')
        """,
    ),
    "dates": (
        "unreadable",
        r".*holds dates",
        """
        def f_a(x):
            import numpy as np
            return np.array('2000-01-01', 'M8[D]')
        """,
    ),
    "generator": (
        "unreadable",
        r".*object",
        """
        def f_a(x):
            return (i for i in x)
        """,
    ),
    "nothing": (
        "unreadable",
        r".*None.*",
        """
        def f_a(x):
            return None
        """,
    ),
    "alarm": (
        "raised",
        r"ValueError: alarm.*",
        """
        def f_a(x):
            import signal, time
            def ring(*_): raise ValueError('alarm')
            signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            time.sleep(5)
        """,
    ),
    "text of an exception": (
        "raised",
        r"E .*",
        """
        def f_a(x):
            class E(Exception):
                def __str__(self): raise self
            raise E
        """,
    ),
    "long text": (
        "raised",
        r"ValueError: x{450,500} .*",
        """
        def f_a(x):
            raise ValueError('x' * 10**7)
        """,
    ),
    "odd text": (
        "raised",
        r"ValueError: ��\[2J� .*",
        r"""
        def f_a(x):
            raise ValueError('\ud800\x1b[2J\x00')
        """,
    ),
    "array that raises": (
        "raised",
        r"KeyError: 'no'.*",
        """
        def f_a(x):
            class A:
                def __array__(self, *_, **__): raise KeyError('no')
            return A()
        """,
    ),
    "class that raises": (
        "unreadable",
        r"a returned value should hold real numbers, but holds objects",
        """
        def f_a(x):
            class A:
                @property
                def __class__(self): raise ValueError('no')
            return A()
        """,
    ),
    "detach": (
        "unreadable",
        r".*object",
        """
        def f_a(x):
            class A:
                def detach(self): return self
                cpu = numpy = detach
            return A()
        """,
    ),
}

# Changes of what runs the submission: cells, without f_a.
TAMPERING = {
    "numpy": """
        import numpy as np
        np.asarray = np.array = np.ndarray = lambda *_, **__: 1
        np.add = None
        """,
    "builtins": """
        import builtins
        builtins.isinstance = lambda *_: True
        builtins.len = lambda _: 1
        """,
    "outcomes": """
        import running
        running.Outcome = lambda *_, **__: 3
        """,
    "frames": """
        import frames
        frames.pack = lambda *_: b'x' * 100
        """,
    "judgement": """
        import running
        running._as_arrays = lambda *_: running.Outcome('right', message='full marks')
        """,
    "the worker": """
        import sys
        for name in list(vars(sys.modules['__main__'])): setattr(sys.modules['__main__'], name, None)
        """,
    "all modules": """
        import sys
        sys.modules.clear()
        """,
    "json": """
        import json
        json.dumps = lambda *_: '{}'
        """,
    "its stack": """
        import sys
        frame = sys._getframe()
        while frame: frame.f_locals.clear(); frame = frame.f_back
        """,
    "the end": """
        import atexit, os, time
        atexit.register(time.sleep, 100)
        os._exit = lambda _: time.sleep(100)
        """,
    "all files": """
        import os
        os.closerange(0, 100)
        """,
    "the answers of others": """
        import sys
        frame = sys._getframe()
        while frame.f_back: frame = frame.f_back
        for name in list(frame.f_globals): frame.f_globals.pop(name)
        """,
    "warnings": """
        import warnings
        warnings.simplefilter('error')
        warnings.warn('x')
        """,
    "printing": """
        import sys
        sys.stdout = sys.stderr = None
        """,
    "profile": """
        import sys
        sys.setprofile(lambda *_: 1 / 0)
        """,
}


def _repeated(text, count):
    return ",".join([text] * count)


def _cells(source, count):
    return f'{{"cells":[{_repeated(f"""{{"cell_type":"code","source":"{source}"}}""", count)}]}}'


def _names(used, given):
    lines = [f"n{number} = n{number + 1}" for number in range(given)]
    return "\n".join([*lines, f"def bn_forward(*_): return ({','.join(f'n{n}' for n in range(used))})"])


def inner(count):
    return "def bn_forward(*_):\n" + "".join(f"    def f{number}(): 0\n" for number in range(count))


# What costs whoever reads it, before anything runs: a file's name, its text, and what is said: {} where the
# answer is found.
READING = {
    "a dotted name": ("a.py", lambda: "import " + "a." * 40_000 + "a", "too costly to read"),  # parts squared
    "names and statements": ("a.py", lambda: _names(5000, 4900), "{}"),  # once their product
    "inner functions": ("a.py", lambda: inner(3000), "{}"),  # CPython squares them
    "names of an import": ("a.py", lambda: "import " + ",".join("a" * 100_000), "more than 5000 statements"),
    "empty cells": ("a.ipynb", lambda: _cells("", 400_000), "nothing here answers"),
    "broken cells": ("a.ipynb", lambda: _cells("(", 400_000), "too costly to read: it took longer than"),
    "short strings": (
        "a.ipynb",
        lambda: f'{{"x":[{_repeated(chr(34) + "abcd" + chr(34), 4_000_000)}]}}',
        "too costly to read: it takes more than",
    ),
}
