"""EoU is an IP link of the operating system (deploy/eou.md): a register behind one reaches a
server on another network, through the kernel's own IP at both ends of a pseudo-terminal."""

import os
import shutil
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from tests.pace import scaled

PROGRAM = ("-m", "tests.gateway.assistant.kktpc.ip_link")
NAMESPACE = ("unshare", "-rn")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}


def possible() -> bool:
    """Whether this computer lets us make a network namespace and an interface in it."""
    if not all(map(shutil.which, ("unshare", "ip"))) or not os.access("/dev/net/tun", os.W_OK):
        return False
    tried = subprocess.run([*NAMESPACE, "ip", "link"], capture_output=True, timeout=scaled(10))
    return tried.returncode == 0


@pytest.mark.skipif(not possible(), reason="no rights to make a network namespace")
def test_a_register_behind_an_ip_link_over_a_serial_line_reaches_a_server() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    pc = subprocess.Popen(
        [*NAMESPACE, sys.executable, *PROGRAM, "pc", str(master)],
        pass_fds=[master],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
    )
    try:
        assert pc.stdout is not None and pc.stdout.readline() == b"ready\n"
        register = subprocess.run(
            [*NAMESPACE, sys.executable, *PROGRAM, "register", str(slave)],
            pass_fds=[slave],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=scaled(40),
        )
        assert register.stdout == b"same\n", register.stderr
    finally:
        pc.kill()
        pc.wait()
        assert pc.stdout is not None
        pc.stdout.close()
        os.close(master)
        os.close(slave)
