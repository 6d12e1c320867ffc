"""Whether an address is sure to be this machine's own."""

import ipaddress


def is_this_machine(host: str) -> bool:
    """Whether a name is sure to mean this machine, without asking a resolver, which others may answer for."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"
