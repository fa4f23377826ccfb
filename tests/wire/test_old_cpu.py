#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS on a CPU without AES instructions and without AVX: qemu's user mode emulates one. It knows no io_uring, so
what runs there is the simulator, whose worlds hold the real stages with real TLS on both sides, and the tests of
the library; that such a CPU really lacks the instructions is shown first.

    test_old_cpu.py BUILD_DIRECTORY"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

CPUS = ["core2duo", "Haswell,-aes"]  # without AES and AVX; with AVX2, but without AES
# The AES-NI round, the AVX one of a sum: each ends a program on a CPU that does not know it.
PROBES = {"aes": 'int main(void) { __asm__ volatile("aesenc %xmm1, %xmm0"); return 0; }',
          "avx2": 'int main(void) { __asm__ volatile("vpaddd %ymm1, %ymm0, %ymm0"); return 0; }'}
TESTS = ["unit_tls_wolfssl", "unit_tls_random", "unit_tls_tickets", "unit_tls_certificate"]


def emulated(cpu, command):
    return subprocess.run(["qemu-x86_64", "-cpu", cpu, *command], capture_output=True, text=True, timeout=200,
                          check=False)


def has(cpu, probe, folder):
    program = os.path.join(folder, probe)
    if not os.path.exists(program):
        subprocess.run(["cc", "-x", "c", "-o", program, "-"], input=PROBES[probe], text=True, check=True)
    return emulated(cpu, [program]).returncode == 0


def main():
    build = os.path.abspath(sys.argv[1])
    if not shutil.which("qemu-x86_64"):
        print("qemu-user is not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="sluice-cpu-") as folder:
        if has("core2duo", "aes", folder) or has("core2duo", "avx2", folder) or \
                has("Haswell,-aes", "aes", folder) or not has("Haswell,-aes", "avx2", folder):
            raise AssertionError("the emulated CPUs are not as they should be")
    for cpu in CPUS:
        for test in TESTS:
            run = emulated(cpu, [os.path.join(build, test)])
            if run.returncode or "[  PASSED  ]" not in run.stdout + run.stderr:
                raise AssertionError(f"{test} on {cpu}: {run.returncode}\n{run.stdout}\n{run.stderr}")
        run = emulated(cpu, [os.path.join(build, "sim"), "--exchanges", "1000"])
        shaken = re.search(r"^full TLS handshakes.*\D(\d+)$", run.stdout, re.M)
        if run.returncode or "all is well" not in run.stdout or not shaken or int(shaken[1]) < 20:
            raise AssertionError(f"the simulator on {cpu}: {run.returncode}\n{run.stdout}\n{run.stderr}")
        print(f"{cpu}: {len(TESTS)} tests, {shaken[1]} handshakes in the simulator: all is well")
        started = emulated(cpu, [os.path.join(build, "sluice"), "proxy", "--from", "127.0.0.1:0", "--to",
                                 "127.0.0.1:1", "--tls", "self-signed"])
        # A certificate was made and tried; then what the emulator lacks.
        if "io_uring" not in started.stderr:
            raise AssertionError(f"sluice on {cpu}: {started.returncode}\n{started.stderr}")
    return 0


sys.exit(main())
