#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""CMake refuses a wolfSSL without code for the CPU's AES instructions, says what it would cost, and takes it when
told to.

    test_slow_crypto.py CMAKE WOLFSSL_PREFIX [OPTION...]"""
import os
import shutil
import subprocess
import sys
import tempfile


def configure(cmake, folder, options):
    run = subprocess.run([cmake, "-S", ".", "-B", os.path.join(folder, "build"), "-G", "Ninja", *options],
                         capture_output=True, text=True, timeout=100, check=False)
    return run.returncode, " ".join(run.stderr.split())


def main():
    cmake, prefix, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="sluice-cmake-") as folder:
        own = os.path.join(folder, "wolfssl")
        os.makedirs(os.path.join(own, "lib"))
        shutil.copytree(os.path.join(prefix, "include"), os.path.join(own, "include"))
        subprocess.run(["ar", "rcs", os.path.join(own, "lib", "libwolfssl.a")], check=True)
        options += ["-DWOLFSSL_ROOT=" + own]
        code, said = configure(cmake, folder, options)
        for text in ("has no code for the CPU's AES instructions", "thirty times the CPU", "-DSLUICE_SLOW_CRYPTO=ON"):
            if code == 0 or text not in said:
                raise AssertionError(f"{text!r} is not said: {code}, {said}")
        code, said = configure(cmake, folder, [*options, "-DSLUICE_SLOW_CRYPTO=ON"])
        if "AES instructions" in said:
            raise AssertionError(f"it is refused although it was asked for: {said}")
        with open(os.path.join(own, "include", "user_settings.h"), "a", encoding="utf-8") as f:
            f.write("/* other */\n")
        code, said = configure(cmake, folder, options)
        if code == 0 or "was built with other settings" not in said:
            raise AssertionError(f"other settings are taken: {code}, {said}")
    return 0


sys.exit(main())
