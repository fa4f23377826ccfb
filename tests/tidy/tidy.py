#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the tree, as a test.

    tidy.py [ROOT]         prints what breaks a rule as FILE:LINE: RULE: WHAT; status 1 if anything
    tidy.py --self-check   plants one violation of each rule in a temporary tree and expects that
                           it, and nothing else, is found
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 100
TOP_LEVEL = {"build.sh", "CMakeLists.txt", "README.md", "LICENSE",
             "core", "tls", "balance", "bench", "tests", "deploy"}

# Who may include what, in the order of the data's way. A folder may include itself.
MAY_INCLUDE = {
    "core/base": [],
    "core/ring": ["core/base"],
    "core/config": ["core/base"],
    "core/http": ["core/base"],
    "balance": ["core/base"],
    "tls": ["core/base", "core/ring"],
    "core/cache": ["core/base", "core/ring", "core/http"],
    "core/proxy": ["core/base", "core/ring", "core/config", "core/http", "balance", "tls",
                   "core/cache"],
    "core/observe": ["core/base", "core/ring", "core/config", "core/http", "balance", "tls",
                     "core/cache", "core/proxy"],
    "core": ["core", "balance", "tls"],
    "bench": ["core/base", "core/ring", "balance", "tls", "core/cache"],
    "tests": ["core", "balance", "tls", "bench"],
}

# wolfSSL asks for random numbers without saying for whom.
KEEPS_STATE = {"tls/random.c"}

# Written apart, so that this file does not break its own rules.
REGISTRIES = [".".join(parts) for parts in (
    ("debian", "org"), ("ubuntu", "com"), ("github", "com"), ("githubusercontent", "com"),
    ("gitlab", "com"), ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"),
    ("npmjs", "com"), ("crates", "io"), ("docker", "io"), ("docker", "com"), ("ghcr", "io"),
    ("quay", "io"), ("googleapis", "com"), ("golang", "org"))]
REGISTRY = re.compile("|".join(re.escape(name) for name in REGISTRIES), re.I)
LEFT_OVER = re.compile(r"\b(%s)\b" % "|".join(("TO" "DO", "FIX" "ME", "X" "XX")))
MACHINE_PATH = re.compile(r"(?<![\w.*-])/(?:work|root)/")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
RING_CALL = re.compile(
    r"(?<![\w>.])(?:socket|bind|listen|accept4?|connect|shutdown|recv|recvfrom|recvmsg|send|sendto"
    r"|sendmsg|pipe2?|splice|epoll_\w+|io_uring_\w+)\(")
STATE = re.compile(r"^(?!typedef|extern|(?:struct|enum|union) \w+;)"
                   r"(?:[A-Za-z_]\w*[ *]+)+[A-Za-z_]\w*(?:\[[^\]]*\])*(?: =.*|;)$")
COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def blank(match):
    """The same number of lines with nothing in them; a literal stays one."""
    text = match.group()
    return "0" if text[0] in "\"'" else re.sub(r"[^\n]", "", text)


def area(path):
    """The row of MAY_INCLUDE that a path belongs to, or None."""
    folder = os.path.dirname(path)
    while folder and folder not in MAY_INCLUDE:
        folder = os.path.dirname(folder)
    return folder or None


def built(name):
    return name == "build" or name.startswith("build-")


def files_of(root):
    for folder, folders, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        if relative == ".":
            relative = ""
            folders[:] = [f for f in folders if f not in (".git", ".deps")
                          and not built(f)]
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(names):
            if name != ".git":  # of a work tree beside the repository
                yield os.path.join(relative, name)


def check_text(path, lines):
    """Rules for every text file."""
    c_source = path.endswith((".c", ".h", ".def"))
    if c_source:
        if not lines or lines[0] != "/* SPDX-License-Identifier: GPL-3.0-or-later */":
            yield "spdx", 1, "the first line is not the licence line"
    elif path.endswith((".sh", ".py", ".cmake", ".txt")) or (lines and lines[0].startswith("#!")):
        if not any("SPDX-License-Identifier: GPL-3.0-or-later" in line for line in lines[:2]):
            yield "spdx", 1, "no licence line in the first two"
    source = c_source or path.endswith((".sh", ".py"))
    if source and len(lines) > FILE_LINES_MAX:
        yield "file_length", len(lines), f"more than {FILE_LINES_MAX} lines"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield "white_space", number, "white space at the end of the line"
        if LEFT_OVER.search(line):
            yield "left_over", number, line.strip()
        if REGISTRY.search(line):
            yield "host_name", number, line.strip()
        if MACHINE_PATH.search(line):
            yield "machine_path", number, line.strip()


def check_includes(path, lines):
    own = area(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        if name.split("/")[0] in ("liburing.h", "liburing") or name == "linux/io_uring.h":
            if own != "core/ring":
                yield "include", number, f"only core/ring uses {name}"
        elif name == "ares.h" and path != "core/proxy/resolver.c":
            yield "include", number, f"only core/proxy/resolver.c uses {name}"
        elif quote == '"':
            if os.path.dirname(name) == "":
                yield "include", number, f'"{name}" is not written from the root of the tree'
                continue
            other = area(name)
            allowed = [own] + MAY_INCLUDE.get(own, [])
            if other is None or not any(other == a or other.startswith(a + "/") for a in allowed):
                yield "include", number, f"{own} may not include {name}"


def check_c(path, text):
    code = COMMENT_OR_STRING.sub(blank, text).split("\n")
    ours = path.startswith(("core/", "tls/", "balance/"))
    stateless = ours and path not in KEEPS_STATE
    begin = None
    for number, line in enumerate(code, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                yield "function_length", begin, f"more than {FUNCTION_LINES_MAX} lines"
            begin = None
        if stateless and ("_Thread_local" in line or "__thread" in line
                     or (STATE.match(line) and "const" not in line)):
            yield "mutable_state", number, line.strip()
        if (ours or path.startswith("bench/")) and area(path) != "core/ring":
            match = RING_CALL.search(line)
            if match:
                yield "ring_only", number, f"{match.group()}): only core/ring does this"


def check_listed(root, paths):
    """Every C file stands in the lists that CMake reads."""
    lists = ""
    for name in ("CMakeLists.txt", "tests/tests.cmake"):
        if os.path.exists(os.path.join(root, name)):
            with open(os.path.join(root, name), encoding="utf-8") as f:
                lists += f.read()
    lists = re.sub(r"#.*", "", lists)
    listed = set(re.findall(r"[\w./-]+\.c\b", lists))
    for path in paths:
        if path.endswith(".c") and path not in listed:
            yield path, "not_listed", 1, "not in CMakeLists.txt"


def check_format(root, paths):
    """None without clang-format 14: other versions format differently."""
    for tool in ("clang-format-14", "clang-format"):
        if shutil.which(tool):
            version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
            if " 14." in version:
                break
    else:
        return None
    sources = [p for p in paths if p.endswith((".c", ".h"))]
    if not sources:
        return []
    run = subprocess.run([tool, "--dry-run", *sources], cwd=root, capture_output=True, text=True)
    found = {}
    for path, number in re.findall(r"^(\S+?):(\d+):\d+: warning:", run.stderr, re.M):
        found.setdefault(path, int(number))
    return [(path, "format", number, f"{tool} would write this otherwise")
            for path, number in found.items()]


def check_tree(root):
    findings = []
    paths = [p for p in files_of(root) if p != "LICENSE" and not p.startswith("tests/corpus/")]
    for name in sorted(os.listdir(root)):
        if name not in TOP_LEVEL and not name.startswith(".") and not built(name):
            findings.append((name, "top_level", 1, "the top level of the tree is fixed"))
    for path in paths:
        try:
            with open(os.path.join(root, path), encoding="utf-8", newline="") as f:
                text = f.read()
        except UnicodeDecodeError:
            continue
        if text and not text.endswith("\n"):
            findings.append((path, "white_space", text.count("\n") + 1, "no newline at the end"))
        lines = text.split("\n")[:-1]
        rules = [check_text(path, lines)]
        if path.endswith((".c", ".h", ".def")):
            rules += [check_includes(path, lines), check_c(path, text)]
        for rule in rules:
            findings += [(path, *finding) for finding in rule]
    findings += check_listed(root, paths)
    return findings + (check_format(root, paths) or [])


LICENCE = "/* SPDX-License-Identifier: GPL-3.0-or-later */\n"

with open(os.path.join(os.path.dirname(__file__), "../../.clang-format"), encoding="utf-8") as style:
    STYLE = style.read()

CLEAN_TREE = {
    ".clang-format": STYLE,
    "CMakeLists.txt": "# SPDX-License-Identifier: GPL-3.0-or-later\n"
                      "core/base/a.c core/http/h.c core/ring/r.c\n",
    "core/base/a.h": LICENCE + "int twice(int x);\n",
    "core/base/a.c": LICENCE + '#include "core/base/a.h"\n\nint twice(int x)\n{\n'
                               "    return 2 * x; /* socket() \"in\" a comment */\n}\n",
    "core/http/h.c": LICENCE + '#include "core/base/a.h"\n\nstatic const int one = 1;\n',
    "core/ring/r.c": LICENCE + "#include <liburing.h>\n\nint r(void)\n{\n"
                               "    return socket(1, 1, 0);\n}\n",
}

# What is appended to which file, and the rule that must see it.
PLANTED = [
    ("core/base/b.h", "int b(void);\n", ["spdx"]),
    ("deploy/x.sh", "#!/bin/sh\n", ["spdx"]),
    ("core/http/h.c", '#include "core/ring/r.h"\n', ["include"]),
    ("core/base/a.c", '#include "core/http/h.h"\n', ["include"]),
    ("core/base/a.c", '#include "a.h"\n', ["include"]),
    ("core/http/h.c", "#include <liburing.h>\n", ["include"]),
    ("core/http/h.c", "#include <linux/io_uring.h>\n", ["include"]),
    ("tls/t.h", LICENCE + '#include "core/proxy/p.h"\n', ["include"]),
    ("bench/b.h", LICENCE + '#include "core/http/h.h"\n', ["include"]),
    ("core/base/a.c", "/* " + "TO" + "DO: more */\n", ["left_over"]),
    ("core/base/a.c", "/* see deb." + REGISTRIES[0] + " */\n", ["host_name"]),
    ("core/base/a.c", "/* see /" + "work/here */\n", ["machine_path"]),
    ("core/base/a.h", "int a(void); \n", ["white_space", "format"]),
    ("core/base/a.h", "int a(void);", ["white_space"]),
    ("core/base/a.h", "int a(void);\n" * FILE_LINES_MAX, ["file_length"]),
    ("core/http/h.c", "\nint f(int x)\n{\n" + "    x++;\n" * (FUNCTION_LINES_MAX + 1)
     + "}\n", ["function_length"]),
    ("core/http/h.c", "static int count;\n", ["mutable_state"]),
    ("core/http/h.c", "static _Thread_local int x;\n", ["mutable_state"]),
    ("core/http/h.c", "\nint f(int fd)\n{\n    return shutdown(fd, 2);\n}\n", ["ring_only"]),
    ("core/base/new.c", LICENCE, ["not_listed"]),
    ("tests/unit/base/test_new.c", LICENCE, ["not_listed"]),
    ("notes.md", "notes\n", ["top_level"]),
    ("core/base/a.h", "int  a(void);\n", ["format"]),
]


def rules_found(tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        return [(finding[0], finding[1]) for finding in check_tree(root)]


def self_check():
    wrong = 0
    formats = check_format(".", []) is not None
    for path, text, rules in [("core/base/a.h", "", [])] + PLANTED:
        tree = dict(CLEAN_TREE)
        tree[path] = tree.get(path, "") + text
        expected = {(path, rule) for rule in rules if formats or rule != "format"}
        found = set(rules_found(tree))
        if found != expected:
            print(f"planted {rules} in {path}: found {sorted(found)}")
            wrong += 1
    print(f"{len(PLANTED) + 1} trees checked, {wrong} wrong")
    return 1 if wrong else 0


def main(arguments):
    if arguments == ["--self-check"]:
        return self_check()
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..", "..")
    findings = sorted(check_tree(root), key=lambda f: (f[0], f[2]))
    for path, rule, number, text in findings:
        print(f"{path}:{number}: {rule}: {text}")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
