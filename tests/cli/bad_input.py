#!/usr/bin/env python3
"""Dockerfiles that are wrong, large or both: bad_input.py KILN DIR [NAME...]

Runs 'kiln check' and 'kiln build --dry-run' on each and asserts what issue 3 promises: no crash, no
hang, under 1 s and under 200 MB. Prints a line a case; the exit status says whether all held.
Where a case says so, the message must hold that text, with file, line and column.
"""
import os
import resource
import subprocess
import sys
import time

SECONDS, MEGABYTES = 1.0, 200
MIB = 1 << 20


def nested(depth, form="${a:-%s}", core="x"):
    head, tail = form.split("%s")
    return head * depth + core + tail * depth


def doubling(n):
    lines = ["FROM scratch", "ARG A0=0123456789"]
    lines += [f"ARG A{i}=$A{i - 1}$A{i - 1}" for i in range(1, n)]
    return "\n".join(lines + [f"ENV X=$A{n - 1}"])


def fill(line, size=MIB):
    return line * (size // len(line))


def cases():
    lots = 100000
    yield "empty", "", "no instruction"
    yield "only comments", "# x\n" * lots, "no instruction"
    yield "NUL", "FROM scratch\nRUN a\0b\n", "NUL"
    yield "only NULs", "\0" * MIB, "NUL"
    yield "binary", bytes(range(256)) * 4096, None
    yield "UTF-16", "\ufeffFROM scratch".encode("utf-16"), "UTF-16"
    yield "broken UTF-8", b"FROM scratch\nENV A=\xff\xfe\xc0\x80\n" * 1000, None
    yield "too large", "#" * (3 * MIB), "more than 2097152 bytes"
    yield "too many lines", "FROM scratch\n" + "\n" * 300000, "lines"
    yield "100,000 lines of RUN", "FROM scratch\n" + "RUN x\n" * lots, None
    yield "100,000 lines of ENV", "FROM scratch\n" + "".join(f"ENV V{i}=x\n" for i in range(lots)), None
    yield "100,000 lines of ENV and RUN", "FROM scratch\n" + "".join(
        f"ENV V{i}=x\nRUN x\n" for i in range(lots // 2)), None
    yield "100,000 lines of ARG", "FROM scratch\n" + "".join(f"ARG V{i}=x\n" for i in range(lots)), None
    yield "100,000 global ARGs", "".join(f"ARG V{i}=x\n" for i in range(lots)) + "FROM scratch\n", None
    yield "100,000 lines of LABEL", "FROM scratch\n" + "".join(f"LABEL l{i}=x\n" for i in range(lots)), None
    yield "100,000 lines of EXPOSE", "FROM scratch\n" + "".join(
        f"EXPOSE {i % 65535 + 1}\n" for i in range(lots)), None
    yield "EXPOSE of every port, often", "FROM scratch\n" + "EXPOSE 1-65535/tcp 1-65535/udp\n" * 1000, None
    yield "100,000 lines of VOLUME", "FROM scratch\n" + "".join(f"VOLUME /v{i}\n" for i in range(lots)), None
    yield "100,000 lines of COPY", "FROM scratch\n" + "COPY a /b\n" * lots, None
    yield "100,000 lines of WORKDIR", "FROM scratch\n" + "WORKDIR a\n" * lots, None
    yield "100,000 lines of ONBUILD", "FROM scratch AS a\n" + "ONBUILD RUN x\n" * lots + "FROM a\n", None
    yield "100,000 unknown variables", "FROM base\n" + "".join(f"ENV A=$V{i}\n" for i in range(lots)), None
    yield "100,000 warnings", "FROM scratch\n" + "ENV A b\n" * lots, None
    yield "10,000 stages", "FROM scratch AS s0\n" + "".join(
        f"FROM s{i - 1} AS s{i}\n" for i in range(1, 10000)), None
    yield "10,000 stages with ENV", "FROM scratch AS s0\n" + "".join(
        f"FROM s{i - 1} AS s{i}\nENV V{i}=x\n" for i in range(1, 10000)), None
    yield "10,000 stages read each other", "FROM scratch AS s0\n" + "".join(
        f"FROM scratch AS s{i}\nCOPY --from=s{i - 1} a b\n" for i in range(1, 10000)), None
    yield "50,000 stages", "FROM scratch\n" * 50000, "stages"
    yield "10,000 images", "".join(f"FROM image{i}\n" for i in range(10000)), None
    yield "stages in a circle", "FROM scratch AS a\nCOPY --from=b x y\nFROM scratch AS b\nCOPY --from=a x y\n", \
        "cannot copy from stage 'b'"
    yield "recursive ONBUILD", "FROM scratch\nONBUILD ONBUILD RUN x\n", "ONBUILD"
    yield "1 MiB of ONBUILD", "FROM scratch\n" + fill("ONBUILD "), "ONBUILD"
    yield "ARG doubles", doubling(40), "expan"
    yield "ARG nested, 1 MiB", "FROM scratch\nARG X=" + nested(MIB // 6), None
    yield "ARG nested with alternatives, 1 MiB", "FROM scratch\nARG X=" + nested(MIB // 8, "${a:-${b:-%s}}"), None
    yield "nested with replacement", "FROM scratch\nENV X=" + nested(10000, "${a/x/%s}"), None
    yield "patterns that backtrack", "FROM scratch\nARG A=" + "a" * 100000 + "\n" + \
        "ENV B=${A##" + "*a" * 1000 + "b}\n", None
    yield "dollars", "FROM scratch\nENV X=" + "$" * MIB, None
    yield "braces never closed", "FROM scratch\nENV X=" + "${" * (MIB // 2), None
    yield "quotes never closed", "FROM scratch\nENV X=" + "'\"" * (MIB // 2) + "\"", None
    yield "1 MiB of words", "FROM scratch\nCOPY " + "a " * (MIB // 2) + "/\n", None
    yield "1 MiB of RUN words", "FROM scratch\nRUN " + "a " * (MIB // 2) + "\n", None
    yield "1 MiB of RUN operators", "FROM scratch\nRUN " + "a|b;" * (MIB // 4) + "\n", None
    yield "1 MiB of ENV pairs", "FROM scratch\nENV " + "a=b " * (MIB // 4) + "\n", None
    yield "distinct ENV pairs", "FROM scratch\nENV " + " ".join(f"a{i}=b" for i in range(lots)) + "\n", None
    yield "1 MiB of flags", "FROM scratch\nRUN " + "--mount=type=tmpfs,target=/x " * (MIB // 30) + "x\n", None
    yield "1 MiB of one mount", "FROM scratch\nRUN --mount=" + "type=tmpfs," * (MIB // 12) + "target=/x x\n", None
    yield "1 MiB of JSON", "FROM scratch\nCMD [" + '"a",' * (MIB // 4) + '"b"]\n', None
    yield "nested JSON", "FROM scratch\nCMD " + "[" * MIB + "\n", None
    yield "giant heredoc", "FROM scratch\nRUN <<E\n" + "x" * MIB + "\nE\n", None
    yield "heredoc of 100,000 lines", "FROM scratch\nCOPY <<E /x\n" + "$x\n" * lots + "E\n", None
    yield "heredoc never ends", "FROM scratch\nRUN <<E\n" + "x\n" * lots, "unterminated heredoc"
    yield "many heredocs", "FROM scratch\nRUN " + " ".join(f"<<E{i}" for i in range(5000)) + "\n", "heredoc"
    yield "continuation without end", "FROM scratch\nRUN a \\\n" + "\\\n" * lots, None
    yield "empty continuation lines", "FROM scratch\nRUN a \\\n" + "\n" * lots + " b\n", None
    yield "comments in a continuation", "FROM scratch\nRUN a \\\n" + "# x\n" * lots + " b\n", None
    yield "one line of 1 MiB", "FROM scratch\nRUN " + "x" * MIB, None
    yield "keyword of 1 MiB", "x" * MIB, "unknown instruction"
    yield "flag of 1 MiB", "FROM scratch\nRUN --" + "x" * MIB + " y\n", "flag"
    yield "image of 1 MiB", "FROM " + "x" * MIB + "\n", None
    yield "directives", "# check=" + "skip=A;" * (MIB // 8) + "\nFROM scratch\n", None
    yield "skip list", "# check=skip=" + "A," * (MIB // 2) + "\nFROM scratch\n" + "ENV A b\n" * 1000, None
    yield "PATH that climbs", "FROM scratch\nWORKDIR " + "../" * (MIB // 3) + "\n", None
    yield "byte order mark alone", "\ufeff", "no instruction"
    yield "byte order mark twice", "\ufeff\ufeffFROM scratch\n", "unknown instruction"
    yield "CRLF, 100,000 lines", "\ufeffFROM scratch\r\n" + "RUN a `\\\r\n b\r\n" * (lots // 2), None
    yield "CR alone", "FROM scratch\rRUN x\r" * 1000, None
    yield "NUL in a heredoc", "FROM scratch\nCOPY <<E /x\na\0b\nE\n", "NUL"
    yield "heredoc of broken UTF-8", b"FROM scratch\nCOPY <<E /x\n" + b"\xff$\xfe${\xfd}" * 1000 + b"\nE\n", None
    yield "heredoc of variables, 1 MiB", "FROM scratch\nCOPY <<E /x\n" + "${a:-$b}" * (MIB // 8) + "\nE\n", None
    yield "100,000 ONBUILD heredocs", "FROM scratch AS a\n" + "ONBUILD RUN <<E\nx\nE\n" * (lots // 3) + "FROM a\n", None
    yield "1 MiB of quotes in a mount", "FROM scratch\nRUN --mount=" + '"' * MIB + " x\n", "--mount"
    yield "1 MiB of --exclude", "FROM scratch\nCOPY " + "--exclude=**/[a-z]*/** " * (MIB // 24) + "a /b\n", None
    yield "1 MiB of git address", "FROM scratch\nADD https://h/" + "x" * MIB + ".git#a:b /x\n", None
    yield "1 MiB of query", "FROM scratch\nADD https://h/x.git?" + "ref=a&" * (MIB // 6) + "tag=b /x\n", "ref"
    yield "platform of 1 MiB", "FROM --platform=" + "a/" * (MIB // 2) + "b scratch\n", "platform"
    yield "1 MiB of EXPOSE", "FROM scratch\nEXPOSE " + "1-65535 " * (MIB // 8) + "\n", None
    yield "ports beyond numbers", "FROM scratch\nEXPOSE " + "9" * MIB + "\n", "invalid containerPort"
    yield "interval of 1 MiB", "FROM scratch\nHEALTHCHECK --interval=" + "9h" * (MIB // 2) + " CMD x\n", "duration"
    yield "nested JSON objects", "FROM scratch\nCMD [" + '{"a":' * (MIB // 5) + "\n", None
    yield "trimmed by patterns", "FROM scratch\nARG A=" + "ab" * 50000 + "\nENV B=${A%%*" + "?" * 5000 + "c}\n", None
    yield "replaced over and over", "FROM scratch\nARG A=" + "a" * 1000 + "\n" + \
        "".join(f"ARG A=${{A//a/aa}}\n" for _ in range(30)) + "ENV B=$A\n", "expan"
    yield "glob", "FROM scratch\nCOPY " + "[" * 100000 + "*" * 100000 + " /x\n", None


def run(kiln, arguments, folder):
    start = time.monotonic()
    process = subprocess.Popen([kiln, *arguments], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=open(os.path.join(folder, ".stderr"), "wb"),
                               stdin=subprocess.DEVNULL)
    timer_status = None
    while timer_status is None and time.monotonic() - start < 20:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            timer_status = status
        else:
            time.sleep(0.002)
    if timer_status is None:
        process.kill()
        _, timer_status, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    # On a busy machine only the time that it ran itself says something.
    seconds = min(time.monotonic() - start, usage.ru_utime + usage.ru_stime)
    with open(os.path.join(folder, ".stderr"), "rb") as file:
        text = file.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(timer_status), seconds, usage.ru_maxrss / 1024, text


def main():
    kiln, folder, names = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    os.makedirs(folder, exist_ok=True)
    os.environ["KILN_ROOT"] = os.path.join(folder, "store")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    good = True
    for name, text, message in cases():
        if names and name not in names:
            continue
        with open(os.path.join(folder, "Dockerfile"), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        for arguments in ["check", "."], ["build", "--dry-run", "--progress", "none", "."]:
            status, seconds, megabytes, stderr = run(kiln, arguments, folder)
            wrong = []
            if status not in (0, 1):
                wrong.append(f"status {status}")
            if seconds > SECONDS:
                wrong.append("too slow")
            if megabytes > MEGABYTES:
                wrong.append("too much memory")
            if message and (status != 1 or message not in stderr):
                wrong.append(f"does not say '{message}' but {stderr[:300]!r}")
            if len(stderr) > 100000:
                wrong.append(f"says {len(stderr)} bytes")
            good = good and not wrong
            print(f"{'not ok' if wrong else 'ok'}: {name} ({arguments[0]}): {seconds:.2f} s, "
                  f"{megabytes:.0f} MB, status {status} {'; '.join(wrong)}", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
