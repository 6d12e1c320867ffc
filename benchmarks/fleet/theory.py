"""What queueing theory says of waiting, for the cases it has an answer to. Times in seconds, rates a second.

`load` is the share of time that servers work: arrivals * service / servers, below 1.
"""

from math import factorial


def erlang_c(servers: int, offered: float) -> float:
    """The probability to wait in M/M/c, where `offered` = arrivals * service (Erlang, 1917).

    Raises:
        ValueError: There is more to do than servers can.
    """
    if offered >= servers:
        msg = f"{offered:g} erlang are too much for {servers} servers"
        raise ValueError(msg)
    last = offered**servers / factorial(servers) * servers / (servers - offered)
    return last / (sum(offered**n / factorial(n) for n in range(servers)) + last)


def wait_mmc_s(*, per_s: float, service_s: float, servers: int) -> float:
    """Mean wait in M/M/c: one queue, exponential times of service.

    Raises:
        ValueError: There is more to do than servers can.
    """
    offered = per_s * service_s
    return erlang_c(servers, offered) * service_s / (servers - offered)


def wait_mg1_s(*, per_s: float, service_s: float, variation: float) -> float:
    """Mean wait in M/G/1 (Pollaczek-Khinchine); `variation`: of the service, sd / mean. 0 is M/D/1, 1 is M/M/1."""
    load = per_s * service_s
    return load * service_s * (1.0 + variation**2) / (2.0 * (1.0 - load))


def wait_in_turn_s(*, per_s: float, service_s: float, servers: int) -> float:
    """Mean wait where Poisson arrivals are dealt in turn to c servers, each with a queue and exponential service.

    Each is E_c/M/1: it gets every c-th arrival, and in GI/M/1 an arrival waits with the probability s that solves
    s = A(mu (1 - s)), A the Laplace transform of the gaps (Kendall, 1953).
    """
    rate = 1.0 / service_s
    busy = 0.5
    for _ in range(10_000):
        busy = (per_s / (per_s + rate * (1.0 - busy))) ** servers
    return busy / (rate * (1.0 - busy))
