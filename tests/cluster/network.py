"""The network of the cluster: each node has a loopback device, an address and a name of its own.

So processes of two nodes find each other by addresses that hold on both, as on machines that stand
apart, or not at all.
"""

import socket
import subprocess
from pathlib import Path

LOGIN_ADDRESS = "10.0.1.254"
BRIDGE = "nodes"


def address_of(node):
    """Return the address of ``node<number>``."""
    return f"10.0.1.{node.removeprefix('node')}"


def connect(nodes, hosts):
    """Make the nodes' namespaces, all on one bridge with the login node; ``hosts`` names them all.

    What is mounted and made stays within the namespaces that tests/cluster/run.sh has begun.
    """
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("address", "add", f"{LOGIN_ADDRESS}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    for node in nodes:
        ip("netns", "add", node)
        ip("link", "add", node, "type", "veth", "peer", "name", "eth0", "netns", node)
        ip("link", "set", node, "master", BRIDGE, "up")
        ip("-n", node, "address", "add", f"{address_of(node)}/24", "dev", "eth0")
        ip("-n", node, "link", "set", "eth0", "up")
        ip("-n", node, "link", "set", "lo", "up")
    names = {"127.0.0.1": "localhost", LOGIN_ADDRESS: socket.gethostname()}
    names |= {address_of(node): node for node in nodes}
    Path(hosts).write_text("".join(f"{address} {name}\n" for address, name in names.items()))
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def on_node(node, *command):
    """Return the command that runs another one where the node's name and network are."""
    # `ip netns exec` would mount another /sys, without the control groups that slurmd looks for.
    enter = ("nsenter", f"--net=/run/netns/{node}", "unshare", "--uts")
    return (*enter, "sh", "-c", f'hostname {node} && exec "$@"', "sh", *command)


def ip(*words):
    """Call ``ip``."""
    subprocess.run(["ip", *words], check=True)
