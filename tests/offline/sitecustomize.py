"""Closes the network, but for this computer itself, to every Python that starts with this folder on its path.

The test run puts the folder on ``PYTHONPATH``, so that each kernel begins here: no lesson may need the
network. An audit hook sees the calls of Python's own socket module, cannot be undone, and lets the kernel's
channels pass. The error is an ``OSError``, as on a computer without network, so that a fallback is tried.
"""

import ipaddress
import socket
import sys


def is_local(host):
    """True for a loopback address, this computer's name, and no host at all (a socket in the file system)."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def close_network(event, arguments):
    """Audit hook: refuse to look up, or to send to, any host but this one."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[-1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_local(host):
        raise OSError(f"the network is closed in tests: {event} to {host!r}")


sys.addaudithook(close_network)
