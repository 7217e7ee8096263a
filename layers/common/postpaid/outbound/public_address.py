"""Which addresses are somebody's on the public Internet, and nobody's on the inside.

More than `ipaddress.is_global`: that takes the addresses of translators (NAT64, 6to4, Teredo) for
global, whatever they translate to, and some that no server has.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Registries of special addresses: RFC 6890 and what came after it. Those that `ipaddress` knows to
# be private are not repeated.
_NOBODYS_V4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.31.196.0/24"),  # AS112
    IPv4Network("192.52.193.0/24"),  # AMT
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("192.175.48.0/24"),  # AS112
    IPv4Network("224.0.0.0/3"),  # multicast, and what is reserved
)
# All that is given out to anybody; mapped, translated and local addresses are outside of it.
_SOMEBODYS_V6 = IPv6Network("2000::/3")
_NOBODYS_V6 = (
    IPv6Network("2001::/23"),  # Teredo, benchmarks, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3ffe::/16"),  # 6bone, given back
    IPv6Network("3fff::/20"),  # documentation
)


def is_public(text: str) -> bool:
    """Tell whether an address, as a resolver prints it, is one on the public Internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False  # such as one with a zone, which names an interface
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _NOBODYS_V4)
    assert isinstance(address, IPv6Address)
    if address.scope_id is not None:
        return False
    return address in _SOMEBODYS_V6 and not any(address in each for each in _NOBODYS_V6)
